"""The duty book in the store: one override at a time, every change with its audit; on both databases."""

from datetime import timedelta
from typing import Any

import pytest

from activities.adapters.store import Store
from domain.errors import Conflict, NotFound
from domain.standing import DutyOverride
from tests.support.tickets import NIGHT

HOUR = timedelta(hours=1)


def set_mode(store: Store, mode: str = "daytime", since: Any = NIGHT, **changes: Any) -> DutyOverride:
    given = {"mode": mode, "since": since, "until": since + 4 * HOUR, "reason": "a storm", "by": "duty.liu"}
    return store.duty.set_override(**(given | changes))


def test_an_override_stands_until_its_end(store: Store) -> None:
    assert store.duty.standing(NIGHT).override is None
    made = set_mode(store)
    assert store.duty.standing(NIGHT).override == made
    assert store.duty.standing(NIGHT + 3 * HOUR).override == made
    assert store.duty.standing(NIGHT + 4 * HOUR).override is None
    assert store.duty.standing(NIGHT - HOUR).override is None


def test_another_override_takes_the_place_of_the_one_that_holds(store: Store) -> None:
    first = set_mode(store)
    second = set_mode(store, "nighttime", NIGHT + HOUR, by="duty.yang", reason="it is over")
    assert store.duty.standing(NIGHT + HOUR).override == second
    newest, older = store.duty.overrides()
    assert newest == second
    assert (older.number, older.ended_at, older.ended_by) == (first.number, NIGHT + HOUR, "duty.yang")
    # What held at an hour that is over is still told.
    past = store.duty.standing(NIGHT).override
    assert past is not None
    assert past.number == first.number


def test_a_cleared_override_holds_no_more(store: Store) -> None:
    set_mode(store)
    ended = store.duty.clear_override(at=NIGHT + HOUR, reason="calm", by="admin")
    assert (ended.ended_by, ended.end_reason) == ("admin", "calm")
    assert store.duty.standing(NIGHT + HOUR).override is None
    with pytest.raises(NotFound, match="no override is in force"):
        store.duty.clear_override(at=NIGHT + HOUR, reason="again", by="admin")


def test_every_change_of_the_mode_is_audited(store: Store) -> None:
    set_mode(store, reason="call 13800138000 first")
    store.duty.clear_override(at=NIGHT + HOUR, reason="calm", by="admin")
    rows = store.audit.entries()
    assert [(row.action, row.actor) for row in rows] == [("duty.set", "duty.liu"), ("duty.cleared", "admin")]
    assert rows[0].detail["mode"] == "daytime"
    assert "13800138000" not in rows[0].reason


def test_the_database_itself_refuses_an_override_without_time(store: Store) -> None:
    with pytest.raises(Conflict):
        set_mode(store, until=NIGHT)
    assert store.duty.overrides() == []
    assert store.audit.entries() == []


def test_what_is_not_withdrawn_cannot_be_given_back(store: Store) -> None:
    with pytest.raises(NotFound, match="is not withdrawn"):
        store.duty.restore("accounts/freeze", at=NIGHT, reason="why not", by="releaser")
