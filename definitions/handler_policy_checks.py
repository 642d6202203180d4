"""Whether the policy of degraded handlers makes sense, and fits the catalogue."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Final

from definitions.findings import Finding, found, listed, suggestion
from definitions.policy_files import Policies
from domain.duration import format_duration
from domain.handler_health import is_watched
from domain.handlers import HandlerSpec

Handlers = Mapping[str, HandlerSpec]
HandlerPolicyCheck = Callable[[Policies, Handlers], Iterator[Finding]]

_QUICKEST: Final = timedelta(seconds=5)
_SLOWEST: Final = timedelta(hours=4)
_MANY: Final = 20


def handlers_are_known(policies: Policies, handlers: Handlers) -> Iterator[Finding]:
    """What is said of one handler is said of one that can become degraded."""
    document, policy = policies.documents.get("handlers"), policies.handlers
    catalogue = policies.catalogue(handlers)
    if document is None or policy is None or catalogue is None:
        return
    watched = {name for name, spec in catalogue.items() if is_watched(spec)}
    for name in policy.handlers:
        at = document.key_at("handlers", name)
        if name not in catalogue:
            near = suggestion(name, watched)
            yield found(document.file, at, "OPS562", f"no handler is called {name!r}{near}", listed(watched))
        elif name not in watched:
            what = "a person" if catalogue[name].human else "done in the worker itself"
            said = f"{name} never becomes degraded: it is {what}"
            yield found(document.file, at, "OPS563", said, listed(watched))


def probes_come_in_time(policies: Policies, _: Handlers) -> Iterator[Finding]:
    """A probe neither hammers what is down nor comes when the night is over."""
    document, policy = policies.documents.get("handlers"), policies.handlers
    if document is None or policy is None:
        return
    waits: list[tuple[tuple[str, ...], timedelta]] = [(("probe_every",), policy.probe_every)]
    for name, rule in policy.handlers.items():
        if rule.probe_every is not None:
            waits.append((("handlers", name, "probe_every"), rule.probe_every))
    for path, wait in waits:
        if not _QUICKEST <= wait <= _SLOWEST:
            yield found(
                document.file,
                document.value_at(*path),
                "OPS564",
                f"a probe every {format_duration(wait)}",
                f"between {format_duration(_QUICKEST)} and {format_duration(_SLOWEST)}",
            )


def failures_are_few(policies: Policies, _: Handlers) -> Iterator[Finding]:
    """A handler that is down is noticed before its tickets have piled up."""
    document, policy = policies.documents.get("handlers"), policies.handlers
    if document is None or policy is None:
        return
    bounds: list[tuple[tuple[str, ...], int]] = [(("failures",), policy.failures)]
    for name, rule in policy.handlers.items():
        if rule.failures is not None:
            bounds.append((("handlers", name, "failures"), rule.failures))
    for path, bound in bounds:
        if bound > _MANY:
            yield found(
                document.file,
                document.value_at(*path),
                "OPS565",
                f"{bound} tickets have to fail one after the other before anything changes",
                f"at most {_MANY}",
            )


HANDLER_POLICY_CHECKS: Final[tuple[HandlerPolicyCheck, ...]] = (
    handlers_are_known,
    probes_come_in_time,
    failures_are_few,
)
