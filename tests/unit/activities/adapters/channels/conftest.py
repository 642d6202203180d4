"""A gateway that says what a test tells it, and senders made as the settings make them."""

import socket
from collections.abc import Callable, Iterator

import pytest
from pydantic import SecretStr

from activities.adapters.channels import Providers, channel_senders
from domain.notices import Channel, Notice
from tests.fakes.gateway import Gateway, running_gateway

Made = Callable[..., Providers]


@pytest.fixture(scope="session")
def one_gateway() -> Iterator[Gateway]:
    with running_gateway() as gateway:
        yield gateway


@pytest.fixture
def gateway(one_gateway: Gateway) -> Gateway:
    one_gateway.says({})
    one_gateway.asked.clear()
    return one_gateway


@pytest.fixture
def made() -> Made:
    """The one channel that these settings name."""

    def make(*, timeout_s: float = 2.0, **settings: str) -> Providers:
        given = {name: SecretStr(value) for name, value in settings.items()}
        [sender] = channel_senders(
            email_from="opsloop@bank.example",
            timeout_s=timeout_s,
            **given,  # type: ignore[arg-type]
        ).values()
        return sender

    return make


@pytest.fixture
def notice() -> Callable[..., Notice]:
    """A notice of a channel."""

    def write(channel: Channel, body: str = "正文 text", subject: str = "subject") -> Notice:
        return Notice(notice_id="T1/notify/1", channel=channel, to="C1", subject=subject, body=body)

    return write


@pytest.fixture
def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
