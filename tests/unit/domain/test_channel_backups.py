"""Which channel stands in for which, until none is left."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.alerts import AlertPolicy
from domain.notices import Channel, next_channel

SMS, WECOM, EMAIL, WEBHOOK = Channel.SMS, Channel.WECOM, Channel.EMAIL, Channel.WEBHOOK
OUT = (SMS, WECOM, EMAIL, WEBHOOK)


def policy(backups: Mapping[Channel, Channel | None] | None = None) -> AlertPolicy:
    return AlertPolicy(levels={}, backups=dict(backups or {}))


def line(first: Channel, backups: Mapping[Channel, Channel | None] | None = None) -> list[Channel]:
    """All that is tried, in order, when nothing takes it."""
    tried = [first]
    while (following := next_channel(policy(backups), tried)) is not None:
        tried.append(following)
    return tried


def test_by_default_each_channel_ends_at_every_one_that_reaches_a_person() -> None:
    assert line(SMS) == [SMS, WECOM, EMAIL]
    assert line(WECOM) == [WECOM, EMAIL, SMS]
    assert line(EMAIL) == [EMAIL, SMS, WECOM]
    assert line(WEBHOOK) == [WEBHOOK, WECOM, EMAIL, SMS]


def test_a_policy_replaces_what_it_names_and_no_more() -> None:
    assert line(SMS, {SMS: EMAIL}) == [SMS, EMAIL]
    assert line(WECOM, {SMS: EMAIL}) == [WECOM, EMAIL, SMS]


def test_null_ends_the_line() -> None:
    assert line(SMS, {SMS: None}) == [SMS]
    assert line(WEBHOOK, {WECOM: None}) == [WEBHOOK, WECOM]


def test_the_first_channel_is_not_for_backups_to_choose() -> None:
    assert next_channel(policy(), []) is None


def test_the_dashboard_has_none() -> None:
    assert next_channel(policy(), [Channel.DASHBOARD]) is None


@pytest.mark.parametrize(
    ("backups", "words"),
    [
        ({"sms": "sms"}, "sms cannot be its own backup"),
        ({"dashboard": "sms"}, "the dashboard reaches nobody"),
        ({"sms": "dashboard"}, "the dashboard reaches nobody"),
        ({"fax": "sms"}, "'dashboard', 'email', 'sms', 'wecom' or 'webhook'"),
    ],
)
def test_backups_that_make_no_sense_are_refused(backups: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        AlertPolicy.model_validate({"levels": {}, "backups": backups})


@given(
    st.sampled_from(OUT),
    st.dictionaries(st.sampled_from(OUT), st.none() | st.sampled_from(OUT)).map(
        lambda each: {channel: backup for channel, backup in each.items() if channel is not backup}
    ),
)
def test_any_line_ends_and_tries_nothing_twice(
    first: Channel, backups: dict[Channel, Channel | None]
) -> None:
    tried = line(first, backups)
    assert len(tried) == len(set(tried))
    assert Channel.DASHBOARD not in tried
