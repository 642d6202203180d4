"""Webhooks: what is posted, and that a receiver can tell who posted it."""

import base64
import hashlib
import hmac
import json

import pytest
from pydantic import SecretStr

from activities.adapters.channels import message_id
from activities.adapters.channels.webhook import signature, signing_key
from domain.errors import ChannelFailed
from domain.notices import Channel

SECRET = f"whsec_{base64.b64encode(b'k' * 32).decode()}"


@pytest.fixture
def hook(gateway, made):
    return made(webhook_url=f"{gateway.url}/hook?tenant=7", webhook_secret=SECRET)


def test_the_body_is_signed_with_id_and_time(gateway, hook, notice) -> None:
    assert hook.send(notice(Channel.WEBHOOK), "Account Operations") == "webhook-1: taken by the receiver"
    [asked] = gateway.asked
    assert asked.query == {"tenant": "7"}
    assert json.loads(asked.body) == {
        "type": "notice",
        "id": message_id("T1/notify/1"),
        "to": "Account Operations",
        "subject": "subject",
        "body": "正文 text",
        "task_id": "",
    }
    identity, at = asked.headers["webhook-id"], asked.headers["webhook-timestamp"]
    assert identity == message_id("T1/notify/1")
    digest = hmac.new(b"k" * 32, f"{identity}.{at}.".encode() + asked.body, hashlib.sha256).digest()
    assert asked.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"


def test_a_repeat_has_the_same_id(gateway, hook, notice) -> None:
    for _ in range(2):
        hook.send(notice(Channel.WEBHOOK), "li.wei")
    first, repeat = gateway.asked
    assert first.headers["webhook-id"] == repeat.headers["webhook-id"]


def test_the_signature_is_the_one_that_the_standard_gives_as_its_example() -> None:
    key = signing_key(SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    said = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert said == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("status", [302, 401, 500])
def test_another_answer_than_2xx_is_a_failure(gateway, hook, notice, status) -> None:
    gateway.says((status, {}))
    with pytest.raises(ChannelFailed, match=f"webhook-1: the gateway answered {status}"):
        hook.send(notice(Channel.WEBHOOK), "li.wei")
