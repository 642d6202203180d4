"""The small models: what people write is strict, what histories keep is lenient, both are immutable."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.alerts import AlertLevel, AlertPolicy, AlertRule
from domain.handlers import Effect, HandlerSpec
from domain.model import Instant, Model, Record
from domain.notices import Channel
from domain.people import Directory, Principal, Role
from domain.ticket import EventKind, TicketEvent
from tests.fakes.rulebook import people


class Written(Model):
    at: Instant


class Kept(Record):
    at: Instant


def test_what_people_write_has_no_unknown_fields() -> None:
    with pytest.raises(ValidationError, match="colour"):
        Written.model_validate({"at": "2026-11-24T00:00:00Z", "colour": "red"})


def test_what_a_later_version_kept_can_still_be_read() -> None:
    assert Kept.model_validate({"at": "2026-11-24T00:00:00Z", "colour": "red"}).at.year == 2026


@pytest.mark.parametrize("kind", [Written, Kept])
def test_values_are_immutable(kind: Any) -> None:
    value = kind(at=datetime(2026, 11, 24, tzinfo=UTC))
    with pytest.raises(ValidationError, match="frozen"):
        value.at = datetime(2026, 11, 25, tzinfo=UTC)


NAIVE = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1))  # noqa: DTZ001


@given(NAIVE, st.integers(-12 * 60, 14 * 60))
def test_an_instant_is_kept_in_utc_and_stays_the_same_instant(naive: datetime, offset: int) -> None:
    at = naive.replace(tzinfo=timezone(timedelta(minutes=offset)))
    assert Kept(at=at).at == at
    assert Kept(at=at).at.utcoffset() == timedelta(0)


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        Kept.model_validate({"at": "2026-11-24T00:00:00"})


def test_a_level_without_a_rule_lights_the_dashboard_only() -> None:
    red = AlertRule(to="lead", channels=(Channel.SMS,))
    policy = AlertPolicy(levels={AlertLevel.RED: red})
    assert policy.rule(AlertLevel.RED) == red
    assert policy.rule(AlertLevel.PRE_ALERT) == AlertRule(to="dashboard", channels=(Channel.DASHBOARD,))


def test_a_rule_without_a_channel_tells_nobody_and_is_refused() -> None:
    with pytest.raises(ValidationError, match="channels"):
        AlertRule(to="lead", channels=())


def test_the_gate_stands_before_messages_and_orders_only() -> None:
    assert {effect for effect in Effect if effect.gated} == {Effect.MESSAGE, Effect.BANK}


def test_an_old_handler_spec_in_a_history_can_be_read() -> None:
    spec = HandlerSpec.model_validate({"name": "freeze", "summary": "Freezes."})
    assert (spec.effect, spec.outcomes, spec.human) == (Effect.NONE, ("done",), None)


def test_the_directory_finds_people_and_groups() -> None:
    directory = people()
    found = directory.principal("li.wei")
    assert found is not None
    assert found.may(Role.REVIEWER)
    assert not found.may(Role.ADMIN)
    assert directory.group("Account Operations") is not None
    assert directory.principal("nobody") is None
    assert directory.group("Nowhere") is None


def test_two_people_never_share_an_id() -> None:
    one = Principal(id="li.wei", name="one", roles=frozenset({Role.REVIEWER}))
    other = Principal(id="li.wei", name="other", roles=frozenset({Role.ADMIN}))
    with pytest.raises(ValidationError, match=r"li\.wei is listed more than once"):
        Directory(principals=(one, other))


def test_events_count_from_one() -> None:
    at = datetime(2026, 11, 24, tzinfo=UTC)
    with pytest.raises(ValidationError, match="seq"):
        TicketEvent(seq=0, at=at, kind=EventKind.OPENED, summary="opened")
