"""What every check looks at: one SOP, its file, the catalogue, and the ways through it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from definitions.findings import Finding, Position, found
from definitions.routes import Flow
from definitions.schema import LATE, Place, Sop, Step, all_sequences, all_steps
from definitions.yaml_source import Document
from domain.handlers import HandlerSpec, HumanTask

Catalogue = Mapping[str, HandlerSpec]


@dataclass(frozen=True)
class Subject:
    """One SOP under examination."""

    sop: Sop
    document: Document
    catalogue: Catalogue

    @cached_property
    def steps(self) -> tuple[tuple[Place, Step], ...]:
        """Every step at every depth, with its place."""
        return tuple(all_steps(self.sop.steps))

    @cached_property
    def homes(self) -> Mapping[str, Place]:
        """The place of each step, by id; of doubled ids the first."""
        return {step.id: place for place, step in reversed(self.steps)}

    @cached_property
    def sequences(self) -> Mapping[Place, tuple[Step, ...]]:
        """Every sequence of steps, by its place."""
        return {place: tuple(steps) for place, steps in all_sequences(self.sop.steps)}

    @cached_property
    def flow(self) -> Flow:
        """The ways through it."""
        return Flow(self.sop, self.catalogue)

    def spec(self, step: Step) -> HandlerSpec | None:
        """The catalogue's entry for the step's handler."""
        return self.catalogue.get(step.handler or "")

    def persons(self, step: Step) -> Iterator[HumanTask]:
        """The human tasks that the step can come to by its handler or its fallback."""
        for name in (step.handler, step.fallback):
            spec = self.catalogue.get(name or "")
            if spec is not None and spec.human is not None:
                yield spec.human

    def compensation(self, place: Place) -> Place:
        """Where the handler that undoes the step at this place stands: alone, or in a mapping."""
        written = (*place, "compensate", "handler")
        return written if written in self.document.values else (*place, "compensate")

    def found(self, code: str, place: Place, message: str, expected: str = "") -> Finding:
        """A finding at the value of this place."""
        return self.found_at(self.document.value_at(*place), code, message, expected)

    def found_key(self, code: str, place: Place, message: str, expected: str = "") -> Finding:
        """A finding at the key of this place."""
        return self.found_at(self.document.key_at(*place), code, message, expected)

    def found_at(self, at: Position, code: str, message: str, expected: str = "") -> Finding:
        """A finding at a position of the file."""
        return found(self.document.file, at, code, message, expected)

    def where(self, place: Place) -> str:
        """A step's place as people say it: `step 2 of parallel 'papers' in step 1`."""
        words = []
        for length in range(len(place), 0, -1):
            last = place[length - 1]
            if isinstance(last, int):
                words.append(f"step {last + 1}")
                if length > 2:
                    words[-1] += f" of {_container(place[: length - 1])}"
        return " in ".join(words)


Check = Callable[[Subject], Iterator[Finding]]


def number_of(place: Place) -> int:
    """The number of the step at this place within its sequence, from 0."""
    number = place[-1]
    assert isinstance(number, int)  # noqa: S101 - the places of steps end so
    return number


def _container(place: Place) -> str:
    """What holds the sequence at this place."""
    return f"parallel {place[-1]!r}" if place[-2] == "parallel" else f"the {place[-2]}"


def outcomes_of(step: Step, catalogue: Catalogue) -> tuple[str, ...]:
    """What a step can answer; empty where its handler is unknown.

    At a review or manual step with a branch, the person picks one of the routes.
    """
    if step.handler is not None:
        spec = catalogue.get(step.handler)
        if spec is None:
            return ()
        late = spec.human is not None and spec.human.on_late == "go_on"
        return (*spec.outcomes, LATE) if late else spec.outcomes
    person = step.review or step.manual
    if person is not None:
        choices = tuple(each for each in step.branch or () if each != LATE)
        default = ("approved" if step.review else "done",)
        return (*(choices or default), LATE) if person.on_late == "go_on" else choices or default
    if step.wait is not None:
        come = "received" if step.wait.event is not None else "elapsed"
        return (come, LATE) if step.wait.on_late == "go_on" else (come,)
    return ("done",)
