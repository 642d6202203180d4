"""The policy files that ship: whole, consistent, and the article's where they claim to be."""

from pathlib import Path

import pytest

from definitions.policy_checks import check_policies
from definitions.policy_files import FILES
from domain.alerts import AlertLevel
from domain.notices import Channel
from domain.people import Directory, Role
from domain.sla import SlaLevel
from domain.task import RiskLevel
from tests.support.dispatching import IN_USE, SEED, policies_in

FOLDERS = pytest.mark.parametrize("folder", [IN_USE, SEED], ids=["in use", "seed"])
HUMAN_HANDLERS = {
    "escalate_to_compliance",
    "verify_authority",
    "manual_freeze",
    "manual_unfreeze",
    "manual_settlement",
}


def directory_of(folder: Path) -> Directory:
    directory = policies_in(folder).directory
    assert directory is not None
    return directory


@FOLDERS
def test_every_file_is_there_and_agrees_with_the_others(folder: Path) -> None:
    policies = policies_in(folder)

    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*.yaml")}
    assert {file.path for file in FILES.values() if not file.optional} <= there
    assert there <= {file.path for file in FILES.values()}
    assert list(map(str, check_policies(policies, {}))) == []
    assert set(policies.people) == HUMAN_HANDLERS


@FOLDERS
def test_every_file_says_at_its_head_what_it_is(folder: Path) -> None:
    for path in folder.rglob("*.yaml"):
        assert path.read_text("utf-8").startswith("# "), path.name


@FOLDERS
def test_every_group_has_two_reviewers_two_operators_a_lead_and_an_address(folder: Path) -> None:
    directory = directory_of(folder)

    for group in directory.groups:
        members = [each for each in directory.principals if group.name in each.groups]
        for role in (Role.REVIEWER, Role.OPERATOR):
            assert sum(each.may(role) for each in members) >= 2, group.name
        assert group.lead in {each.id for each in members}
        assert group.email and group.wecom


@FOLDERS
def test_on_call_can_decide_and_work_for_every_group(folder: Path) -> None:
    directory = directory_of(folder)

    assert len(directory.on_call) == 3
    for name in directory.on_call:
        person = directory.principal(name)
        assert person is not None
        assert person.roles >= {Role.ONCALL, Role.REVIEWER, Role.OPERATOR}
        assert person.groups == {group.name for group in directory.groups}


@FOLDERS
def test_services_and_auditors_decide_nothing(folder: Path) -> None:
    directory = directory_of(folder)

    for name, role in (("intake", Role.INTAKE), ("auditor", Role.AUDITOR), ("admin", Role.ADMIN)):
        principal = directory.principal(name)
        assert principal is not None
        assert principal.roles == {role}
        assert not principal.groups


@FOLDERS
def test_addresses_belong_to_nobody(folder: Path) -> None:
    directory = directory_of(folder)

    for each in directory.principals:
        assert not each.email or each.email.endswith(".example")
        assert not each.phone or each.phone.startswith("1990000")
    assert all(group.email.endswith(".example") for group in directory.groups)


@FOLDERS
def test_sla_policies_are_the_articles(folder: Path) -> None:
    sla = policies_in(folder).sla
    assert sla is not None
    by_category = {each.category: each for each in sla.policies}

    hours = {"accounts": 1, "settlement": 4, "complaint": 2, "compliance": 8}
    if folder == IN_USE:
        hours["finance"] = 240
    assert {name: each.sla_hours for name, each in by_category.items()} == hours
    for name, each in by_category.items():
        expected = [0.4, 0.7, 0.85, 0.95] if name == "compliance" else [0.5, 0.75, 0.9, 0.95]
        assert [each.ratios[level] for level in SlaLevel] == expected


@FOLDERS
def test_duty_modes_are_the_articles(folder: Path) -> None:
    duty = policies_in(folder).duty
    assert duty is not None
    day, night = duty.modes["daytime"], duty.modes["nighttime"]

    assert set(duty.modes) == {"daytime", "nighttime"}
    assert (day.time_range, night.time_range) == ("08:00-20:00", "20:00-08:00")
    assert (day.auto_execute_risk, day.auto_with_audit) == (RiskLevel.LOW, None)
    assert (night.auto_execute_risk, night.auto_with_audit) == (RiskLevel.LOW, RiskLevel.MEDIUM)
    assert (day.human_confirm, night.human_confirm) == (True, False)
    assert (day.escalation_threshold, night.escalation_threshold) == (RiskLevel.MEDIUM, RiskLevel.HIGH)
    assert night.escalation_channel is Channel.SMS


@FOLDERS
def test_each_alert_level_goes_where_the_sla_table_says(folder: Path) -> None:
    alerts = policies_in(folder).alerts
    assert alerts is not None
    told = {level: (alerts.rule(level).to, *alerts.rule(level).channels) for level in AlertLevel}

    assert told[AlertLevel.PRE_ALERT] == ("dashboard", Channel.DASHBOARD)
    assert told[AlertLevel.ORANGE] == ("group", Channel.WECOM, Channel.EMAIL)
    assert told[AlertLevel.RED] == ("lead", Channel.SMS)
    assert told[AlertLevel.CRITICAL] == ("on_call", Channel.SMS)
    assert told[AlertLevel.FAILURE] == ("lead", Channel.WECOM, Channel.SMS)
    assert set(alerts.levels) == set(AlertLevel)
