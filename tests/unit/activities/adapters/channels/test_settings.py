"""What the settings of channels may hold, and what is said of what they may not: never their values."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from activities.adapters.channels import channel_senders, message_id
from domain.errors import InvalidInput
from domain.notices import Channel

SENDER = "opsloop@bank.example"
SECRET = f"whsec_{base64.b64encode(b'k' * 32).decode()}"
KEY = "693a91f6-7aoc-4bc4-97a0-0ec2sifa5aaa"


def senders(**settings: str) -> dict[Channel, object]:
    secret = {name: SecretStr(value) for name, value in settings.items() if name != "email_from"}
    return dict(channel_senders(email_from=settings.get("email_from", SENDER), **secret))  # type: ignore[arg-type]


def refused(**settings: str) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        senders(**settings)
    return caught.value


@pytest.mark.parametrize("nothing", ["", "  "])
def test_a_channel_without_a_url_is_absent(nothing: str) -> None:
    assert set(senders(sms_url="json://127.0.0.1:1/sms/{address}", webhook_url=nothing)) == {Channel.SMS}


@pytest.mark.parametrize(
    ("setting", "url"),
    [
        ("sms_url", f"twilio://AC{'a' * 32}:{'b' * 32}@+15551234567/{{address}}"),
        ("sms_url", f"twilio://AC{'a' * 32}:{'b' * 32}@+15551234567/{{address}}#per_minute=60&name=twilio"),
        ("sms_url", "https://sms.bank.example/send?key=K#to=mobile&text=content&id=uid&expect=code:0"),
        (
            "sms_url",
            "https://sms.bank.example/send#format=form&send.sign=bank&header.X-Api-Key=K&expect=a.0.b:x|y",
        ),
        ("wecom_url", "wecombot://{address}"),
        ("wecom_url", f"wecombot://{KEY}#for=account-operations"),
        ("wecom_url", "wechat://corpid:secret@1000002/{address}"),
        ("wecom_url", "wechat://corpid:secret@1000002/{address}#at=https://wecom.bank.example&per_minute=10"),
        ("webhook_url", "https://hooks.bank.example/opsloop"),
        ("email_url", "smtps://user:password@mail.bank.example:465 smtp://127.0.0.1:25"),
    ],
)
def test_the_urls_that_the_documentation_names_are_taken(setting: str, url: str) -> None:
    made = senders(**{setting: url, "webhook_secret": SECRET})
    assert [channel.value for channel in made] == [setting.removesuffix("_url")]


def test_providers_are_named_by_their_place_unless_they_have_a_name() -> None:
    urls = "https://a.bank.example/x https://b.bank.example/x#name=spare json://host/{address}"
    [sender] = senders(sms_url=urls).values()
    assert sender.names == ("sms-1", "spare", "sms-3")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("setting", "url", "words"),
    [
        ("email_url", "http://mail:25", "OPSLOOP_EMAIL_URL: expected smtp://"),
        ("email_url", "smtp://:25", "OPSLOOP_EMAIL_URL: expected smtp://"),
        ("email_url", "mail.bank.example", "OPSLOOP_EMAIL_URL: expected smtp://"),
        ("email_url", "smtp://secret-host:notaport", "OPSLOOP_EMAIL_URL: expected smtp://"),
        ("sms_url", "nosuchservice://key-9f3/{address}", "OPSLOOP_SMS_URL: expected an Apprise URL"),
        ("sms_url", "json://secret-host/without-a-place", "{address} in it"),
        ("sms_url", "http://secret-host/sms", "OPSLOOP_SMS_URL: expected an https URL"),
        ("sms_url", "https:///sms", "OPSLOOP_SMS_URL: expected an https URL"),
        ("sms_url", "https://secret-host:port/sms", "OPSLOOP_SMS_URL: expected an https URL"),
        ("sms_url", "https://secret-host/#expect=code", "expect: expected PATH:VALUE"),
        ("sms_url", "https://secret-host/#format=xml", "format: expected json or form"),
        ("sms_url", "https://secret-host/#per_minute=0", "per_minute: expected a whole number"),
        ("sms_url", "https://secret-host/#per_minute=many", "per_minute: expected a whole number"),
        ("sms_url", "https://secret-host/#colour=red", "unknown option 'colour'"),
        ("sms_url", "https://secret-host/#name=a/b", "name: expected letters"),
        ("sms_url", "https://x.example https://secret-host/#colour=red", "OPSLOOP_SMS_URL, URL 2: unknown"),
        ("sms_url", "https://x.example#name=a https://secret-host#name=a", "the same name"),
        ("wecom_url", "wecombot://secret-key", "expected #for="),
        ("wecom_url", "wecombot://secret-key!", "expected wecombot://KEY"),
        (
            "wecom_url",
            "wechat://corporation-without-secret@1/{address}",
            "expected wechat://CORPID:SECRET@AGENT",
        ),
        ("wecom_url", "wechat://corp:secret@agent/{address}", "expected wechat://CORPID:SECRET@AGENT"),
        ("wecom_url", "wechat://corp:secret@1/{address}#at=http://secret-host", "expected an https URL"),
        ("webhook_url", "http://secret-host/hook", "OPSLOOP_WEBHOOK_URL: expected an https URL"),
    ],
)
def test_a_wrong_url_names_its_setting_and_what_was_expected_and_not_its_value(
    setting: str, url: str, words: str
) -> None:
    error = refused(**{setting: url, "webhook_secret": SECRET})
    assert words in str(error)
    assert error.field == setting
    assert url not in str(error)
    assert "secret-" not in str(error)


def test_a_sender_that_is_no_address_is_refused() -> None:
    assert "OPSLOOP_EMAIL_FROM" in str(refused(email_url="smtp://localhost:25", email_from="nobody"))


@pytest.mark.parametrize(
    "secret", [None, "", "plain-secret-of-enough-characters", "whsec_c2hvcnQ=", "whsec_%%%"]
)
def test_a_webhook_needs_a_secret_that_is_long_enough(secret: str | None) -> None:
    given = {} if secret is None else {"webhook_secret": secret}
    error = refused(webhook_url="https://hooks.bank.example/x", **given)
    assert str(error).startswith("OPSLOOP_WEBHOOK_SECRET: expected whsec_")
    assert not secret or secret not in str(error)


@given(st.text(min_size=1), st.text(min_size=1))
def test_the_id_outside_is_the_same_for_a_repeat_and_only_for_that(one: str, other: str) -> None:
    assert message_id(one) == message_id(one)
    assert (message_id(one) == message_id(other)) == (one == other)
