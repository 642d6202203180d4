"""Whether the policy files agree with each other: an ordered list of small checks.

A check that needs a file which could not be read says nothing; that file has findings of its own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from definitions.calendar_files import country_findings
from definitions.expression_checks import problems
from definitions.expression_types import BOOL, INT, MAP
from definitions.findings import Finding, found, listed, suggestion
from definitions.handler_policy_checks import HANDLER_POLICY_CHECKS
from definitions.http_checks import services_can_be_called
from definitions.patrol_checks import PATROL_CHECKS
from definitions.policy_files import Policies
from definitions.rescue_checks import RESCUE_CHECKS
from definitions.roster_checks import ROSTER_CHECKS
from definitions.spot_check_checks import SPOT_CHECK_CHECKS
from definitions.trend_checks import TREND_CHECKS
from definitions.yaml_source import Document, Path
from domain.dispatch.engine import Dispatcher
from domain.dispatch.keywords import CompiledKeywords
from domain.dispatch.rules import CompiledRules
from domain.dispatch.tables import DispatchTables, KeywordTable
from domain.errors import DefinitionError
from domain.handlers import HandlerSpec
from domain.people import Directory, Role
from domain.task import RiskLevel

Handlers = Mapping[str, HandlerSpec]
Check = Callable[[Policies, Handlers], Iterator[Finding]]

EXPRESSION_VARIABLES: Final = {"task": MAP, "fields": MAP, "amount_fen": INT}
"""What a risk criterion can look at."""


def names_are_unique(policies: Policies, _: Handlers) -> Iterator[Finding]:
    """No list has the same name, id or category twice."""
    lists: list[tuple[str, tuple[str, ...], str, list[str]]] = []
    if policies.rules:
        lists.append(("rules", ("rules",), "name", [each.name for each in policies.rules.rules]))
    if policies.sla:
        lists.append(("sla", ("policies",), "category", [each.category for each in policies.sla.policies]))
    if policies.risk:
        lists.append(("risk", ("criteria",), "id", [each.id for each in policies.risk.criteria]))
    for file, path, field, names in lists:
        document = policies.documents[file]
        for index, name in enumerate(names):
            if name in names[:index]:
                at = document.value_at(*path, index, field)
                yield found(
                    document.file, at, "OPS307", f"the {field} {name!r} stands here twice", "each once"
                )


def groups_exist(policies: Policies, _: Handlers) -> Iterator[Finding]:
    """Every group that a policy names is in the directory."""
    if policies.directory is None:
        return
    for file, path, group in _named_groups(policies):
        if group and policies.directory.group(group) is None:
            yield unknown_group(policies.documents[file], path, group, policies.directory)


def _named_groups(policies: Policies) -> Iterator[tuple[str, Path, str]]:
    if policies.rules:
        for index, rule in enumerate(policies.rules.rules):
            yield "rules", ("rules", index, "group"), rule.group
    if policies.keywords:
        for index, keywords in enumerate(policies.keywords.groups):
            yield "keywords", ("groups", index, "group"), keywords.group
    if policies.escalation:
        for level, group in policies.escalation.groups.items():
            yield "escalation", ("groups", level.value), group
    if policies.human_tasks:
        for name, task in policies.human_tasks.root.items():
            yield "human_tasks", (name, "group"), task.group
    if policies.directory:
        for index, principal in enumerate(policies.directory.principals):
            written = policies.documents["directory"].data["principals"][index].get("groups", [])
            for number, group in enumerate(written):
                if group in principal.groups:
                    yield "directory", ("principals", index, "groups", number), group


def leads_and_on_call_exist(policies: Policies, _: Handlers) -> Iterator[Finding]:
    """Whoever is told has an entry, and on-call people have that role."""
    directory = policies.directory
    if directory is None:
        return
    document = policies.documents["directory"]
    ids = [principal.id for principal in directory.principals]
    for index, group in enumerate(directory.groups):
        if group.lead and group.lead not in ids:
            yield _unknown_person(document, ("groups", index, "lead"), group.lead, ids)
    for index, name in enumerate(directory.on_call):
        principal = directory.principal(name)
        if principal is None:
            yield _unknown_person(document, ("on_call", index), name, ids)
        elif not principal.may(Role.ONCALL):
            yield found(
                document.file,
                document.value_at("on_call", index),
                "OPS304",
                f"{name!r} is on call without the role oncall",
                "`oncall` among the roles of this person",
            )


def somebody_is_on_call(policies: Policies, _: Handlers) -> Iterator[Finding]:
    """A policy that tells on-call needs somebody there."""
    if policies.directory is None or policies.directory.on_call:
        return
    if policies.alerts:
        for level, rule in policies.alerts.levels.items():
            if rule.to == "on_call":
                yield _nobody_on_call(policies.documents["alerts"], ("levels", level.value, "to"))
    if policies.duty:
        for name, mode in policies.duty.modes.items():
            if not mode.human_confirm:
                yield _nobody_on_call(policies.documents["duty"], ("modes", name))


def reviews_can_be_decided(policies: Policies, _: Handlers) -> Iterator[Finding]:
    """Groups that human tasks go to have two people with the role: one may be the maker."""
    if policies.directory is None or policies.human_tasks is None:
        return
    document = policies.documents["human_tasks"]
    for name, task in policies.human_tasks.root.items():
        if task.group and policies.directory.group(task.group):
            yield from too_few_people(
                document,
                (name, "group"),
                task.group,
                Role(task.role),
                policies.directory,
                quorum=task.quorum,
                four_eyes=task.four_eyes,
            )
        if task.deadline is None:
            yield found(
                document.file,
                document.key_at(name),
                "OPS210",
                f"the human task {name!r} has no deadline",
                "a `deadline`, and with `on_late` what silence means",
            )


def human_tasks_do_not_shadow(policies: Policies, handlers: Handlers) -> Iterator[Finding]:
    """A human task does not take the name of a handler that is code."""
    for name in policies.people:
        if name in handlers:
            document = policies.documents["human_tasks"]
            yield found(
                document.file,
                document.key_at(name),
                "OPS311",
                f"{name!r} is a handler already: {handlers[name].summary}",
                "another name",
            )


def patterns_compile(policies: Policies, _: Handlers) -> Iterator[Finding]:
    """Rules, keywords and escalation can be compiled for dispatch."""
    failed = False
    if policies.rules:
        document = policies.documents["rules"]
        for index, rule in enumerate(policies.rules.rules):
            try:
                CompiledRules((rule,))
            except DefinitionError as error:
                failed = True
                yield found(
                    document.file,
                    document.value_at("rules", index, "pattern"),
                    "OPS305",
                    str(error),
                    "an RE2 pattern",
                )
    if policies.keywords:
        document = policies.documents["keywords"]
        for index, group in enumerate(policies.keywords.groups):
            try:
                CompiledKeywords(KeywordTable(match=policies.keywords.match, groups=(group,)))
            except DefinitionError as error:
                failed = True
                yield found(document.file, document.value_at("groups", index, "words"), "OPS315", str(error))
    if policies.escalation:
        document = policies.documents["escalation"]
        least = policies.escalation.least_risk or RiskLevel.LOW
        for level in RiskLevel:
            if level.rank >= least.rank and level not in policies.escalation.groups:
                failed = True
                yield found(
                    document.file,
                    document.key_at("groups"),
                    "OPS308",
                    f"no group takes unknown tickets of {level} risk",
                    f"a group for {level}",
                )
    if not failed and policies.rules and policies.keywords and policies.escalation:
        try:
            Dispatcher(
                DispatchTables(
                    rules=policies.rules.rules, keywords=policies.keywords, escalation=policies.escalation
                )
            )
        except DefinitionError as error:
            document = policies.documents["rules"]
            yield found(document.file, document.value_at("rules"), "OPS305", str(error))


def criteria_compile(policies: Policies, _: Handlers) -> Iterator[Finding]:
    """Risk criteria are CEL over what they are given."""
    if policies.risk is None:
        return
    document = policies.documents["risk"]
    for index, criterion in enumerate(policies.risk.criteria):
        for problem in problems(criterion.when, EXPRESSION_VARIABLES, BOOL):
            yield found(
                document.file,
                document.value_at("criteria", index, "when"),
                "OPS306",
                f"criterion {criterion.id!r}, character {problem.offset + 1}: {problem.message}",
                "CEL over task, fields and amount_fen, such as `amount_fen >= 50000000`",
            )


def country_is_known(policies: Policies, _: Handlers) -> Iterator[Finding]:
    """The country has a calendar of public holidays."""
    if policies.bank:
        yield from country_findings(policies.documents["bank"], policies.bank.country, "country")


def calendars_exist(policies: Policies, _: Handlers) -> Iterator[Finding]:
    """Every calendar that a policy names is there."""
    named: list[tuple[str, Path, str | None]] = []
    if policies.bank:
        named.append(("bank", ("calendar",), policies.bank.calendar))
    for index, policy in enumerate(policies.sla.policies if policies.sla else ()):
        named.append(("sla", ("policies", index, "calendar"), policy.calendar))
    for file, path, name in named:
        if name is not None and policies.calendars is not None and name not in policies.calendars:
            document = policies.documents[file]
            yield found(
                document.file,
                document.value_at(*path),
                "OPS506",
                f"unknown calendar {name!r}{suggestion(name, policies.calendars)}",
                listed(policies.calendars),
            )


CHECKS: Final[tuple[Check, ...]] = (
    names_are_unique,
    groups_exist,
    leads_and_on_call_exist,
    somebody_is_on_call,
    reviews_can_be_decided,
    human_tasks_do_not_shadow,
    patterns_compile,
    criteria_compile,
    country_is_known,
    calendars_exist,
    services_can_be_called,
    *ROSTER_CHECKS,
    *SPOT_CHECK_CHECKS,
    *HANDLER_POLICY_CHECKS,
    *PATROL_CHECKS,
    *TREND_CHECKS,
    *RESCUE_CHECKS,
)


def check_policies(policies: Policies, handlers: Handlers) -> list[Finding]:
    """All findings of all checks."""
    return [finding for check in CHECKS for finding in check(policies, handlers)]


def unknown_group(document: Document, path: Path, group: str, directory: Directory) -> Finding:
    """The finding for a group that the directory does not have."""
    names = [each.name for each in directory.groups]
    return found(
        document.file,
        document.value_at(*path),
        "OPS303",
        f"unknown group {group!r}{suggestion(group, names)}",
        listed(names),
    )


def too_few_people(
    document: Document,
    path: Path,
    group: str,
    role: Role,
    directory: Directory,
    *,
    quorum: int = 1,
    four_eyes: bool = True,
) -> Iterator[Finding]:
    """A finding where too few of the group hold the role: the quorum, and with four eyes one more."""
    able = [each.id for each in directory.principals if group in each.groups and each.may(role)]
    needed = quorum + four_eyes
    if len(able) < needed:
        yield found(
            document.file,
            document.value_at(*path),
            "OPS310",
            f"{group!r} has {len(able) or 'nobody'} with the role {role}",
            f"{_people(needed)}, because the maker of a ticket cannot decide on it"
            if four_eyes
            else _people(needed),
        )


def _people(number: int) -> str:
    return {1: "one person", 2: "two people"}.get(number, f"{number} people")


def _unknown_person(document: Document, path: Path, name: str, ids: Iterable[str]) -> Finding:
    return found(
        document.file,
        document.value_at(*path),
        "OPS303",
        f"unknown person {name!r}{suggestion(name, ids)}",
        "the id of a principal",
    )


def _nobody_on_call(document: Document, path: Path) -> Finding:
    return found(
        document.file,
        document.key_at(*path),
        "OPS312",
        "on-call is told here, and nobody is on call",
        "people under `on_call` in policies/directory.yaml",
    )
