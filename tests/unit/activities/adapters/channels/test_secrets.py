"""Each failure of each provider, and every log line of it: no key, no password, no address, no URL."""

import base64
import logging

import pytest

from domain.errors import ChannelFailed
from domain.notices import Channel

PHONE, MEMBER, MAIL = "+8619900001234", "secret.member", "secret.person@bank.example"
WEBHOOK_SECRET = f"whsec_{base64.b64encode(b'webhook-key-of-32-bytes-and-more').decode()}"
SECRETS = (
    "19900001234",
    MEMBER,
    "secret.person",
    "key-9f3c",
    "pa55-word",
    "robot-user",
    "corp-secret",
    "corp-id-77",
    "header-key-1",
    "token-1",
    "secret-path",
    WEBHOOK_SECRET.removeprefix("whsec_"),
)
HTTP: tuple[tuple[str, Channel, str, str], ...] = (
    (
        "sms_url",
        Channel.SMS,
        PHONE,
        "{url}/secret-path?apikey=key-9f3c#expect=code:0&header.X-Key=header-key-1&send.sign=pa55-word",
    ),
    ("sms_url", Channel.SMS, PHONE, "{json}/secret-path/key-9f3c/{{address}}"),
    ("wecom_url", Channel.WECOM, "accounts", "wecombot://key-9f3c#for=accounts&at={url}"),
    ("wecom_url", Channel.WECOM, MEMBER, "wechat://corp-id-77:corp-secret@1/{{address}}#at={url}"),
    ("webhook_url", Channel.WEBHOOK, MEMBER, "{url}/secret-path?k=key-9f3c"),
)
ECHO = " ".join((PHONE, *SECRETS))
ANSWERS = {
    "dead": None,
    "500": (500, {"errcode": 1, "errmsg": ECHO}),
    "429": (429, {"errmsg": ECHO}),
    "dropped": (200, {"errcode": 93000, "code": ECHO, "errmsg": ECHO}),
    "redirect": (302, {}, {"Location": "http://127.0.0.1/?key=key-9f3c"}),
}


def check(words: str) -> None:
    assert [each for each in SECRETS if each in words] == []


@pytest.mark.parametrize("failure", ANSWERS)
@pytest.mark.parametrize(("setting", "channel", "address", "url"), HTTP)
def test_no_failure_over_http_tells_a_secret(
    gateway, made, notice, caplog, *, free_port, failure, setting, channel, address, url
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = ANSWERS[failure]
    place = f"127.0.0.1:{free_port}" if answer is None else gateway.url.removeprefix("http://")
    gateway.says(answer or {})
    written = url.format(url=f"http://{place}", json=f"json://robot-user:pa55-word@{place}")
    sender = made(**{setting: written}, webhook_secret=WEBHOOK_SECRET)
    caplog.clear()

    if (failure, channel) == ("dropped", Channel.WEBHOOK) or (failure == "dropped" and "json://" in written):
        # Whatever answers 2xx there has taken it: nothing else is agreed.
        sender.send(notice(channel), address)
    else:
        with pytest.raises(ChannelFailed) as caught:
            sender.send(notice(channel), address)
        check(str(caught.value))
        check(repr(caught.value))
        assert caught.value.__cause__ is None
    # The gateway of the test runs in this process and logs what it was asked.
    ours = [each for each in caplog.records if not each.name.startswith(("uvicorn", "asyncio"))]
    check("\n".join(each.getMessage() for each in ours))
    check(repr(sender))
    check(repr(vars(sender)))


def test_a_dead_mail_server_tells_none_either(made, notice, caplog, free_port) -> None:
    caplog.set_level(logging.DEBUG)
    sender = made(email_url=f"smtp://robot-user:pa55-word@127.0.0.1:{free_port}")
    with pytest.raises(ChannelFailed, match="email: email-1: no connection") as caught:
        sender.send(notice(Channel.EMAIL), MAIL)
    check(str(caught.value))
    check(caplog.text)
    assert caught.value.__cause__ is None
