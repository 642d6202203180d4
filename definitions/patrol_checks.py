"""Whether the patrol's policy makes sense, and fits the directory."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Final

from definitions.findings import Finding, found, listed, suggestion
from definitions.policy_files import Policies
from domain.handlers import HandlerSpec

PatrolCheck = Callable[[Policies, Mapping[str, HandlerSpec]], Iterator[Finding]]
_SHORTEST: Final = timedelta(seconds=30)
_LONGEST: Final = timedelta(hours=1)


def groups_are_known(policies: Policies, _: Mapping[str, HandlerSpec]) -> Iterator[Finding]:
    """Whoever hears of findings, and whose backlog is bounded, is in the directory."""
    document, policy = policies.documents.get("patrol"), policies.patrol
    if document is None or policy is None or policies.directory is None:
        return
    known = [each.name for each in policies.directory.groups]
    if policy.group and policy.group not in known:
        problem = f"there is no group {policy.group!r}{suggestion(policy.group, known)}"
        yield found(document.file, document.value_at("group"), "OPS550", problem, listed(known))
    for name in policy.backlog:
        if name not in known:
            problem = f"there is no group {name!r}{suggestion(name, known)}"
            yield found(document.file, document.key_at("backlog", name), "OPS550", problem, listed(known))


def it_comes_often_enough(policies: Policies, _: Mapping[str, HandlerSpec]) -> Iterator[Finding]:
    """A patrol that never comes finds nothing; one without a pause finds itself."""
    document, policy = policies.documents.get("patrol"), policies.patrol
    if document is None or policy is None:
        return
    if not _SHORTEST <= policy.every <= _LONGEST:
        yield found(
            document.file,
            document.value_at("every"),
            "OPS551",
            "the patrol comes too seldom or too often",
            "a duration from 30s to 1h; 5min is usual",
        )
    if policy.grace <= timedelta(0) or policy.grace > policy.every:
        yield found(
            document.file,
            document.value_at("grace"),
            "OPS552",
            "the grace fits no patrol: a late threshold would be found at once or after several rounds",
            "more than 0, and no longer than `every`",
        )


def somebody_notices_silence(policies: Policies, _: Mapping[str, HandlerSpec]) -> Iterator[Finding]:
    """The patrol runs on the workers that it watches: when all are gone only silence tells."""
    document, policy = policies.documents.get("patrol"), policies.patrol
    if document is not None and policy is not None and not policy.heartbeat:
        yield found(
            document.file,
            document.value_at("heartbeat"),
            "OPS553",
            "nobody outside learns that the patrol itself has stopped",
            "heartbeat: true, and OPSLOOP_HEARTBEAT_URL",
        )


PATROL_CHECKS: Final[tuple[PatrolCheck, ...]] = (
    groups_are_known,
    it_comes_often_enough,
    somebody_notices_silence,
)
