"""Apprise's services as providers: addresses they take, and their words without secrets."""

import logging

import pytest
from apprise import Apprise

from activities.adapters.channels import AddressRefused, Throttled
from domain.errors import ChannelFailed
from domain.notices import Channel

PHONE = "+8619900001234"


def test_what_a_service_says_itself_is_shown_without_secrets(
    made, notice, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, token = f"AC{'a' * 32}", "b" * 32
    sender = made(sms_url=f"twilio://{account}:{token}@+15551234567/{{address}}")
    say = logging.getLogger("apprise").warning

    def refuse(*_args: object, **_kwargs: object) -> bool:
        say("Failed to send to %s with %s:%s, error=401.", PHONE, account, token)
        return False

    service = Apprise.instantiate(f"twilio://{account}:{token}@+15551234567/{PHONE}")
    monkeypatch.setattr(type(service), "send", refuse)

    with pytest.raises(ChannelFailed) as caught:
        sender.send(notice(Channel.SMS), PHONE)
    assert str(caught.value) == "sms: sms-1: Failed to send to *** with ***:***, error=401."


@pytest.mark.parametrize("address", ["", "not a number", "12", "123/../456"])
def test_an_sms_needs_a_number(made, notice, address: str) -> None:
    sender = made(sms_url="json://127.0.0.1:1/sms/{address}")
    with pytest.raises(AddressRefused, match="the address is not one"):
        sender.send(notice(Channel.SMS), address)


def test_a_pace_behind_the_url_holds_for_the_service(made, notice, gateway) -> None:
    url = gateway.url.replace("http://", "json://")
    sender = made(sms_url=f"{url}/{{address}}?:message_id={{message_id}}#per_minute=1")
    sender.send(notice(Channel.SMS), PHONE)
    with pytest.raises(Throttled, match="1 messages in a minute"):
        sender.send(notice(Channel.SMS), PHONE)
    assert len(gateway.asked) == 1
