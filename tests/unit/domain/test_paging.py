"""The laws of a page: somebody is always told, in order, until a person acknowledges, and then nobody."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.notices import Channel
from domain.paging import (
    Acknowledged,
    Delivered,
    Due,
    Effect,
    Event,
    Notify,
    PagePhase,
    PageRequest,
    PageState,
    Progressed,
    Resolved,
    Silence,
    decide,
    objection,
    opened,
)
from domain.paging_policy import NobodyAnswers, PagingPolicy
from domain.people import Principal, Role

T0 = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PAGE = PageRequest(page_id="P1", subject="High risk waits", opened_at=T0)
POLICY = PagingPolicy(nobody_answers=NobodyAnswers(after=timedelta(days=9)))


@dataclass
class Simulated:
    """A page in a world of discrete events. `reaches` says whom messages reach."""

    policy: PagingPolicy = POLICY
    line: tuple[str, ...] = ("ann", "bea")
    supervisor: str = "boss"
    handover_at: datetime | None = None
    unreachable: frozenset[str] = frozenset()
    now: datetime = T0
    page: PageRequest = PAGE
    told: list[Notify] = field(default_factory=list)
    silences: list[Silence] = field(default_factory=list)
    when: list[datetime] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state: PageState = opened(self.page, self.policy, self.now)

    def take(self, event: Event) -> tuple[Effect, ...]:
        step = decide(self.policy, self.state, event, self.now)
        self.state = step.state
        for effect in step.effects:
            if isinstance(effect, Silence):
                self.silences.append(effect)
                continue
            self.told.append(effect)
            self.when.append(self.now)
            reached = effect.to not in self.unreachable
            self.take(Delivered(step=effect.step, to=effect.to, reached=reached))
        return step.effects

    def run_until(self, minutes: float, *, most: int = 1000) -> None:
        """Lets time pass. A machine that never rests fails here."""
        until = T0 + minutes * MINUTE
        for _ in range(most):
            due = self.state.due_at
            if due is None or due > until:
                self.now = until
                return
            self.now = max(self.now, due)
            self.take(Due(line=self.line, supervisor=self.supervisor, next_handover_at=self.handover_at))
        raise AssertionError("the page never comes to rest")

    @property
    def names(self) -> list[str]:
        return [each.to for each in self.told]


def test_each_is_told_so_often_then_the_page_climbs_and_begins_again() -> None:
    page = Simulated()
    page.run_until(34)
    assert page.names == ["ann", "ann", "bea", "bea", "boss", "boss", "ann"]
    assert [each - T0 for each in page.when] == [5 * number * MINUTE for number in range(7)]
    assert [each.reason for each in page.told] == [
        *("first", "repeat", "climb", "repeat", "supervisor", "repeat", "repeat"),
    ]


def test_what_is_not_acknowledged_takes_the_backup_as_well() -> None:
    page = Simulated(line=("ann",), supervisor="")
    page.run_until(11)
    sms, wecom, email = Channel.SMS, Channel.WECOM, Channel.EMAIL
    assert [(each.channels, each.backups) for each in page.told] == [
        ((sms,), (wecom, email)),
        ((sms, wecom), (email,)),
        ((sms, wecom, email), ()),
    ]


def test_an_acknowledgement_ends_the_ringing_and_says_when_it_goes_stale() -> None:
    page = Simulated()
    page.run_until(7)
    page.take(Acknowledged(by="ann"))
    page.run_until(36)
    assert page.names == ["ann", "ann"]
    page.run_until(37)
    assert page.names == ["ann", "ann", "ann"], "whoever acknowledged is the one on call: told once"
    assert page.told[-1].reason == "stale"


def test_a_stale_acknowledgement_pages_its_giver_and_whoever_is_on_call_by_then() -> None:
    page = Simulated()
    page.take(Acknowledged(by="bea"))
    page.line = ("cai",)
    page.run_until(30)
    assert page.names == ["bea", "cai"]
    page.run_until(35)
    assert page.names == ["bea", "cai", "cai"]


def test_a_giver_whom_nothing_reaches_does_not_hurry_those_who_are_told() -> None:
    page = Simulated(line=("cai", "dan"), unreachable=frozenset({"bea"}))
    page.take(Acknowledged(by="bea"))
    page.run_until(34)
    assert page.names == ["bea", "cai"]


def test_progress_keeps_an_acknowledgement_fresh() -> None:
    page = Simulated()
    page.take(Acknowledged(by="ann"))
    page.run_until(29)
    page.take(Progressed())
    page.run_until(58)
    assert page.names == []
    page.run_until(59)
    assert page.names == ["ann"]


def test_a_shift_change_hands_a_ringing_page_to_the_next_at_once() -> None:
    page = Simulated(handover_at=T0 + 7 * MINUTE)
    page.run_until(6)
    page.line = ("cai", "ann")
    page.run_until(7)
    assert page.names == ["ann", "ann", "cai"]
    assert page.told[-1].reason == "handover"
    assert page.when[-1] == T0 + 7 * MINUTE


def test_a_shift_change_hands_over_an_acknowledged_page_that_is_still_open() -> None:
    page = Simulated(handover_at=T0 + 20 * MINUTE)
    page.run_until(0)
    page.take(Acknowledged(by="ann"))
    page.line = ("cai",)
    page.run_until(20)
    assert page.names == ["ann", "cai"]
    assert (page.state.phase, page.told[-1].reason) == (PagePhase.RINGING, "handover")


def test_a_shift_change_to_whoever_acknowledged_changes_nothing() -> None:
    page = Simulated(handover_at=T0 + 20 * MINUTE)
    page.run_until(0)
    page.take(Acknowledged(by="cai"))
    page.line = ("cai", "ann")
    page.run_until(29)
    assert (page.names, page.state.phase) == (["ann"], PagePhase.ACKNOWLEDGED)


def test_whoever_nothing_reaches_is_passed_over_at_once() -> None:
    page = Simulated(unreachable=frozenset({"ann", "bea"}))
    page.run_until(0)
    assert page.names == ["ann", "bea", "boss"]


def test_when_nothing_reaches_anybody_it_tries_the_whole_line_again_after_a_while() -> None:
    page = Simulated(unreachable=frozenset({"ann", "bea", "boss"}))
    page.run_until(5)
    assert page.names == ["ann", "bea", "boss"] * 2
    assert page.when[3] - page.when[2] == 5 * MINUTE


@pytest.mark.parametrize("then", ["manual_queue", "reject", "keep_waiting"])
def test_nobody_answering_at_all_does_what_is_configured_and_never_approves(then: str) -> None:
    policy = PagingPolicy(
        supervisor="Supervisors", nobody_answers=NobodyAnswers(after=12 * MINUTE, then=then)
    )
    page = Simulated(policy=policy)
    page.run_until(60)
    assert [each.then for each in page.silences] == [then]
    if then == "keep_waiting":
        assert page.state.phase is PagePhase.RINGING
        assert len(page.told) == 13
        return
    assert (page.state.phase, page.state.outcome) == (PagePhase.OVER, then)
    assert page.names.count("Supervisors") == (then == "manual_queue")
    assert page.state.acknowledged_by == ""


def test_with_nobody_on_call_it_asks_again_until_there_is_somebody() -> None:
    page = Simulated(line=(), supervisor="")
    page.run_until(12)
    assert page.names == []
    page.line = ("cai",)
    page.run_until(15)
    assert page.names == ["cai"]


def test_a_drill_is_over_with_its_acknowledgement_or_at_its_end() -> None:
    drill = PAGE.model_copy(update={"drill": True, "ends_at": T0 + 8 * MINUTE})
    answered = Simulated(page=drill)
    answered.run_until(1)
    answered.take(Acknowledged(by="ann"))
    assert (answered.state.phase, answered.state.outcome) == (PagePhase.OVER, "acknowledged")
    expired = Simulated(page=drill)
    expired.run_until(60)
    assert (expired.state.outcome, len(expired.told)) == ("expired", 2)


def test_only_who_was_paged_or_is_on_call_may_acknowledge() -> None:
    page = Simulated()
    page.run_until(0)
    ann = Principal(id="ann", name="Ann", roles=frozenset({Role.REVIEWER}))
    eve = Principal(id="eve", name="Eve", roles=frozenset({Role.REVIEWER}))
    duty = Principal(id="dan", name="Dan", roles=frozenset({Role.ONCALL}))
    assert objection(ann, page.state) is None
    assert objection(duty, page.state) is None
    assert objection(eve, page.state) == (
        "not_permitted",
        "eve was not paged and does not hold the role oncall",
    )
    page.take(Acknowledged(by="ann"))
    assert objection(ann, page.state) is None
    assert (objection(duty, page.state) or ("",))[0] == "conflict"
    page.take(Resolved(why="decided"))
    assert objection(ann, page.state) == ("late", "the page is over: decided")


@pytest.mark.parametrize("channels", [["dashboard"], ["sms", "sms"], []])
def test_channels_are_those_that_wake_people(channels: list[str]) -> None:
    with pytest.raises(ValidationError):
        PagingPolicy.model_validate({"channels": channels})


def test_the_digest_covers_all_that_is_shown() -> None:
    for change in ({"subject": "x"}, {"choices": ("a",)}, {"silence": "x"}, {"matter_digest": "x"}):
        assert PAGE.model_copy(update=change).digest != PAGE.digest


PEOPLE = ("ann", "bea", "cai", "dan")
policies = st.builds(
    PagingPolicy,
    repeat_every=st.integers(1, 20).map(lambda each: each * MINUTE),
    times=st.integers(1, 4),
    stale_after=st.integers(1, 60).map(lambda each: each * MINUTE),
    supervisor=st.just("Supervisors"),
    nobody_answers=st.builds(
        NobodyAnswers,
        after=st.integers(1, 120).map(lambda each: each * MINUTE),
        then=st.sampled_from(["keep_waiting", "manual_queue", "reject"]),
    ),
)
lines = st.lists(st.sampled_from(PEOPLE), unique=True, max_size=4).map(tuple)
unreachable = st.frozensets(st.sampled_from((*PEOPLE, "boss")), max_size=5)


@given(policies, lines.filter(bool), unreachable, st.integers(1, 300))
@settings(max_examples=300, deadline=None)
def test_while_nobody_answers_somebody_is_told_at_least_every_interval_or_silence_is_dealt_with(
    policy: PagingPolicy, line: tuple[str, ...], dead: frozenset[str], minutes: int
) -> None:
    page = Simulated(policy=policy, line=line, unreachable=dead)
    page.run_until(minutes, most=20_000)
    after = policy.nobody_answers.after
    if minutes * MINUTE >= after:
        assert [each.then for each in page.silences] == [policy.nobody_answers.then]
    rings_until = min(
        minutes * MINUTE, after if policy.nobody_answers.then != "keep_waiting" else 10**4 * MINUTE
    )
    marks = [*(each - T0 for each in page.when), rings_until]
    assert marks[0] == timedelta(0)
    assert all(b - a <= policy.repeat_every for a, b in pairwise(marks) if b <= rings_until)
    assert page.state.acknowledged_by == "", "silence acknowledges nothing"


@given(policies, lines.filter(bool), unreachable)
@settings(max_examples=300, deadline=None)
def test_it_climbs_in_the_order_of_the_line(
    policy: PagingPolicy, line: tuple[str, ...], dead: frozenset[str]
) -> None:
    page = Simulated(policy=policy, line=line, unreachable=dead)
    page.run_until(200, most=20_000)
    order = [*line, "boss"]
    told = [each for each in page.names if each != "Supervisors"]
    for number, name in enumerate(told[: len(told) - 1]):
        here, following = order.index(name), order.index(told[number + 1])
        assert following in (here, (here + 1) % len(order)), (
            "never past somebody, never back but to the first"
        )
    for name in order:
        runs = _runs(told, name)
        assert all(length == (1 if name in dead else policy.times) for length in runs[:-1])


def _runs(told: list[str], name: str) -> list[int]:
    """How often in a row somebody was told, each time it was their turn. One alone in line has one turn."""
    lengths, count = [], 0
    for each in [*told, ""]:
        if each == name:
            count += 1
        elif count:
            lengths.append(count)
            count = 0
    return lengths


@st.composite
def stories(draw: st.DrawFn) -> list[tuple[str, object]]:
    """What may happen to a page, in any order."""
    happenings = st.one_of(
        st.tuples(st.just("wait"), st.integers(1, 40)),
        st.tuples(st.just("ack"), st.sampled_from(PEOPLE)),
        st.tuples(st.just("line"), lines),
        st.tuples(st.just("progress"), st.none()),
        st.tuples(st.just("late delivery"), st.sampled_from(PEOPLE)),
        st.tuples(st.just("resolve"), st.none()),
    )
    return draw(st.lists(happenings, max_size=20))


@given(policies, stories(), unreachable)
@settings(max_examples=400, deadline=None)
def test_after_an_acknowledgement_nobody_is_told_before_it_is_stale_or_the_shift_changes(
    policy: PagingPolicy, story: list[tuple[str, object]], dead: frozenset[str]
) -> None:
    page = Simulated(policy=policy, unreachable=dead)
    minute = 0
    page.run_until(0)
    for kind, value in story:
        acknowledged = page.state.phase is PagePhase.ACKNOWLEDGED
        over = page.state.phase is PagePhase.OVER
        stale_at, before, first = page.state.next_at, len(page.told), page.state.in_charge
        match kind, value:
            case "wait", int(minutes):
                minute += minutes
                page.run_until(minute, most=20_000)
            case "ack", str(name):
                page.take(Acknowledged(by=name))
            case "line", tuple(line):
                page.line = line
            case "progress", _:
                page.take(Progressed())
            case "late delivery", str(name):
                page.take(Delivered(step=1, to=name, reached=False))
            case "resolve", _:
                page.take(Resolved(why="decided"))
        new = page.when[before:]
        if over:
            assert page.state.phase is PagePhase.OVER
            assert new == []
        elif acknowledged and new:
            relieved = page.told[before].reason == "handover" and page.state.in_charge != first
            assert relieved or min(new) >= stale_at
        if page.state.phase is PagePhase.ACKNOWLEDGED:
            assert page.state.acknowledged_by in PEOPLE


@given(policies, stories(), unreachable)
@settings(max_examples=200, deadline=None)
def test_a_state_that_was_written_and_read_again_goes_on_alike(
    policy: PagingPolicy, story: list[tuple[str, object]], dead: frozenset[str]
) -> None:
    one, other = Simulated(policy=policy, unreachable=dead), Simulated(policy=policy, unreachable=dead)
    minute = 0
    for kind, value in story:
        for page in (one, other):
            if kind == "wait" and isinstance(value, int):
                page.run_until(minute + value, most=20_000)
            elif kind == "ack":
                page.take(Acknowledged(by=str(value)))
        minute += value if kind == "wait" and isinstance(value, int) else 0
        other.state = PageState.model_validate_json(other.state.model_dump_json())
        assert other.state == one.state
    assert other.told == one.told
