"""Who takes a late ticket over, and the laws that no rescue breaks."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.rescue import (
    FastTrackPolicy,
    Load,
    Rescue,
    RescueFacts,
    RescueGroup,
    RescuePolicy,
    RescueWay,
    decide,
)
from domain.roster import WEEK
from domain.task import RiskLevel

TUESDAY_NOON = datetime(2026, 3, 3, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai
SHANGHAI = ZoneInfo("Asia/Shanghai")


def group(name: str, capacity: int = 10, **fields: object) -> RescueGroup:
    return RescueGroup(name=name, capacity=capacity, **{"skills": ("accounts",), **fields})


def facts(**fields: object) -> RescueFacts:
    return RescueFacts(
        **{
            "now": TUESDAY_NOON,
            "group": "Own",
            "had": frozenset({"Own"}),
            "category": "accounts",
            "action": "freeze",
            "risk": RiskLevel.MEDIUM,
            **fields,
        }
    )


def policy(*groups: RescueGroup, **fields: object) -> RescuePolicy:
    return RescuePolicy(groups=groups, **fields)


def reasons(rescue: Rescue) -> dict[str, str]:
    return {each.group: each.why for each in rescue.candidates}


def test_the_lowest_load_against_capacity_takes_it_not_the_fewest_tickets() -> None:
    loads = {"Small": Load(open=3), "Large": Load(open=8)}
    rescue = decide(policy(group("Small", 10), group("Large", 100)), facts(loads=loads))
    assert (rescue.way, rescue.to) == (RescueWay.IDLE_GROUP, "Large")
    assert "8 tickets of 100" in rescue.why


def test_every_group_is_told_why_it_was_not_chosen() -> None:
    rules = policy(
        group("Own"),
        group("Former"),
        group("Cards", skills=("cards",)),
        group("Night", hours="22:00-06:00"),
        group("Full", 10),
    )
    had = frozenset({"Own", "Former"})
    rescue = decide(rules, facts(had=had, loads={"Full": Load(open=7, promised=1)}))
    assert rescue.way is RescueWay.ON_CALL
    assert reasons(rescue) == {
        "Own": "it has the ticket",
        "Former": "it had the ticket before",
        "Cards": "it does not know accounts/freeze",
        "Night": "it is not on shift (22:00-06:00 Asia/Shanghai)",
        "Full": "it is full: 8 tickets, rescues fill it to 8 of 10",
    }


def test_a_skill_may_be_one_action_of_a_category() -> None:
    rules = policy(group("Freezers", skills=("accounts/freeze",)))
    assert decide(rules, facts()).to == "Freezers"
    assert decide(rules, facts(action="unfreeze")).way is RescueWay.ON_CALL


def test_without_an_idle_group_low_risk_takes_the_fast_track_and_the_rest_goes_to_on_call() -> None:
    assert decide(policy(), facts(risk=RiskLevel.LOW)).way is RescueWay.FAST_TRACK
    for risk in (RiskLevel.MEDIUM, RiskLevel.HIGH):
        rescue = decide(policy(), facts(risk=risk))
        assert rescue.way is RescueWay.ON_CALL
        assert rescue.why == f"no group takes tickets over; no fast track: the risk is {risk}"


@pytest.mark.parametrize(
    ("rules", "changed", "obstacle"),
    [
        ({"fast_track": FastTrackPolicy(enabled=False)}, {}, "it is switched off"),
        ({}, {"waits_for_person": True}, "it waits for a person"),
        (
            {"fast_track": FastTrackPolicy(at_most=5)},
            {"on_fast_track": 5},
            "5 tickets are on it, at most 5 may be",
        ),
    ],
)
def test_what_keeps_a_ticket_from_the_fast_track(
    rules: dict[str, object], changed: dict[str, object], obstacle: str
) -> None:
    rescue = decide(policy(**rules), facts(risk=RiskLevel.LOW, **changed))
    assert rescue.way is RescueWay.ON_CALL
    assert rescue.why.endswith(f"no fast track: {obstacle}")


def test_a_ticket_that_somebody_just_took_on_stays_with_them() -> None:
    an_hour_ago = TUESDAY_NOON - timedelta(hours=1)
    claimed = facts(worked_by="li.wei", worked_since=an_hour_ago, risk=RiskLevel.LOW)
    rescue = decide(policy(group("Idle")), claimed)
    assert (rescue.way, rescue.to) == (RescueWay.ON_CALL, "")
    assert rescue.why == "li.wei took it on less than 2h ago"
    assert decide(policy(group("Idle"), leave_claimed=timedelta(hours=1)), claimed).to == "Idle"
    assert decide(policy(group("Idle"), leave_claimed=None), claimed).to == "Idle"


def test_a_ticket_is_handed_over_so_often_and_no_more() -> None:
    rules = policy(group("Idle"), at_most=2)
    assert decide(rules, facts(handed_over=1)).to == "Idle"
    assert decide(rules, facts(handed_over=2)).way is RescueWay.ON_CALL
    assert decide(policy(group("Idle"), at_most=0), facts(risk=RiskLevel.LOW)).way is RescueWay.FAST_TRACK


@pytest.mark.parametrize(
    ("hours", "days", "local", "on_shift"),
    [
        ("08:00-18:00", WEEK, "2026-03-03T08:00", True),
        ("08:00-18:00", WEEK, "2026-03-03T18:00", False),
        ("00:00-24:00", WEEK, "2026-03-03T23:59:59.999999", True),
        ("00:00-24:00", ("mon",), "2026-03-03T12:00", False),
        ("22:00-06:00", ("mon",), "2026-03-03T05:59", True),
        ("22:00-06:00", ("mon",), "2026-03-02T05:59", False),
        ("22:00-06:00", ("mon",), "2026-03-02T22:00", True),
        ("08:00-08:00", ("mon",), "2026-03-03T07:59", True),
    ],
)
def test_a_shift_is_closed_at_its_start_open_at_its_end_and_may_pass_midnight(
    hours: str, days: tuple[str, ...], local: str, on_shift: bool
) -> None:
    each = group("Shift", hours=hours, days=days)
    assert each.is_on_shift(datetime.fromisoformat(local).replace(tzinfo=SHANGHAI)) is on_shift


@pytest.mark.parametrize(
    "written",
    [
        {"timezone": "Mars/Base"},
        {"fill_to": 0},
        {"at_most": -1},
        {"groups": [{"name": "A", "capacity": 0, "skills": ["accounts"]}]},
        {"groups": [{"name": "A", "capacity": 1, "skills": ["Accounts!"]}]},
        {"groups": [{"name": "A", "capacity": 1, "skills": ["accounts"]}] * 2},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(written: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RescuePolicy.model_validate(written)


def test_a_hundred_late_tickets_at_once_fill_each_group_to_its_bound_and_no_further() -> None:
    rules = policy(group("A", 10), group("B", 20), group("C", 5), fill_to=0.7)
    promised = {"A": 0, "B": 0, "C": 0}
    ways = []
    for _ in range(100):
        rescue = decide(rules, facts(loads={name: Load(promised=each) for name, each in promised.items()}))
        ways.append(rescue.way)
        if rescue.to:
            promised[rescue.to] += 1
    assert promised == {"A": 7, "B": 14, "C": 3}
    assert ways.count(RescueWay.ON_CALL) == 100 - 24


NAMES = ("A", "B", "C", "D", "Own")
SHIFTS = st.sampled_from(["00:00-24:00", "08:00-18:00", "22:00-06:00", "12:00-12:01", "00:00-04:00"])
GROUPS = st.lists(
    st.builds(
        RescueGroup,
        name=st.sampled_from(NAMES),
        capacity=st.integers(1, 30),
        skills=st.lists(
            st.sampled_from(["accounts", "accounts/freeze", "cards", "cards/freeze"]), min_size=1
        ).map(tuple),
        hours=SHIFTS,
        days=st.sets(st.sampled_from(WEEK), min_size=1).map(tuple),
    ),
    max_size=5,
    unique_by=lambda each: each.name,
)
POLICIES = st.builds(
    RescuePolicy,
    at_most=st.integers(0, 4),
    fill_to=st.floats(0.01, 1),
    leave_claimed=st.none() | st.just(timedelta(hours=2)),
    groups=GROUPS.map(tuple),
)
LOADS = st.dictionaries(
    st.sampled_from(NAMES), st.builds(Load, open=st.integers(0, 30), promised=st.integers(0, 10))
)
FACTS = st.builds(
    RescueFacts,
    now=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    group=st.just("Own"),
    had=st.frozensets(st.sampled_from(NAMES)),
    handed_over=st.integers(0, 4),
    category=st.sampled_from(["accounts", "cards", ""]),
    action=st.sampled_from(["freeze", "unfreeze", ""]),
    risk=st.sampled_from(RiskLevel),
    waits_for_person=st.booleans(),
    loads=LOADS,
    on_fast_track=st.integers(0, 25),
)


@given(rules=POLICIES, case=FACTS)
def test_no_rescue_breaks_a_bound(rules: RescuePolicy, case: RescueFacts) -> None:
    rescue = decide(rules, case)
    assert rescue == decide(rules, case)
    if rescue.way is RescueWay.FAST_TRACK:
        assert case.risk is RiskLevel.LOW
        assert not case.waits_for_person
        assert case.on_fast_track < rules.fast_track.at_most
    if rescue.way is not RescueWay.IDLE_GROUP:
        assert rescue.to == ""
        return
    chosen = next(each for each in rules.groups if each.name == rescue.to)
    load = case.loads.get(chosen.name, Load())
    assert case.handed_over < rules.at_most
    assert chosen.name != case.group
    assert chosen.name not in case.had
    assert {case.category, f"{case.category}/{case.action}"} & set(chosen.skills)
    assert chosen.is_on_shift(case.now.astimezone(SHANGHAI))
    assert load.total + 1 <= chosen.capacity * rules.fill_to + 1e-9
    for other in rescue.candidates:
        if other.suits:
            assert load.total * other.capacity <= other.load * chosen.capacity


@given(rules=POLICIES, case=FACTS)
def test_hand_overs_come_to_an_end(rules: RescuePolicy, case: RescueFacts) -> None:
    seen = [case.group]
    for _ in range(len(NAMES) + 1):
        rescue = decide(rules, case)
        if not rescue.to:
            break
        assert rescue.to not in seen
        seen.append(rescue.to)
        case = case.model_copy(
            update={
                "group": rescue.to,
                "had": case.had | {case.group, rescue.to},
                "handed_over": case.handed_over + 1,
            }
        )
    assert decide(rules, case).to == ""
    assert len(seen) - 1 <= rules.at_most
