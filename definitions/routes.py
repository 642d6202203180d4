"""Which ways a run can take through an SOP, found without running it.

Routes only go forward, so one pass over each sequence sees every way. What a step adds to what is known
does not depend on how the run came to it, so every sequence, at whatever depth, is walked once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from definitions.schema import (
    FINISH,
    REJECT,
    Place,
    Sop,
    Step,
    Targets,
    all_sequences,
    all_steps,
    routes_of,
)
from domain.handlers import HandlerSpec


class Known(NamedTuple):
    """What is known at a place, whichever way the run came there. Steps are bits, by `Flow.bits`."""

    assessed: bool = False
    """The risk is assessed on every way."""
    certain: int = 0
    """Steps that have a result on every way."""
    possible: int = 0
    """Steps that have a result on some way."""

    def then(self, other: "Known") -> "Known":
        """One after the other."""
        return Known(
            self.assessed or other.assessed, self.certain | other.certain, self.possible | other.possible
        )

    def either(self, other: "Known | None") -> "Known":
        """One or the other."""
        if other is None:
            return self
        return Known(
            self.assessed and other.assessed, self.certain & other.certain, self.possible | other.possible
        )


class Called(NamedTuple):
    """What a caller must know of another SOP."""

    assesses: bool
    """Whoever comes back from it has the risk assessed."""
    effect: str
    """A handler in it that can change something before the risk is assessed, or nothing."""


class Skipped(NamedTuple):
    """A route that leaves out a control."""

    place: Place
    """Of the route: its step and its key."""
    control: str
    """The control's step id."""


class _Effect(NamedTuple):
    """A handler that can change something before its own sequence has assessed the risk."""

    step: Place
    below: Place
    handler: str


@dataclass
class Flow:
    """All ways through one SOP. `called` has the SOPs that it calls; of others the best is assumed."""

    sop: Sop
    catalogue: Mapping[str, HandlerSpec]
    called: Mapping[str, Called] = field(default_factory=dict)
    bits: dict[str, int] = field(default_factory=dict, init=False)
    """A bit for each name in `steps`: ids, and handlers that are targets."""
    unreached: list[Place] = field(default_factory=list, init=False)
    """Steps that no way leads to; of nested ones the outermost."""
    skipped: list[Skipped] = field(default_factory=list, init=False)
    leaves: Known | None = field(default=None, init=False)
    """What is known when the SOP is done; None when no way gets there."""

    def __post_init__(self) -> None:
        self._since: dict[Place, Known] = {}
        """What is known at a step, counted from the begin of its sequence, or from its parent's."""
        self._gains: dict[Place, Known | None] = {}
        self._after: dict[Place, Known] = {}
        self._effects: list[_Effect] = []
        self._finished: Known | None = None
        self._controls: dict[Place, str] = {}
        """Steps that are a control or hold one, with its id."""
        self._next_control: dict[Place, list[int]] = {}
        """By sequence: for each index, that of the first step from there on that is or holds a control."""
        self._number_and_find_controls()
        leaves = self._walk(("steps",), self.sop.steps, Known())
        self.leaves = self._finished.either(leaves) if self._finished is not None else leaves

    def at(self, place: Place) -> Known | None:
        """What is known when the step at this place begins; None where it is never reached."""
        known = self._since.get(place)
        for length in _above(place):
            outer = self._since.get(place[:length])
            if known is None or outer is None:
                return None
            known = outer.then(known)
        return known

    def after_round(self, place: Place) -> Known | None:
        """What is known at the end of a round of the repeat at this place."""
        here, inside = self.at(place), self._after.get(place)
        return here.then(inside) if here is not None and inside is not None else None

    def unassessed(self) -> Iterator[tuple[Place, str]]:
        """Places, each with the handler in question, that can change something before the assessment."""
        for step, below, handler in dict.fromkeys(self._effects):
            if not any(self._since[step[:length]].assessed for length in _above(step)):
                yield (*step, *below), handler

    def _number_and_find_controls(self) -> None:
        named: list[str] = []
        for place, step in all_steps(self.sop.steps):
            self.bits.setdefault(step.id, 1 << len(self.bits))
            spec = self.catalogue.get(step.handler or "")
            if spec and spec.control:
                for length in (*_above(place), len(place)):
                    self._controls.setdefault(place[:length], step.id)
            for targets in routes_of(step).values():
                named += [target for target in targets if target in self.catalogue]
        for handler in named:
            self.bits.setdefault(handler, 1 << len(self.bits))
        for place, steps in all_sequences(self.sop.steps):
            following = [len(steps)] * (len(steps) + 1)
            for index in reversed(range(len(steps))):
                following[index] = index if (*place, index) in self._controls else following[index + 1]
            self._next_control[place] = following

    def _walk(self, place: Place, steps: Sequence[Step], begin: Known) -> Known | None:
        """What is known behind the sequence, counted from its begin; None when no way leads there."""
        walk = _Walk(
            place=place,
            steps=steps,
            order={step.id: index for index, step in reversed(list(enumerate(steps)))},
            onward=[begin, *[None] * len(steps)],
            visited=[None] * len(steps),
        )
        for index, step in enumerate(steps):
            here = (*place, index)
            onward = walk.onward[index]
            known = onward.either(walk.visited[index]) if onward else walk.visited[index]
            if known is None:
                self.unreached.append(here)
                continue
            self._since[here] = known
            self._note_effects(here, step, known)
            for route, targets, gain in self._ways(here, step):
                if onward is not None:
                    self._follow(walk, index, route, targets, onward.then(gain))
                elif targets:
                    self._follow(walk, index, route, targets, known.then(gain), goes_on=False)
        return walk.onward[len(steps)]

    def _ways(self, here: Place, step: Step) -> Iterator[tuple[Place, Targets, Known]]:
        """The ways out of a step: where each stands below it, its targets, and what the step added."""
        own = Known(certain=self.bits[step.id], possible=self.bits[step.id])
        gain = self._gain(here, step)
        inside = Known(possible=gain.possible if gain else 0).then(own)
        unknown_handler = step.handler is not None and step.handler not in self.catalogue
        if step.when is not None:
            yield (), (), own
        if gain is not None:
            if not step.branch or unknown_handler:
                yield (), (), gain
            for outcome, targets in (step.branch or {}).items():
                yield ("branch", outcome), targets, gain
        for code, targets in (step.on_error or {}).items():
            yield ("on_error", code), targets, inside
        if step.on_reject is not None:
            yield ("on_reject",), step.on_reject, inside

    def _follow(
        self,
        walk: "_Walk",
        index: int,
        route: Place,
        targets: Targets,
        known: Known,
        *,
        goes_on: bool = True,
    ) -> None:
        """One route. A step on the way of another route (`goes_on` false) leads to its targets and back."""
        here, following, done = (*walk.place, index), index + 1, set[int]()
        for number, target in enumerate(targets):
            if target in (FINISH, REJECT):
                if target == FINISH:
                    self._finished = known.either(self._finished)
                    self._note_skipped(walk, index, route, len(walk.steps), done)
                    self._note_skipped_around(here, route)
                return
            ahead, following = walk.order.get(target, -1), index + 1
            if ahead > index and number == len(targets) - 1 and goes_on:
                # To run the last target and go on after it is to go on at it.
                following = ahead
            elif ahead > index:
                walk.visited[ahead] = known.either(walk.visited[ahead])
                gain = self._gain_as_target((*walk.place, ahead), walk.steps[ahead])
                if gain is None:
                    return
                known = known.then(gain)
                done.add(ahead)
            elif ahead < 0:
                known = known.then(self._handler_as_target(here, (*route, number), target, known))
        if goes_on:
            self._note_skipped(walk, index, route, following, done)
            walk.onward[following] = known.either(walk.onward[following])

    def _gain_as_target(self, here: Place, step: Step) -> Known | None:
        """What a step adds that a route runs before its last target; None when it always ends the run."""
        gains = [gain for _, targets, gain in self._ways(here, step) if not {FINISH, REJECT} & set(targets)]
        if not gains:
            return None
        either = gains[0]
        for gain in gains[1:]:
            either = either.either(gain)
        return either

    def _handler_as_target(self, here: Place, below: Place, handler: str, known: Known) -> Known:
        spec = self.catalogue.get(handler)
        if spec is None:
            return Known()
        if spec.effect.gated and not known.assessed:
            self._effects.append(_Effect(here, below, handler))
        bit = self.bits[handler]
        return Known(spec.assesses_risk, bit, bit)

    def _gain(self, here: Place, step: Step) -> Known | None:
        if here not in self._gains:
            self._gains[here] = self._gained(here, step)
        return self._gains[here]

    def _gained(self, here: Place, step: Step) -> Known | None:
        """What the step adds when it ends well; None when it never does."""
        bit = self.bits[step.id]
        own = Known(certain=bit, possible=bit)
        if step.is_async:
            return Known(possible=bit)
        if step.handler is not None:
            spec = self.catalogue.get(step.handler)
            return own._replace(assessed=bool(spec and spec.assesses_risk))
        if step.call is not None:
            called = self.called.get(step.call)
            return own._replace(assessed=called is None or called.assesses)
        if step.foreach is not None:
            # There may be no items, and what is done for one is not seen outside.
            self._walk((*here, "foreach", "steps"), step.foreach.steps, Known())
            return own
        if step.repeat is not None:
            after = self._walk((*here, "repeat", "steps"), step.repeat.steps, Known())
            if after is None:
                return None
            self._after[here] = after
            return after.then(own)
        if step.parallel is not None:
            return self._side_by_side(here, step, own)
        return own

    def _side_by_side(self, here: Place, step: Step, own: Known) -> Known | None:
        """All sequences run; none can rely on what another one does."""
        beside = Known(possible=self._inside(step))
        ends = [self._walk((*here, *below), steps, beside) for below, steps in step.sequences()]
        together = own
        for end in ends:
            if end is None:
                return None
            together = together.then(end)
        return together

    def _inside(self, step: Step) -> int:
        bits = 0
        for _, steps in step.sequences():
            for _, inner in all_steps(steps):
                bits |= self.bits[inner.id]
        return bits

    def _note_effects(self, here: Place, step: Step, known: Known) -> None:
        if known.assessed:
            return
        if step.call is not None:
            called = self.called.get(step.call)
            if called is not None and called.effect:
                self._effects.append(_Effect(here, ("call",), called.effect))
        for field_, name in (("handler", step.handler), ("fallback", step.fallback)):
            spec = self.catalogue.get(name or "")
            if spec and spec.called_with(step.inputs).effect.gated:
                self._effects.append(_Effect(here, (field_,), spec.name))

    def _note_skipped(self, walk: "_Walk", index: int, route: Place, following: int, done: set[int]) -> None:
        """A route leaves out what stands before the step at which the run goes on."""
        control = self._control_between(walk.place, index + 1, following, done)
        if route and control is not None:
            self.skipped.append(Skipped((*walk.place, index, *route), control))

    def _note_skipped_around(self, here: Place, route: Place) -> None:
        """Whoever finishes inside a step leaves out what stands behind that step, too."""
        for length in _above(here):
            sequence, number = here[: length - 1], here[length - 1]
            end = len(self._next_control[sequence]) - 1
            control = self._control_between(sequence, int(number) + 1, end, set())
            if control is not None:
                self.skipped.append(Skipped((*here, *route), control))
                return

    def _control_between(self, sequence: Place, begin: int, end: int, done: set[int]) -> str | None:
        following = self._next_control[sequence]
        index = following[begin] if begin < end else end
        while index < end and index in done:
            index = following[index + 1]
        return self._controls[(*sequence, index)] if index < end else None


@dataclass
class _Walk:
    """One sequence while it is walked."""

    place: Place
    steps: Sequence[Step]
    order: Mapping[str, int]
    """Indices by step id; of doubled ids the first."""
    onward: list[Known | None]
    """What is known where the run goes on, by index; the last entry is the end."""
    visited: list[Known | None]
    """What is known where a route runs a step on its way to others."""


def _above(place: Place) -> Iterator[int]:
    """The lengths of the places of the steps around this one, the innermost first."""
    for length in range(len(place) - 1, 0, -1):
        if isinstance(place[length - 1], int):
            yield length
