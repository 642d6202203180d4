"""What the patrol minds, and how often people hear of it."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.patrol import (
    Episode,
    Finding,
    Kind,
    OpenTicket,
    PatrolPolicy,
    alert_key,
    backlogs,
    episodes,
    overdue,
    words_of,
)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
GRACE = timedelta(minutes=2)


def a_ticket(task_id: str, due: timedelta | None) -> OpenTicket:
    return OpenTicket(
        task_id=task_id,
        group="Accounts",
        next_deadline_at=NOW + due if due is not None else None,
        opened_at=NOW,
        updated_at=NOW,
    )


def some(kind: Kind, count: int) -> list[Finding]:
    return [Finding(kind=kind, subject=f"T{number}", words="late") for number in range(count)]


def test_a_deadline_counts_once_the_grace_is_over_and_none_is_never_late() -> None:
    rows = [
        a_ticket("late", timedelta(minutes=-10)),
        a_ticket("in grace", timedelta(minutes=-1)),
        a_ticket("ahead", timedelta(minutes=1)),
        a_ticket("on hold", None),
    ]
    [found] = overdue(rows, NOW, GRACE)
    assert (found.subject, found.kind, found.group) == ("late", Kind.OVERDUE, "Accounts")
    assert "10min" in found.words


def test_a_group_has_its_own_bound_or_the_general_one() -> None:
    policy = PatrolPolicy(backlog={"Cards": 1000}, most_open=5)
    found = backlogs({"Cards": 900, "Accounts": 6, "Calls": 5}, policy)
    assert [each.subject for each in found] == ["Accounts"]


def test_what_stays_is_told_once_and_what_is_new_is_told_too() -> None:
    first, told = episodes((), some(Kind.OVERDUE, 3), NOW)
    assert [each.kind for each in told] == [Kind.OVERDUE]
    later = NOW + timedelta(minutes=5)
    second, told = episodes(first, some(Kind.OVERDUE, 2), later)
    assert told == ()
    assert second[0].since == NOW
    third, told = episodes(second, some(Kind.OVERDUE, 4), later)
    assert [each.number for each in told] == [2]
    assert alert_key(third[0]) != alert_key(first[0])
    assert episodes(third, some(Kind.OVERDUE, 4), later)[1] == ()


def test_what_was_over_and_comes_back_is_told_anew() -> None:
    first, _ = episodes((), some(Kind.STUCK, 1), NOW)
    gone, _ = episodes(first, [], NOW)
    assert gone == ()
    again, told = episodes(gone, some(Kind.STUCK, 1), NOW + timedelta(hours=1))
    assert told == again
    assert alert_key(again[0]) != alert_key(first[0])


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(list(Kind)), st.integers(1, 40)), max_size=8))
def test_nothing_new_is_hidden_and_nothing_known_rings_again(rounds: list[dict[Kind, int]]) -> None:
    going_on: tuple[Episode, ...] = ()
    for number, counts in enumerate(rounds):
        known = {each.kind: set(each.subjects) for each in going_on}
        findings = [each for kind, count in counts.items() for each in some(kind, count)]
        going_on, told = episodes(going_on, findings, NOW + number * timedelta(minutes=5))
        assert {each.kind for each in going_on} == set(counts)
        rung = {each.kind for each in told}
        for kind in counts:
            new = {each.subject for each in findings if each.kind is kind} - known.get(kind, set())
            assert (kind in rung) == bool(new)


def test_words_name_the_first_and_count_the_rest() -> None:
    words = words_of([*some(Kind.STUCK, 25), *some(Kind.BACKLOG, 1)], Kind.STUCK)
    assert words.startswith("T0: late; T1: late")
    assert words.endswith("; and 5 more")
