"""E-mail over TLS from the start, to a real server with a certificate of the test's own authority."""

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import SecretStr

from activities.adapters.channels import Providers, channel_senders
from domain.errors import ChannelFailed
from domain.notices import Channel, Notice
from tests.support.requirements import need
from tests.support.sinks import free_ports

NOTICE = Notice(notice_id="T1/notify", channel=Channel.EMAIL, to="C1", subject="通知", body="正文")


class Kept:
    """Keeps who signed in and what came."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], bytes]] = []
        self.logins: list[str] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.mails.append((list(envelope.rcpt_tos), envelope.content))
        return "250 kept"

    def check(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append(data.login.decode())
        return AuthResult(success=data.password == b"pa55:word", handled=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that is its own authority, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key, made = folder / "key.pem", folder / "cert.pem"
    try:
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
                *("-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"),
                *("-keyout", str(key), "-out", str(made)),
            ],
            check=True,
            capture_output=True,
        )
    except FileNotFoundError:
        need(False, "the openssl command is not installed")
    return made, key


@pytest.fixture
def server(certificate: tuple[Path, Path]) -> Iterator[tuple[Kept, int]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    kept, [port] = Kept(), free_ports(1)
    controller = Controller(
        kept,
        hostname="127.0.0.1",
        port=port,
        ssl_context=context,
        authenticator=kept.check,
        auth_require_tls=False,
    )
    controller.start()
    yield kept, port
    controller.stop()


def sender(port: int, user: str = "robot:pa55%3Aword") -> Providers:
    url = SecretStr(f"smtps://{user}@127.0.0.1:{port}")
    return channel_senders(email_url=url, email_from="opsloop@bank.example", timeout_s=3)[Channel.EMAIL]


def test_the_banks_own_authority_is_trusted_and_the_password_goes_over_tls(
    server: tuple[Kept, int], certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, port = server
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    sender(port).send(NOTICE, "li@bank.example")
    assert kept.logins == ["robot"]
    [(receivers, content)] = kept.mails
    assert receivers == ["li@bank.example"]
    assert b"Message-ID: <" in content


def test_a_server_that_nobody_vouches_for_gets_neither_password_nor_message(server: tuple[Kept, int]) -> None:
    kept, port = server
    with pytest.raises(
        ChannelFailed, match="email: email-1: TLS failed: CERTIFICATE_VERIFY_FAILED"
    ) as caught:
        sender(port).send(NOTICE, "li@bank.example")
    assert (kept.logins, kept.mails) == ([], [])
    assert "pa55" not in str(caught.value)


def test_a_wrong_password_is_refused_without_being_told(
    server: tuple[Kept, int], certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, port = server
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with pytest.raises(ChannelFailed, match="email: email-1: 535 ") as caught:
        sender(port, "robot:wr0ng-word").send(NOTICE, "li@bank.example")
    assert kept.mails == []
    assert "wr0ng" not in str(caught.value)
