"""Whether the policy of rescues fits the directory and dispatch."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from definitions.findings import Finding, found, listed, suggestion
from definitions.policy_files import Policies
from domain.dispatch.engine import DEFAULT_ACTION, UNKNOWN_CATEGORY
from domain.handlers import HandlerSpec
from domain.people import Role
from domain.standing import kind_of

Handlers = Mapping[str, HandlerSpec]
RescueCheck = Callable[[Policies, Handlers], Iterator[Finding]]

_WORKS: Final = (Role.OPERATOR, Role.REVIEWER)


def rescue_groups_are_known(policies: Policies, _: Handlers) -> Iterator[Finding]:
    """Who takes a ticket over is a group of the directory, with people who decide and who work."""
    document, policy, directory = policies.documents.get("rescue"), policies.rescue, policies.directory
    if document is None or policy is None or directory is None:
        return
    known = [each.name for each in directory.groups]
    for index, group in enumerate(policy.groups):
        at = document.value_at("groups", index, "name")
        if group.name not in known:
            message = f"unknown group {group.name!r}{suggestion(group.name, known)}"
            yield found(document.file, at, "OPS558", message, listed(known))
            continue
        people = [each for each in directory.principals if group.name in each.groups]
        if missing := [role for role in _WORKS if not any(each.may(role) for each in people)]:
            yield found(
                document.file,
                at,
                "OPS559",
                f"{group.name!r} cannot take tickets over: nobody there is {' or '.join(missing)}",
                "a principal with the role in this group, or another group",
            )


def skills_are_known(policies: Policies, _: Handlers) -> Iterator[Finding]:
    """A skill is of a kind that tickets can have."""
    document, policy, unknown = policies.documents.get("rescue"), policies.rescue, policies.escalation
    if document is None or policy is None or not (policies.rules and policies.keywords and unknown):
        return
    known: set[str] = set()
    tables = [(each.category, each.action) for each in policies.keywords.groups]
    tables.append((unknown.category, unknown.action))
    pairs = [(each.category, each.action) for each in policies.rules.rules]
    pairs += [(category or UNKNOWN_CATEGORY, action or DEFAULT_ACTION) for category, action in tables]
    for category, action in pairs:
        known |= {category, kind_of(category, action)}
    for index, group in enumerate(policy.groups):
        for number, skill in enumerate(group.skills):
            if skill not in known:
                yield found(
                    document.file,
                    document.value_at("groups", index, "skills", number),
                    "OPS560",
                    f"no ticket has the kind {skill!r}{suggestion(skill, known)}",
                    listed(known),
                )


RESCUE_CHECKS: Final[tuple[RescueCheck, ...]] = (rescue_groups_are_known, skills_are_known)
