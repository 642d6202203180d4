"""Whether the policy of trends makes sense, and fits dispatch and directory."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Final

from definitions.findings import Finding, found, listed, suggestion
from definitions.policy_files import Policies
from domain.dispatch.engine import DEFAULT_ACTION, UNKNOWN_CATEGORY
from domain.duration import format_duration
from domain.handlers import HandlerSpec
from domain.standing import kind_of

Handlers = Mapping[str, HandlerSpec]
TrendCheck = Callable[[Policies, Handlers], Iterator[Finding]]

_SHORTEST: Final = timedelta(minutes=5)
_LONGEST: Final = timedelta(hours=12)
_OFTEN: Final = timedelta(seconds=10)


def kinds_are_known(policies: Policies, _: Handlers) -> Iterator[Finding]:
    """A rule is of a kind that tickets can have."""
    document, policy = policies.documents.get("trends"), policies.trends
    unknown = policies.escalation
    if document is None or policy is None or not (policies.rules and policies.keywords and unknown):
        return
    known = {kind_of(each.category, each.action) for each in policies.rules.rules}
    tables = [(each.category, each.action) for each in policies.keywords.groups]
    for category, action in (*tables, (unknown.category, unknown.action)):
        known.add(kind_of(category or UNKNOWN_CATEGORY, action or DEFAULT_ACTION))
    for kind in policy.kinds:
        if kind not in known:
            yield found(
                document.file,
                document.key_at("kinds", kind),
                "OPS554",
                f"no ticket has the kind {kind!r}{suggestion(kind, known)}",
                listed(known),
            )


def a_surge_can_end(policies: Policies, _: Handlers) -> Iterator[Finding]:
    """What raises a surge lies above what ends it."""
    document, policy = policies.documents.get("trends"), policies.trends
    if document is None or policy is None:
        return
    ratios: list[tuple[tuple[str, ...], float]] = [(("ratio",), policy.ratio)]
    ratios += [(("kinds", name, "ratio"), rule.ratio) for name, rule in policy.kinds.items() if rule.ratio]
    for path, ratio in ratios:
        if ratio <= max(policy.ends_below, 1):
            yield found(
                document.file,
                document.value_at(*path),
                "OPS555",
                f"{ratio:g} times the baseline raises, and below {policy.ends_below:g} times it ends",
                "a `ratio` above 1 and above `ends_below`",
            )


def the_window_can_be_compared(policies: Policies, _: Handlers) -> Iterator[Finding]:
    """The window holds some tickets, is part of a day, and slides."""
    document, policy = policies.documents.get("trends"), policies.trends
    if document is None or policy is None:
        return
    if not _SHORTEST <= policy.window <= _LONGEST:
        yield found(
            document.file,
            document.value_at("window"),
            "OPS556",
            f"hours of {format_duration(policy.window)} cannot be held against the same hours of other days",
            f"between {format_duration(_SHORTEST)} and {format_duration(_LONGEST)}",
        )
    if not _OFTEN <= policy.every <= policy.window / 2:
        yield found(
            document.file,
            document.value_at("every"),
            "OPS556",
            f"a look every {format_duration(policy.every)} at {format_duration(policy.window)}",
            f"between {format_duration(_OFTEN)} and half the window",
        )


def somebody_is_told(policies: Policies, _: Handlers) -> Iterator[Finding]:
    """The desk is that of a group."""
    document, policy = policies.documents.get("trends"), policies.trends
    if document is None or policy is None or policies.directory is None or not policy.group:
        return
    known = [each.name for each in policies.directory.groups]
    if policy.group not in known:
        yield found(
            document.file,
            document.value_at("group"),
            "OPS557",
            f"unknown group {policy.group!r}{suggestion(policy.group, known)}",
            listed(known),
        )


TREND_CHECKS: Final[tuple[TrendCheck, ...]] = (
    kinds_are_known,
    a_surge_can_end,
    the_window_can_be_compared,
    somebody_is_told,
)
