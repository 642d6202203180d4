"""The rulebook: everything a bank configured, read and checked, as one immutable value.

The loader (`definitions.loader`) makes it from files; activities receive it through a port.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any, Final, NamedTuple

from pydantic import (
    Field,
    ModelWrapValidatorHandler,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    WrapSerializer,
    model_validator,
)
from pydantic_core import to_json

from definitions.rollout import Candidate
from definitions.schema import Sop, all_steps, routes_of
from domain.alerts import AlertPolicy
from domain.calendar import WorkCalendar
from domain.digest import digest_of
from domain.dispatch.tables import DispatchTables
from domain.duty import DutyConfig
from domain.fields import FieldSpec
from domain.handler_health import HandlerPolicy
from domain.handlers import HandlerSpec, HumanTask
from domain.http_services import HttpService
from domain.model import Record
from domain.paging_policy import PagingPolicy
from domain.patrol import PatrolPolicy
from domain.people import Directory
from domain.rescue import RescuePolicy
from domain.risk import RiskPolicy
from domain.roster import Roster, around_the_clock
from domain.sla import SlaPolicy
from domain.spot_check import SpotCheckPolicy
from domain.trend import TrendPolicy

MOST_KEPT: Final = 200
"""How many SOPs a process keeps ready: those in force, and older ones that tickets still run under."""


class _Same:
    """SOPs compared by identity: they are immutable, so what was worked out for one holds for ever."""

    def __init__(self, *sops: Sop) -> None:
        self.sops = sops

    def __hash__(self) -> int:
        return hash(tuple(map(id, self.sops)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and tuple(map(id, self.sops)) == tuple(map(id, other.sops))


@lru_cache(maxsize=MOST_KEPT)
def _written(_: _Same) -> list[Any]:
    """Room for the SOP's JSON form."""
    return []


def _written_once(sop: Sop, dump: SerializerFunctionWrapHandler) -> Any:
    form = _written(_Same(sop))
    if not form:
        form.append(dump(sop))
    return form[0]


@lru_cache(maxsize=MOST_KEPT)
def _read(_: bytes) -> "list[PinnedSop]":
    """Room for the SOP that was read from the JSON with this digest."""
    return []


_Written = Annotated[Sop, WrapSerializer(_written_once, when_used="json")]


class PinnedSop(Record):
    """An SOP as a ticket keeps it: content, version, digest, and the handlers it names, resolved.

    In one process there is one for each content that was read from JSON, shared by all its tickets.
    """

    sop: _Written
    version: str
    digest: str
    handlers: dict[str, HandlerSpec]
    called: dict[str, _Written] = Field(default_factory=dict)
    """Every SOP that this one calls, directly or not, by id."""

    @model_validator(mode="wrap")
    @classmethod
    def _read_once(
        cls, data: Any, read: "ModelWrapValidatorHandler[PinnedSop]", info: ValidationInfo
    ) -> "PinnedSop":
        if info.mode != "json":
            return read(data)
        # The order of keys is content too: sequences side by side begin in it. `digest` knows no order.
        known = _read(hashlib.sha256(to_json(data)).digest())
        if not known:
            known.append(read(data))
        return known[0]


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
    calendars: dict[str, WorkCalendar] = field(default_factory=dict)
    """Business time, by name; without one a clock runs always."""
    calendar: str = ""
    """The name of the bank's own, whose days are its working days; empty: weekdays less public holidays."""
    sanctions: tuple[str, ...] = ()
    """Names that payments are screened against."""
    http_services: dict[str, HttpService] = field(default_factory=dict)
    """What `handler: http` may call, by name."""
    written_roster: Roster = field(default_factory=Roster)
    """`policies/roster.yaml`, where there is one."""
    paging: PagingPolicy = field(default_factory=PagingPolicy)
    """How a page rings."""
    spot_checks: SpotCheckPolicy = field(default_factory=SpotCheckPolicy)
    """How many tickets of a night are looked at the next morning, and what objections lead to."""
    degraded: HandlerPolicy = field(default_factory=HandlerPolicy)
    """When a handler counts as degraded, and how it is probed."""
    patrol: PatrolPolicy = field(default_factory=PatrolPolicy)
    """How often an auditor asks from outside, and what it minds."""
    trends: TrendPolicy = field(default_factory=TrendPolicy)
    """When similar tickets count as a surge, and who is told."""
    rescue: RescuePolicy = field(default_factory=RescuePolicy)
    """What becomes of a ticket at 95 % of its SLA."""
    candidates: tuple[Candidate, ...] = ()
    """Versions that are being rolled out; they come from the store, not from the files."""
    digest: str = ""
    """SHA-256 over the digests of all files that it was read from."""
    edition: str = ""
    """Which state of the definitions it is: `release 12`, or `folder`."""

    @property
    def roster(self) -> Roster:
        """Who is on call when; a bank that wrote no roster has the directory's order around the clock."""
        return (
            self.written_roster if self.written_roster.rotations else around_the_clock(self.directory.on_call)
        )

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
    content = _content(_Same(sop, *sops))
    return PinnedSop(
        sop=sop,
        version=sop.version or content.digest[:8],
        digest=content.digest,
        handlers={name: _as_pinned(spec) for name, spec in handlers.items() if name in content.named},
        called=dict(content.called),
    )


class _Content(NamedTuple):
    called: Mapping[str, Sop]
    named: frozenset[str]
    """What can be the name of a handler."""
    digest: str


@lru_cache(maxsize=MOST_KEPT)
def _content(sops: _Same) -> _Content:
    """What the first of these SOPs is made of, where it can call the others."""
    sop, *others = sops.sops
    called = called_by(sop, others)
    return _Content(
        called,
        frozenset(name for each in (sop, *called.values()) for name in _handlers_named_in(each)),
        digest_of([sop, *(called[name] for name in sorted(called))]),
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
