"""Whether the policy of spot checks makes sense, and fits dispatch and duty."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from definitions.findings import Finding, found, listed, suggestion
from definitions.policy_files import Policies
from domain.dispatch.engine import UNKNOWN_CATEGORY
from domain.handlers import HandlerSpec

Handlers = Mapping[str, HandlerSpec]
SpotCheckCheck = Callable[[Policies, Handlers], Iterator[Finding]]


def categories_are_known(policies: Policies, _: Handlers) -> Iterator[Finding]:
    """A share is of a category that tickets can have."""
    document = policies.documents.get("spot_checks")
    policy = policies.spot_checks
    if document is None or policy is None or not (policies.rules and policies.keywords and policies.sla):
        return
    known = {UNKNOWN_CATEGORY, *(each.category for each in policies.rules.rules)}
    known |= {each.category for each in policies.keywords.groups if each.category}
    known |= {each.category for each in policies.sla.policies}
    for category in policy.shares:
        if category not in known:
            yield found(
                document.file,
                document.key_at("shares", category),
                "OPS540",
                f"no ticket has the category {category!r}{suggestion(category, known)}",
                listed(known),
            )


def something_is_drawn(policies: Policies, _: Handlers) -> Iterator[Finding]:
    """What runs by itself at night is looked at by somebody, at least some of it."""
    document, policy = policies.documents.get("spot_checks"), policies.spot_checks
    if document is None or policy is None:
        return
    shares: list[tuple[tuple[str, ...], float]] = [(("share",), policy.share)]
    shares += [(("shares", name), share) for name, share in policy.shares.items()]
    for path, share in shares:
        if not share:
            yield found(
                document.file,
                document.value_at(*path),
                "OPS541",
                "nothing is ever drawn: what runs by itself at night is looked at by nobody",
                "a share greater than 0",
            )
    if policy.error_bound >= 1:
        yield found(
            document.file,
            document.value_at("error_bound"),
            "OPS543",
            "no kind can ever lose its automatic authority: not more than all checks can object",
            "a bound below 1",
        )


def somebody_is_at_the_desk(policies: Policies, _: Handlers) -> Iterator[Finding]:
    """Spot checks are drawn when people come to their desks."""
    duty = policies.duty
    if duty is None or any(mode.human_confirm for mode in duty.modes.values()):
        return
    document = policies.documents["duty"]
    for name, mode in duty.modes.items():
        if mode.auto_with_audit and mode.auto_with_audit.rank > mode.auto_execute_risk.rank:
            yield found(
                document.file,
                document.value_at("modes", name, "auto_with_audit"),
                "OPS542",
                f"{name} leaves spot checks to the next day, and no mode has people at their desks",
                "a mode with `human_confirm: true`, whose start is when they are drawn",
            )


SPOT_CHECK_CHECKS: Final[tuple[SpotCheckCheck, ...]] = (
    categories_are_known,
    something_is_drawn,
    somebody_is_at_the_desk,
)
