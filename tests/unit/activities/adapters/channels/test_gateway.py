"""SMS over HTTP gateways: what is posted, and which answers are believed."""

import json
from urllib.parse import parse_qs

import pytest

from activities.adapters.channels import AddressRefused, Throttled, message_id
from domain.errors import ChannelFailed
from domain.notices import Channel

PHONE = "+8619900001234"
IDENTITY = message_id("T1/notify/1")


def test_the_message_is_a_json_body_with_its_stable_id(gateway, made, notice) -> None:
    sender = made(
        sms_url=f"{gateway.url}/send?apikey=K#to=mobile&text=content&id=data.uid&send.data.sign=银行&header.X-Tenant=7"
    )
    assert sender.send(notice(Channel.SMS), PHONE) == "sms-1: taken by the gateway"
    [asked] = gateway.asked
    assert (asked.method, asked.path, asked.query) == ("POST", "/send", {"apikey": "K"})
    assert json.loads(asked.body) == {
        "mobile": PHONE,
        "content": "subject\n正文 text",
        "data": {"uid": IDENTITY, "sign": "银行"},
    }
    assert asked.headers["idempotency-key"] == IDENTITY
    assert asked.headers["x-tenant"] == "7"


def test_a_form_is_posted_where_the_gateway_wants_one(gateway, made, notice) -> None:
    made(sms_url=f"{gateway.url}/send#format=form").send(notice(Channel.SMS, subject=""), PHONE)
    [asked] = gateway.asked
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(asked.body.decode()) == {"to": [PHONE], "text": ["正文 text"], "message_id": [IDENTITY]}


@pytest.mark.parametrize(
    ("expect", "answer"),
    [
        ("code:0", {"code": 0}),
        ("code:0", {"code": "0"}),
        ("ok:true", {"ok": True}),
        ("data.0.status:queued|delivered", {"data": [{"status": "delivered"}]}),
    ],
)
def test_an_answer_with_the_expected_value_is_believed(gateway, made, notice, expect, answer) -> None:
    gateway.says(answer)
    made(sms_url=f"{gateway.url}/send#expect={expect}").send(notice(Channel.SMS), PHONE)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"code": 15}, "code is 15,"),
        ({"code": None}, "code is nothing,"),
        ({"codes": 0}, "code is nothing,"),
        ([], "code is nothing,"),
        ({}, "code is nothing,"),
        (b"<html>welcome to the proxy</html>", "code is nothing,"),
        (b"", "code is nothing,"),
        ({"code": f"number {PHONE} with key K3f8a"}, "code is a text of its own,"),
        ({"code": "K3f8a"}, r"code is \*\*\*,"),
        ({"code": "8619900001234"}, r"code is \*\*\*,"),
        ({"code": "text " * 20}, "code is a text of its own,"),
    ],
)
def test_a_200_that_took_nothing_is_a_failure(gateway, made, notice, answer, said) -> None:
    gateway.says(answer)
    sender = made(sms_url=f"{gateway.url}/send?apikey=K3f8a#expect=code:0")
    with pytest.raises(ChannelFailed, match=f"sms: sms-1: the gateway answered 2xx and took nothing: {said}"):
        sender.send(notice(Channel.SMS), PHONE)


@pytest.mark.parametrize("status", [301, 302, 400, 401, 404, 500, 503])
def test_any_other_answer_is_a_failure_and_no_redirect_is_followed(gateway, made, notice, status) -> None:
    gateway.says((status, {"code": 0}, {"Location": f"{gateway.url}/elsewhere"}))
    with pytest.raises(ChannelFailed, match=f"answered {status}"):
        made(sms_url=f"{gateway.url}/send#expect=code:0").send(notice(Channel.SMS), PHONE)
    assert [each.path for each in gateway.asked] == ["/send"]


@pytest.mark.parametrize(
    ("header", "seconds"), [("30", 30), ("0", 1), ("99999", 3600), ("Wed, 21 Oct 2026 07:28:00 GMT", 60)]
)
def test_a_429_says_when_it_can_go(gateway, made, notice, header, seconds) -> None:
    gateway.says((429, {}, {"Retry-After": header}))
    with pytest.raises(Throttled) as later:
        made(sms_url=f"{gateway.url}/send").send(notice(Channel.SMS), PHONE)
    assert later.value.retry_in_s == seconds


def test_a_pace_of_the_settings_holds_for_all_receivers_together(gateway, made, notice) -> None:
    sender = made(sms_url=f"{gateway.url}/send#per_minute=2")
    sender.send(notice(Channel.SMS), PHONE)
    sender.send(notice(Channel.SMS), "+8619900005678")
    with pytest.raises(Throttled, match=r"2 messages in a minute .* can go in (59|60) s"):
        sender.send(notice(Channel.SMS), "+8619900009876")


@pytest.mark.parametrize("address", ["", "not a number", "12", "123/../456"])
def test_an_sms_needs_a_number(gateway, made, notice, address) -> None:
    with pytest.raises(AddressRefused):
        made(sms_url=f"{gateway.url}/send").send(notice(Channel.SMS), address)
    assert gateway.asked == []


def test_the_second_gateway_takes_what_the_first_dropped_under_the_same_id(gateway, made, notice) -> None:
    gateway.says({"code": 15}, {"code": 0})
    urls = f"{gateway.url}/a#expect=code:0 {gateway.url}/b#expect=code:0&name=spare"
    assert made(sms_url=urls).send(notice(Channel.SMS), PHONE) == "spare: taken by the gateway"
    assert [each.path for each in gateway.asked] == ["/a", "/b"]
    assert {each.headers["idempotency-key"] for each in gateway.asked} == {IDENTITY}
