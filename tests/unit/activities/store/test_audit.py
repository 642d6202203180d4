"""The audit log: a row for every action and refusal, once, never changed, without personal data."""

import pytest
from sqlalchemy import Delete, Update, delete, update

from activities.adapters.store import Store
from activities.adapters.store.audit import ACTIONS, entry_of, mask_digits
from activities.adapters.store.tables import audit
from activities.messages import Progress
from domain.audit import AuditEntry
from domain.errors import InvalidInput
from domain.ticket import EventKind
from tests.support.tickets import NIGHT, opened_event, sample_event, sample_review, sample_story, sample_view


def test_every_action_and_refusal_of_a_ticket_has_one_row(store: Store) -> None:
    for progress in sample_story("T1"):
        store.tickets.record(progress)
        store.tickets.record(progress)
    entries = store.audit.entries(task_id="T1")
    assert [(entry.action, entry.actor, entry.accepted) for entry in entries] == [
        ("ticket.opened", "opsloop", True),
        ("ticket.dispatched", "opsloop", True),
        ("review.opened", "opsloop", True),
        ("decision.refused", "intake", False),
        ("command.reassign", "ops.lead", True),
        ("review.opened", "opsloop", True),
        ("review.decided", "li.na", True),
        ("spot_check.drawn", "opsloop", True),
        ("review.opened", "opsloop", True),
        ("review.decided", "wang.wei", True),
        ("ticket.closed", "opsloop", True),
    ]
    assert [entry.detail["seq"] for entry in entries] == [1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    assert [entry.at for entry in entries][:2] == [sample_event(1).at, sample_event(2).at]


def test_each_kind_of_event_is_either_audited_or_known_to_be_mere_progress() -> None:
    progress = {
        EventKind.STATE,
        EventKind.STEP_STARTED,
        EventKind.WAITING,
        EventKind.SLA_LEVEL,
        EventKind.SLA_SKIPPED,
        EventKind.SHADOW,
    }
    assert set(EventKind) == progress | set(ACTIONS), "say in ACTIONS what the new kind is to an auditor"
    assert all(entry_of(sample_event(1, kind), sample_view()) is None for kind in progress)


def test_a_row_says_under_which_sop_and_on_what_was_decided() -> None:
    review = sample_review("R1")
    entry = entry_of(opened_event(4, review), sample_view())
    assert entry is not None
    assert entry.detail == {
        "seq": 4,
        "sop": "account_freeze",
        "sop_version": "1",
        "sop_digest": "d" * 64,
        "review_id": "R1",
        "kind": "gate",
        "role": "reviewer",
        "group": "Account Operations",
        "digest": review.digest,
    }


def test_a_command_is_named_by_its_verb() -> None:
    given = sample_event(1, EventKind.COMMAND, actor="ops.lead", data={"verb": "cancel"})
    refused = sample_event(2, EventKind.COMMAND_REFUSED, data={"verb": "hold", "code": "not_permitted"})
    first, second = (entry_of(event, sample_view()) for event in (given, refused))
    assert first is not None
    assert second is not None
    assert (first.action, first.accepted, first.actor) == ("command.cancel", True, "ops.lead")
    assert (second.action, second.accepted) == ("command.refused", False)
    assert second.detail["code"] == "not_permitted"


def test_rows_carry_no_account_numbers_and_nothing_that_quotes_the_ticket() -> None:
    account = "6222020200001234"
    quoting = [
        sample_event(1, EventKind.OPENED, summary=f"Freeze {account} of Zhang San"),
        sample_event(2, EventKind.DISPATCHED, summary=f"rule matched 'freeze {account} of Zhang San'"),
        opened_event(
            3, sample_review("R1", question=f"Freeze {account} of Zhang San?", evidence=("Zhang San",))
        ),
        sample_event(4, EventKind.COMMAND, summary=f"hold: wrong account {account}", data={"verb": "hold"}),
        sample_event(5, EventKind.STEP_DONE, data={"note": "Zhang San", "rows": [{"account": account}]}),
    ]
    for event in quoting:
        entry = entry_of(event, sample_view())
        assert entry is not None
        assert account not in entry.model_dump_json()
        assert "Zhang San" not in entry.model_dump_json()


@pytest.mark.parametrize(
    ("words", "masked"),
    [
        ("held for 3 days, case 2026", "held for 3 days, case 2026"),
        ("account 6222020200001234 is his", "account ****1234 is his"),
        ("call 13812345678", "call ****5678"),
        ("６２２２０２０２００００１２３４", "****１２３４"),
        ("", ""),
    ],
)
def test_long_runs_of_digits_are_masked(words: str, masked: str) -> None:
    assert mask_digits(words) == masked


def test_refusals_at_the_door_are_written_on_their_own(store: Store) -> None:
    entry = AuditEntry(
        at=NIGHT,
        actor="intake",
        action="intake.conflict",
        task_id="T1",
        accepted=False,
        reason="another body",
        detail={"request_id": "r-1"},
    )
    store.audit.write(entry)
    store.audit.write(entry)
    assert store.audit.entries() == [entry, entry]


def test_the_latest_entries_come_the_oldest_first(store: Store) -> None:
    for number in range(5):
        store.audit.write(AuditEntry(at=NIGHT, actor="li.na", action=f"a.{number}", task_id=f"T{number % 2}"))
    assert [entry.action for entry in store.audit.entries(limit=3)] == ["a.2", "a.3", "a.4"]
    assert [entry.action for entry in store.audit.entries(task_id="T0")] == ["a.0", "a.2", "a.4"]
    assert store.audit.entries(task_id="T9") == []
    with pytest.raises(InvalidInput, match="limit is 0"):
        store.audit.entries(limit=0)


@pytest.mark.parametrize("change", [update(audit).values(reason="never happened"), delete(audit)])
def test_the_database_refuses_to_change_or_delete_a_row(store: Store, change: Update | Delete) -> None:
    entry = AuditEntry(at=NIGHT, actor="li.na", action="review.decided")
    store.audit.write(entry)
    with pytest.raises(Exception, match="only ever added"), store.database.writing() as connection:
        connection.execute(change)
    assert store.audit.entries() == [entry]


def test_an_action_without_its_audit_row_does_not_happen(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the audit log is full")

    monkeypatch.setattr("activities.adapters.store.audit.entry_of", fail)
    progress = Progress(events=(sample_event(1, EventKind.OPENED),), view=sample_view())
    with pytest.raises(RuntimeError):
        store.tickets.record(progress)
    assert store.reader.view("T1") is None
