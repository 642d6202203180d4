"""The rulebook: everything a bank configured, read and checked, as one immutable value.

The loader (`definitions.loader`) makes it from files; activities receive it through a port.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import Field

from definitions.rollout import Candidate
from definitions.schema import Sop, all_steps, routes_of
from domain.alerts import AlertPolicy
from domain.digest import digest_of
from domain.dispatch.tables import DispatchTables
from domain.duty import DutyConfig
from domain.fields import FieldSpec
from domain.handlers import HandlerSpec, HumanTask
from domain.http_services import HttpService
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
    called: dict[str, Sop] = Field(default_factory=dict)
    """Every SOP that this one calls, directly or not, by id."""


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
    http_services: dict[str, HttpService] = field(default_factory=dict)
    """What `handler: http` may call, by name."""
    candidates: tuple[Candidate, ...] = ()
    """Versions that are being rolled out; they come from the store, not from the files."""
    digest: str = ""
    """SHA-256 over the digests of all files that it was read from."""
    edition: str = ""
    """Which state of the definitions it is: `release 12`, or `folder`."""

    def sop_for(self, category: str, action: str) -> Sop:
        """The SOP that serves a dispatched ticket: its own, its category's, else the general one."""
        by_trigger = {(sop.trigger.category, sop.trigger.action): sop for sop in self.sops if sop.trigger}
        for key in ((category, action), (category, None), ("other", None)):
            if key in by_trigger:
                return by_trigger[key]
        raise LookupError(
            f"no SOP serves category {category!r}, action {action!r}, and there is no general one"
        )


def pin(sop: Sop, handlers: Mapping[str, HandlerSpec], sops: Sequence[Sop] = ()) -> PinnedSop:
    """The SOP with the SOPs it calls and the handlers they name, identified by the digest of the content.

    `sops` are those that can be called.
    """
    called = called_by(sop, sops)
    named = {name for each in (sop, *called.values()) for name in _handlers_named_in(each)}
    digest = digest_of([sop, *(called[name] for name in sorted(called))])
    return PinnedSop(
        sop=sop,
        version=sop.version or digest[:8],
        digest=digest,
        handlers={name: _as_pinned(spec) for name, spec in handlers.items() if name in named},
        called=called,
    )


def _as_pinned(spec: HandlerSpec) -> HandlerSpec:
    """What a run needs of the catalogue's entry. Texts and types stay out of every ticket's history."""
    return spec.model_copy(update={"inputs": dict.fromkeys(spec.inputs, FieldSpec()), "outputs": {}})


def called_by(sop: Sop, sops: Sequence[Sop]) -> dict[str, Sop]:
    """Every SOP that this one calls, directly or through others. Unknown ones are left out."""
    by_id = {each.id: each for each in sops}
    found: dict[str, Sop] = {}
    open_calls = [step.call for _, step in all_steps(sop.steps) if step.call]
    while open_calls:
        name = open_calls.pop()
        if name in by_id and name not in found:
            found[name] = by_id[name]
            open_calls += [step.call for _, step in all_steps(by_id[name].steps) if step.call]
    return found


def _handlers_named_in(sop: Sop) -> Iterator[str]:
    """Every name in the SOP that can be a handler's."""
    for _, step in all_steps(sop.steps):
        compensation = step.compensate.handler if step.compensate else None
        yield from (name for name in (step.handler, step.fallback, compensation) if name)
        for targets in routes_of(step).values():
            yield from targets


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
            outputs={name: FieldSpec(type=each.type) for name, each in task.form.items()},
        )
        for name, task in human_tasks.items()
    }
    return {**handlers, **people}
