"""A small complete rulebook from code, behind the port `RulebookSource`.

    FakeRulebook(sops=[sop], all_day="nighttime", risk=RiskPolicy(base={"accounts": "low"}))

Dispatch is by what the ticket itself says (category and action), else by a few words of its title.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from definitions.book import Rulebook
from definitions.schema import Sop
from domain.alerts import AlertLevel, AlertPolicy, AlertRule
from domain.digest import digest_of
from domain.dispatch.answer import DispatchAnswer, Evidence, Layer
from domain.dispatch.tables import DispatchTables, EscalationTable
from domain.duty import DutyConfig, DutyMode
from domain.handlers import HumanTask
from domain.notices import Channel
from domain.people import Directory, Group, Principal, Role
from domain.rescue import FastTrackPolicy, RescuePolicy
from domain.risk import RiskCriterion, RiskPolicy
from domain.sla import SlaPolicy
from domain.task import OpsTask, Priority, RiskLevel

ACCOUNTS, SETTLEMENT, COMPLIANCE = "Account Operations", "International Settlement", "Compliance Review"
CUSTOMERS, RECONCILIATION = "Customer Experience", "Reconciliation"
SUPERVISOR, DISPATCH_DESK = "Operations Supervisor", "Operations Dispatch"

DUTY = DutyConfig(
    modes={
        "daytime": DutyMode(
            time_range="08:00-20:00",
            auto_execute_risk=RiskLevel.LOW,
            human_confirm=True,
            escalation_threshold=RiskLevel.MEDIUM,
        ),
        "nighttime": DutyMode(
            time_range="20:00-08:00",
            auto_execute_risk=RiskLevel.LOW,
            auto_with_audit=RiskLevel.MEDIUM,
            escalation_threshold=RiskLevel.HIGH,
            escalation_channel=Channel.SMS,
        ),
    }
)
"""The article's two modes."""

_GENERAL = {
    "name": "General Ticket",
    "trigger": {"category": "other"},
    "steps": [{"name": "Look at it", "review": {"question": "Nobody knows this ticket. Is it settled?"}}],
}

_WORDS: tuple[tuple[str, str, str, str, float], ...] = (
    ("unfreeze", "accounts", "unfreeze", ACCOUNTS, 1.0),
    ("freeze", "accounts", "freeze", ACCOUNTS, 1.0),
    ("remittance", "settlement", "cross_border", SETTLEMENT, 4.0),
    ("reconcil", "settlement", "reconcile", RECONCILIATION, 8.0),
    ("complaint", "complaint", "handle", CUSTOMERS, 2.0),
    ("sanctions", "compliance", "review", COMPLIANCE, 8.0),
)
_GROUPS = {(category, action): (group, hours) for _, category, action, group, hours in _WORDS}


def duty_all_day(mode: str, config: DutyConfig = DUTY) -> DutyConfig:
    """A duty policy in which one mode holds round the clock: tests do not depend on the hour."""
    always = config.modes[mode].model_copy(update={"time_range": "00:00-24:00"})
    return config.model_copy(update={"modes": {mode: always}, "non_working_days": mode})


def _reachable(who: str) -> dict[str, str]:
    return {"phone": f"number of {who}", "email": f"{who}@bank.example", "wecom": who}


def people() -> Directory:
    """Two reviewers a group, operators, on-call, an auditor, an intake service, an admin."""
    reviewers = {"wang.fang": ACCOUNTS, "li.wei": ACCOUNTS, "zhao.min": COMPLIANCE, "sun.lei": COMPLIANCE}
    both = {"zhou.jie": SETTLEMENT, "wu.hao": SETTLEMENT, "qian.yu": CUSTOMERS, "he.jing": CUSTOMERS}
    rest = {"xu.ning": RECONCILIATION, "gao.yan": RECONCILIATION, "ma.chao": SUPERVISOR, "lin.na": SUPERVISOR}
    members = {**reviewers, **both, **rest}
    principals = [
        Principal(
            id=each,
            name=each,
            roles=frozenset({Role.REVIEWER}),
            groups=frozenset({group}),
            **_reachable(each),
        )
        for each, group in members.items()
    ]
    every_group = frozenset(members.values()) | {DISPATCH_DESK}
    for each, roles in (
        ("op.chen", {Role.OPERATOR}),
        ("duty.liu", {Role.ONCALL, Role.REVIEWER}),
        ("duty.yang", {Role.ONCALL, Role.REVIEWER}),
        ("audit.guo", {Role.AUDITOR}),
        ("intake", {Role.INTAKE}),
        ("admin", {Role.ADMIN}),
    ):
        seats = every_group if roles & {Role.REVIEWER, Role.OPERATOR} else frozenset()
        principals.append(
            Principal(id=each, name=each, roles=frozenset(roles), groups=seats, **_reachable(each))
        )
    groups = tuple(
        Group(
            name=name,
            lead=next((each for each, group in members.items() if group == name), "ma.chao"),
            email=f"{name.lower().replace(' ', '-')}@bank.example",
            wecom=f"robot-{name.lower().replace(' ', '-')}",
        )
        for name in sorted(every_group)
    )
    return Directory(principals=tuple(principals), groups=groups, on_call=("duty.liu", "duty.yang"))


def rulebook(sops: Iterable[Sop | Mapping[str, Any]] = (), **changes: Any) -> Rulebook:
    """The tables of this module, with the given SOPs, a general one if they have none, and any changes."""
    given = [each if isinstance(each, Sop) else Sop.model_validate(each) for each in sops]
    if all(each.trigger is None or each.trigger.category != "other" for each in given):
        given.append(Sop.model_validate(_GENERAL))
    book = Rulebook(
        sops=tuple(given),
        dispatch=DispatchTables(
            escalation=EscalationTable(
                groups={
                    RiskLevel.HIGH: SUPERVISOR,
                    RiskLevel.MEDIUM: DISPATCH_DESK,
                    RiskLevel.LOW: "General Processing",
                }
            )
        ),
        sla={
            "accounts": SlaPolicy(category="accounts", sla_hours=1),
            "settlement": SlaPolicy(category="settlement", sla_hours=4),
            "complaint": SlaPolicy(category="complaint", sla_hours=2),
            "compliance": SlaPolicy(
                category="compliance",
                sla_hours=8,
                pre_alert_ratio=0.4,
                orange_alert_ratio=0.7,
                red_alert_ratio=0.85,
            ),
        },
        duty=DUTY,
        risk=RiskPolicy(
            base={"compliance": RiskLevel.HIGH, "complaint": RiskLevel.MEDIUM, "other": RiskLevel.MEDIUM},
            criteria=(
                RiskCriterion(
                    id="large_amount",
                    when="amount_fen >= 50000000",
                    level=RiskLevel.HIGH,
                    reason="CNY 500,000 or more",
                ),
                RiskCriterion(
                    id="entity_account",
                    category="accounts",
                    when='has(fields.holder) && fields.holder == "entity"',
                    level=RiskLevel.MEDIUM,
                    reason="the account belongs to a company",
                ),
            ),
        ),
        alerts=AlertPolicy(
            levels={
                AlertLevel.ORANGE: AlertRule(to="group", channels=(Channel.WECOM, Channel.EMAIL)),
                AlertLevel.RED: AlertRule(to="lead", channels=(Channel.SMS,)),
                AlertLevel.CRITICAL: AlertRule(to="on_call", channels=(Channel.SMS,)),
                AlertLevel.FAILURE: AlertRule(to="lead", channels=(Channel.WECOM, Channel.SMS)),
            }
        ),
        directory=people(),
        human_tasks={
            "escalate_to_compliance": HumanTask(
                kind="review", question="High risk: may this go ahead?", group=COMPLIANCE
            ),
            "verify_authority": HumanTask(kind="review", question="Do the papers suffice?", group=COMPLIANCE),
            "manual_freeze": HumanTask(kind="manual", question="Freeze it at the counter terminal."),
            "manual_unfreeze": HumanTask(kind="manual", question="Release it at the counter terminal."),
            "manual_settlement": HumanTask(kind="manual", question="Settle it by hand.", group=SETTLEMENT),
        },
        # Tests of waits are not about lateness; tests of the fast track switch it on.
        rescue=RescuePolicy(fast_track=FastTrackPolicy(enabled=False)),
        sanctions=("Vostok Meridian Trading LLC", "Ferdinand Quillfeather", "北辰幻海贸易有限公司"),
    )
    return replace(book, **changes)


class FakeRulebook:
    """`RulebookSource` over in-code tables. `book` may be replaced in mid-test, as an edit of files would."""

    def __init__(
        self,
        sops: Iterable[Sop | Mapping[str, Any]] = (),
        *,
        all_day: str | None = None,
        working_day: Callable[[date], bool] = lambda day: day.weekday() < 5,
        **changes: Any,
    ) -> None:
        if all_day is not None:
            changes["duty"] = duty_all_day(all_day)
        self.book = rulebook(sops, **changes)
        self._working_day = working_day

    def current(self) -> Rulebook:
        return self.book

    def is_working_day(self, day: date) -> bool:
        return self._working_day(day)

    def dispatch(self, task: OpsTask) -> DispatchAnswer:
        found = _recognised(task)
        if found is None:
            risk = task.risk_level.at_least(RiskLevel.MEDIUM)
            group, hours = self.book.dispatch.escalation.groups[risk], None
            layer, category, action = Layer.FALLBACK, "other", "handle"
            priority, evidence = Priority.P3, Evidence(reason="no rule knows this ticket")
        else:
            category, action, evidence = found
            group, hours = _GROUPS.get((category, action), (DISPATCH_DESK, None))
            layer, priority, risk = Layer.RULES, Priority.P2, RiskLevel.MEDIUM
        return DispatchAnswer(
            layer=layer,
            group=group,
            category=category,
            action=action,
            priority=priority,
            risk=risk,
            sla_hours=hours,
            evidence=evidence,
            tables_digest=digest_of(self.book.dispatch),
        )


def _recognised(task: OpsTask) -> tuple[str, str, Evidence] | None:
    if task.category and task.action:
        return task.category, task.action, Evidence(reason="the ticket says so itself", rule="as given")
    for word, category, action, *_ in _WORDS:
        if word in task.text.lower():
            return category, action, Evidence(reason=f"the text has {word!r}", rule=word, matched_text=word)
    return None
