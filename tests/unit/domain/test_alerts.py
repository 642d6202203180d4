"""Who is told of a level at all, and who may say that they have it."""

import pytest

from domain.alerts import Addressee, Alert, AlertLevel, AlertPolicy, AlertRule, why_not_acknowledge
from domain.notices import Channel
from domain.people import Principal, Role
from tests.fakes.alert_desk import an_alert

POLICY = AlertPolicy(
    levels={
        AlertLevel.PRE_ALERT: AlertRule(to="dashboard", channels=(Channel.DASHBOARD,)),
        AlertLevel.ORANGE: AlertRule(to="group", channels=(Channel.WECOM, Channel.EMAIL)),
        AlertLevel.RED: AlertRule(to="lead", channels=(Channel.DASHBOARD, Channel.SMS)),
        AlertLevel.FAILURE: AlertRule(to="lead", channels=(Channel.DASHBOARD,)),
    }
)
SOMEBODY, BOARD = Addressee(to="Supervisors", channel=Channel.SMS), Addressee(to="dashboard")


@pytest.mark.parametrize(
    ("alert", "quiet"),
    [
        (an_alert(level=AlertLevel.PRE_ALERT), True),
        (an_alert(level=AlertLevel.ORANGE), False),
        (an_alert(level=AlertLevel.RED), False),
        (an_alert(level=AlertLevel.FAILURE), True),
        (an_alert(level=AlertLevel.REVIEW), True),
        (an_alert(level=AlertLevel.PRE_ALERT, also=SOMEBODY), False),
        (an_alert(level=AlertLevel.REVIEW, instead=SOMEBODY), False),
        (an_alert(level=AlertLevel.RED, instead=BOARD), True),
        (an_alert(level=AlertLevel.RED, instead=BOARD, also=SOMEBODY), False),
        (an_alert(level=AlertLevel.RED, also=BOARD), False),
    ],
    ids=lambda each: f"{each.level}" if isinstance(each, Alert) else "",
)
def test_nobody_is_told_where_level_and_alert_name_the_dashboard_alone(alert: Alert, quiet: bool) -> None:
    assert POLICY.lights_dashboard_only(alert) is quiet


def test_the_ladder_rises_and_the_other_levels_are_not_on_it() -> None:
    ranks = {level.value: level.rank for level in AlertLevel}
    assert [ranks[each] for each in ("pre_alert", "orange", "red", "critical")] == [0, 1, 2, 3]
    assert {ranks[each] for each in ("escalation", "failure", "review")} == {None}
    assert [each for each in AlertLevel if not each.is_urgent] == [AlertLevel.PRE_ALERT, AlertLevel.ORANGE]


@pytest.mark.parametrize(
    ("role", "groups", "may"),
    [
        (Role.OPERATOR, {"Accounts"}, True),
        (Role.REVIEWER, {"Accounts"}, True),
        (Role.OPERATOR, {"Cards"}, False),
        (Role.ONCALL, set(), True),
        (Role.ADMIN, set(), True),
        (Role.AUDITOR, {"Accounts"}, False),
    ],
)
def test_the_group_and_on_call_may_acknowledge(role: Role, groups: set[str], may: bool) -> None:
    principal = Principal(id="p", name="p", roles=frozenset({role}), groups=frozenset(groups))
    problem = why_not_acknowledge(principal, "Accounts")
    assert (problem is None) is may


def test_an_alert_of_earlier_days_is_still_read() -> None:
    alert = Alert.model_validate(
        {"alert_id": "T1/a", "task_id": "T1", "level": "red", "group": "A", "subject": "s", "body": "b"}
    )
    assert (alert.worked_by, alert.escalated_at, alert.raised_at) == ("", None, None)
