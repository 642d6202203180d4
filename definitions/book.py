"""The rulebook: everything a bank configured, read and checked, as one immutable value.

The loader (`definitions.loader`) makes it from files; activities receive it through a port.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from definitions.schema import Sop
from domain.alerts import AlertPolicy
from domain.digest import digest_of
from domain.dispatch.tables import DispatchTables
from domain.duty import DutyConfig
from domain.handlers import HandlerSpec, HumanTask
from domain.model import Record
from domain.people import Directory
from domain.risk import RiskPolicy
from domain.sla import SlaPolicy


class PinnedSop(Record):
    """An SOP as a ticket keeps it: content, version, digest, and the handlers it names, resolved."""

    sop: Sop
    version: str
    digest: str
    handlers: dict[str, HandlerSpec]


@dataclass(frozen=True)
class Rulebook:
    """All definitions of a bank at one moment."""

    sops: tuple[Sop, ...]
    dispatch: DispatchTables
    sla: dict[str, SlaPolicy]
    """Policy per category."""
    duty: DutyConfig
    risk: RiskPolicy
    alerts: AlertPolicy
    directory: Directory
    human_tasks: dict[str, HumanTask] = field(default_factory=dict)
    """Handlers that are people, by handler name."""
    country: str = "CN"
    """Whose public holidays count."""
    sanctions: tuple[str, ...] = ()
    """Names that payments are screened against."""

    def sop_for(self, category: str, action: str) -> Sop:
        """The SOP that serves a dispatched ticket: its own, its category's, else the general one."""
        by_trigger = {(sop.trigger.category, sop.trigger.action): sop for sop in self.sops}
        for key in ((category, action), (category, None), ("other", None)):
            if key in by_trigger:
                return by_trigger[key]
        raise LookupError(
            f"no SOP serves category {category!r}, action {action!r}, and there is no general one"
        )


def pin(sop: Sop, handlers: dict[str, HandlerSpec]) -> PinnedSop:
    """The SOP with the handlers it names, identified by the digest of its content."""
    named = {step.handler for step in sop.steps} | {step.fallback for step in sop.steps}
    for step in sop.steps:
        for targets in (step.branch or {}).values():
            named.update(targets)
    digest = digest_of(sop)
    return PinnedSop(
        sop=sop,
        version=sop.version or digest[:8],
        digest=digest,
        handlers={name: spec for name, spec in handlers.items() if name in named},
    )


def with_people(
    handlers: Mapping[str, HandlerSpec], human_tasks: Mapping[str, HumanTask]
) -> dict[str, HandlerSpec]:
    """The catalogue with the handlers that are people (`policies/human_tasks.yaml`) added."""
    people = {
        name: HandlerSpec(
            name=name,
            summary=task.question,
            outcomes=("done",) if task.kind == "manual" else ("approved",),
            human=task,
        )
        for name, task in human_tasks.items()
    }
    return {**handlers, **people}
