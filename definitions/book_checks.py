"""What only several definitions together can show: calls between SOPs, and the people whom SOPs ask."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from definitions.checks.expressions import check_given
from definitions.checks.inputs import check_inputs
from definitions.checks.loops import MOST_ROUNDS, rounds_around, rounds_of, too_many_rounds
from definitions.checks.subject import Catalogue, Subject
from definitions.findings import Finding, bounded, found, listed, suggestion
from definitions.policy_checks import too_few_people, unknown_group
from definitions.routes import Called, Flow
from definitions.schema import Place, Sop, all_steps
from definitions.yaml_source import Document
from domain.fields import FieldSpec
from domain.people import Directory, Role


class SopFile(NamedTuple):
    """An SOP and where it stands."""

    document: Document
    sop: Sop


def check_calls(
    files: Sequence[tuple[Document, Sop]],
    catalogue: Catalogue,
    others: Sequence[Sop] = (),
    *,
    complete: bool = True,
) -> list[Finding]:
    """All that is wrong between these SOPs, and between them and `others`, which are not reported on.

    Where not all SOPs could be read (`complete` false), one that is missing is not called unknown.
    """
    ours = [SopFile(*file) for file in files]
    known = {sop.id: sop for sop in (*others, *reversed([file.sop for file in ours]))}
    facts = _Facts(known, catalogue)
    findings: list[Finding] = [*_doubled_ids(ours)]
    called = {step.call for sop in known.values() for _, step in all_steps(sop.steps)}
    for file in ours:
        findings += bounded(_calls_of(file, known, catalogue, facts, complete=complete))
        if complete and file.sop.trigger is None and file.sop.id not in called:
            findings.append(
                found(
                    file.document.file,
                    file.document.value_at("name"),
                    "OPS273",
                    f"nothing runs {file.sop.id!r}: it has no trigger, and no SOP calls it",
                    "a `trigger`, or a step with `call: " + file.sop.id + "`",
                )
            )
    return findings


def calls_or_is_called(sop: Sop) -> bool:
    """Whether other SOPs matter to this one: it calls some, or runs only where it is called."""
    return sop.trigger is None or any(step.call for _, step in all_steps(sop.steps))


def check_people(document: Document, sop: Sop, directory: Directory) -> Iterator[Finding]:
    """Groups that an SOP asks exist, and have as many people as must decide, the maker not among them."""
    for place, step in all_steps(sop.steps):
        for kind, person in (("review", step.review), ("manual", step.manual)):
            if person is None or not person.group:
                continue
            path = (*place, kind, "group")
            if directory.group(person.group) is None:
                yield unknown_group(document, path, person.group, directory)
                continue
            quorum, four_eyes = (step.review.quorum, step.review.four_eyes) if step.review else (1, False)
            yield from too_few_people(
                document, path, person.group, Role(person.role), directory, quorum=quorum, four_eyes=four_eyes
            )


def _doubled_ids(files: Sequence[SopFile]) -> Iterator[Finding]:
    first: dict[str, str] = {}
    for document, sop in files:
        if sop.id in first:
            yield found(
                document.file,
                document.value_at("id" if ("id",) in document.values else "name"),
                "OPS272",
                f"the SOP id {sop.id!r} is that of {first[sop.id]} already",
                "another name, or an `id` of its own",
            )
        first.setdefault(sop.id, document.file)


def _calls_of(
    file: SopFile, known: Mapping[str, Sop], catalogue: Catalogue, facts: "_Facts", *, complete: bool
) -> Iterator[Finding]:
    subject = Subject(file.sop, file.document, catalogue)
    calls = [(place, step) for place, step in subject.steps if step.call is not None]
    around = rounds_around(file.sop) if calls else {}
    for place, step in calls:
        sop = known.get(step.call or "")
        at = (*place, "call")
        if sop is None:
            if complete:
                near = suggestion(step.call or "", known)
                yield subject.found("OPS270", at, f"unknown SOP {step.call!r}{near}", listed(known))
            continue
        circle = _way(known, sop.id, file.sop.id)
        if circle:
            shown = " → ".join((file.sop.id, *circle))
            yield subject.found("OPS271", at, f"the call goes round for ever: {shown}", "calls that end")
        most = facts.rounds_in(sop.id)
        if around[place] <= MOST_ROUNDS and most <= MOST_ROUNDS < around[place] * most:
            yield too_many_rounds(subject, at, around[place], most, f"the SOP {sop.id!r}")
        taken = {name: FieldSpec(type=kind, required=True) for name, kind in sop.inputs.items()}
        yield from check_inputs(subject, place, step.inputs, taken, f"the SOP {sop.id!r}")
        yield from check_given(subject, place, step.inputs, taken)
    if calls and file.sop.trigger is not None:
        yield from _effects_in_calls(subject, facts)


def _effects_in_calls(subject: Subject, facts: "_Facts") -> Iterator[Finding]:
    """Effects before the risk assessment that only show when the called SOPs are looked into."""
    alone = set(subject.flow.unassessed())
    flow = Flow(subject.sop, subject.catalogue, facts.of_calls(subject.sop))
    for place, handler in sorted(set(flow.unassessed()) - alone, key=str):
        yield subject.found(
            "OPS211",
            place,
            f"{handler!r} can run {_where(place)} before the risk is assessed",
            "a step with a risk assessor (such as risk_assessor) before it on every route",
        )


def _where(place: Place) -> str:
    return "in this call" if place[-1] == "call" else "here"


def _way(known: Mapping[str, Sop], begin: str, end: str) -> tuple[str, ...]:
    """The shortest way of calls from one SOP to another, both named; empty when there is none."""
    ways: dict[str, tuple[str, ...]] = {begin: (begin,)}
    queue = [begin]
    while queue:
        name = queue.pop(0)
        if name == end:
            return ways[name]
        for _, step in all_steps(known[name].steps) if name in known else ():
            if step.call is not None and step.call not in ways:
                ways[step.call] = (*ways[name], step.call)
                queue.append(step.call)
    return ()


class _Facts:
    """What callers must know of each SOP, found when it is asked for."""

    def __init__(self, known: Mapping[str, Sop], catalogue: Catalogue) -> None:
        self._known = known
        self._catalogue = catalogue
        self._facts: dict[str, Called] = {}
        self._rounds: dict[str, int] = {}
        self._open: set[str] = set()

    def of_calls(self, sop: Sop) -> dict[str, Called]:
        """The facts of the SOPs that this one calls, but for those that are being looked at: a circle."""
        names = {step.call for _, step in all_steps(sop.steps) if step.call is not None}
        return {
            name: self._of(name) for name in sorted(names) if name in self._known and name not in self._open
        }

    def rounds_in(self, name: str) -> int:
        """How often loops let a step run that is in this SOP or in one that it calls; 1 without loops."""
        if name not in self._rounds:
            # Until it is known, for calls that go in a circle.
            self._rounds[name] = 1
            sop = self._known.get(name)
            around = rounds_around(sop) if sop is not None else {}
            self._rounds[name] = max(
                (
                    around[place] * (self.rounds_in(step.call) if step.call else rounds_of(step))
                    for place, step in (all_steps(sop.steps) if sop is not None else ())
                ),
                default=1,
            )
        return self._rounds[name]

    def _of(self, name: str) -> Called:
        if name not in self._facts:
            self._open.add(name)
            sop = self._known[name]
            flow = Flow(sop, self._catalogue, self.of_calls(sop))
            self._open.discard(name)
            effect = next((handler for _, handler in flow.unassessed()), "")
            assesses = flow.leaves is None or flow.leaves.assessed
            self._facts[name] = Called(assesses, effect)
        return self._facts[name]
