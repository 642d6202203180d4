"""Random SOPs that `sop check` accepts: every kind of step, nested, routed, with expressions and calls.

@given(plays())              a Hypothesis strategy: shrinks
seeded_play(17)              the same from a seed: quick
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import yaml
from hypothesis import strategies as st

from definitions.book_checks import check_calls
from definitions.findings import Finding, has_errors
from definitions.loader import parse_sop
from definitions.schema import Sop
from definitions.yaml_source import read_yaml
from domain.fields import FieldType
from domain.handlers import HandlerSpec
from tests.support.random_expressions import Choices, Expressions, Seeded, Sight
from tests.support.scripted_handlers import CATALOGUE
from tests.support.scripts import Script

_T = TypeVar("_T")

_CODES: Final = ("any", "order_refused", "outcome_unknown", "expression_failed")
_INPUTS: Final = (FieldType.MONEY, FieldType.NUMBER, FieldType.FLAG, FieldType.LIST, FieldType.TEXT)
_SPANS: Final = ("10min", "90s", "3h", "1d")
_MACHINES: Final = ("jot", "look", "pay", "screen", "wire", "tell", "acknowledge", "assess")
_PERSONS: Final = ("ask_lead", "by_hand", "ask_in_time")
_BARE: Final = tuple(
    name for name, spec in CATALOGUE.items() if not any(each.required for each in spec.inputs.values())
)
"""Handlers that can be called without inputs."""


@dataclass(frozen=True)
class Play:
    """SOPs and how the world behaves towards a ticket that runs under the first of them."""

    files: tuple[dict[str, Any], ...]
    """As their files say; the first is the ticket's own, the others are called."""
    script: Script

    @property
    def texts(self) -> tuple[str, ...]:
        """The files."""
        return tuple(
            yaml.dump(each, sort_keys=False, allow_unicode=True, Dumper=Dumper) for each in self.files
        )

    def sops(self) -> tuple[Sop, ...]:
        """The SOPs as read and checked. Raises `AssertionError` with what `sop check` finds wrong."""
        read, findings = check(self.texts)
        assert not has_errors(findings), "\n".join(map(str, [*findings, *self.texts]))
        return read

    def __str__(self) -> str:
        return "\n---\n".join((*self.texts, str(self.script)))


class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes out what stands twice: anchors are not part of the language."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def check(
    texts: Sequence[str | bytes],
    catalogue: Mapping[str, HandlerSpec] = CATALOGUE,
    others: Sequence[Sop] = (),
) -> tuple[tuple[Sop, ...], list[Finding]]:
    """What `sop check` does: the SOPs that can be used, and all findings. `others` can be called, too."""
    findings: list[Finding] = []
    files = []
    for number, text in enumerate(texts):
        sop, found = parse_sop(text, catalogue, file=f"sop{number}.yaml")
        findings += found
        document, _ = read_yaml(f"sop{number}.yaml", text)
        if sop is not None and document is not None:
            files.append((document, sop))
    findings += check_calls(files, catalogue, others, complete=len(files) == len(texts))
    return tuple(sop for _, sop in files), findings


@dataclass
class _Author:
    """Writes one SOP."""

    choices: Choices
    others: Sequence[dict[str, Any]]
    """SOPs that can be called."""
    steps_left: int
    number: int = 0
    sights: dict[str, Sight] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.say = Expressions(self.choices)

    def sequence(self, sight: Sight, depth: int, most: int) -> tuple[list[dict[str, Any]], Sight]:
        """Steps one after the other, and what can be named behind them."""
        steps = []
        for _ in range(self.choices.number(1, most)):
            step, sight = self.step(sight, depth)
            steps.append(step)
            if self.steps_left <= 0:
                break
        for index in reversed(range(len(steps))):
            self.route(steps, index)
        return steps, sight

    def step(self, sight: Sight, depth: int) -> tuple[dict[str, Any], Sight]:
        """One step of any kind, without its routes."""
        self.number += 1
        self.steps_left -= 1
        step: dict[str, Any] = {"name": f"S{self.number}"}
        if self.choices.chance(20):
            step["when"] = self.say.flag(sight)
        kinds: list[Callable[..., Sight]] = [self.machine] * 8 + [self.person] * 3 + [self.wait] * 3
        if self.others:
            kinds.append(self.call)
        if depth and self.steps_left > 1:
            kinds += [self.parallel, self.foreach, self.repeat] * 2
        inside = self.choices.one_of(kinds)(step, sight, depth)
        return step, inside.after(f"s{step['name'][1:]}", outcomes_of(step))

    def machine(self, step: dict[str, Any], sight: Sight, depth: int) -> Sight:
        choices = self.choices
        name = choices.one_of(_MACHINES)
        spec = CATALOGUE[name]
        step["handler"] = name
        if given := self.inputs(name, sight):
            step["with"] = given
        if choices.chance(20):
            step["timeout"] = choices.one_of(("5s", "1min"))
        if choices.chance(20):
            step["retry"] = choices.number(0, 1)
        if spec.effect.gated and choices.chance(60):
            step["compensate"] = self.compensation(name, sight)
        if choices.chance(15) and not spec.control:
            step["async"] = True
        if choices.chance(20):
            step["fallback"] = choices.one_of(
                [each for each in _BARE if each != name and not CATALOGUE[each].assesses_risk]
            )
        return sight

    def inputs(self, handler: str, sight: Sight) -> dict[str, Any]:
        specs = CATALOGUE[handler].inputs
        return {
            name: self.say.value(spec.type, sight)
            for name, spec in specs.items()
            if spec.required or self.choices.chance(25)
        }

    def compensation(self, handler: str, sight: Sight) -> Any:
        if self.choices.chance(20):
            return {"none": "nobody can"}
        if handler in ("pay", "wire") and self.choices.chance(40):
            return {"handler": "pay_back", "with": {"amount": self.say.value(FieldType.MONEY, sight)}}
        return "pay_back"

    def person(self, step: dict[str, Any], sight: Sight, depth: int) -> Sight:
        choices = self.choices
        kind = choices.one_of(("review", "manual", "handler"))
        if kind == "handler":
            step["handler"] = choices.one_of(_PERSONS)
            return sight
        spec: dict[str, Any] = {"question": "May we?"} if kind == "review" else {"instructions": "Do it."}
        if kind == "review" and choices.chance(20):
            spec["quorum"] = 2
        if kind == "review" and choices.chance(20):
            spec["four_eyes"] = False
        if choices.chance(60):
            spec["deadline"] = choices.one_of(_SPANS)
            spec["on_late"] = choices.one_of(("wait", "escalate", "go_on", "reject"))
        if choices.chance(30):
            spec["form"] = {
                "net": {"type": "money", "required": choices.chance(50)},
                "way": {"choices": ["one", "other"]},
            }
        step[kind] = spec
        if choices.chance(25):
            # What the person can choose; `route` says where each leads.
            late = ["late"] if spec.get("on_late") == "go_on" else []
            ways = [each for each in (*late, "yes", "other", "third") if choices.chance(60)]
            step["branch"] = dict.fromkeys(ways)
        return sight

    def wait(self, step: dict[str, Any], sight: Sight, depth: int) -> Sight:
        choices = self.choices
        kind = choices.one_of(("duration", "until", "event"))
        if kind == "duration":
            step["wait"] = {"duration": choices.one_of(_SPANS)}
        elif kind == "until":
            step["wait"] = {"until": self.say.instant(sight)}
        else:
            spec: dict[str, Any] = {"event": choices.one_of(("papers", "answer"))}
            if choices.chance(70):
                spec["deadline"] = choices.one_of(_SPANS)
            if choices.chance(70):
                spec["on_late"] = choices.one_of(("fail", "go_on", "reject"))
            step["wait"] = spec
        return sight

    def call(self, step: dict[str, Any], sight: Sight, depth: int) -> Sight:
        other = self.choices.one_of(self.others)
        step["call"] = other["id"]
        given = {
            name: self.say.value(FieldType(kind), sight) for name, kind in other.get("inputs", {}).items()
        }
        if given:
            step["with"] = given
        return sight

    def parallel(self, step: dict[str, Any], sight: Sight, depth: int) -> Sight:
        step["parallel"] = {}
        seen = sight
        for name in ("one", "two", "three")[: self.choices.number(2, 3)]:
            step["parallel"][name], seen = self.sequence(seen, depth - 1, 3)
        return seen

    def foreach(self, step: dict[str, Any], sight: Sight, depth: int) -> Sight:
        items, sort = self.say.items(sight)
        name = f"item{self.number}"
        steps, _ = self.sequence(sight.within(name, sort), depth - 1, 3)
        step["foreach"] = {"items": items, "as": name, "limit": self.choices.number(1, 3), "steps": steps}
        return sight

    def repeat(self, step: dict[str, Any], sight: Sight, depth: int) -> Sight:
        steps, inside = self.sequence(sight, depth - 1, 3)
        last = f"s{steps[-1]['name'][1:]}"
        until = f"has(steps.{last}) && {self.say.flag(inside, 1)}"
        step["repeat"] = {"until": until, "limit": self.choices.number(1, 3), "steps": steps}
        if self.choices.chance(40):
            step["repeat"]["every"] = self.choices.one_of(_SPANS)
        return inside

    def route(self, steps: list[dict[str, Any]], index: int) -> None:
        """Routes out of the step, once those of the later ones are known."""
        choices, step = self.choices, steps[index]
        person = "review" in step or "manual" in step or step.get("handler") in _PERSONS
        if person and choices.chance(30):
            step["on_reject"] = self.targets(steps, index)
        can_branch = not step.get("async") and "parallel" not in step and "foreach" not in step
        if "branch" in step:
            step["branch"] = {way: self.targets(steps, index) for way in step["branch"]}
        elif "review" not in step and "manual" not in step and can_branch and choices.chance(25):
            step["branch"] = {
                outcome: self.targets(steps, index) for outcome in outcomes_of(step) if not choices.chance(25)
            }
        if not person and not step.get("async") and "fallback" not in step and choices.chance(25):
            codes = [*_CODES, *(["repeat_exhausted"] * 3 if "repeat" in step else []), "event_missing"]
            step["on_error"] = {
                code: self.targets(steps, index)
                for code in dict.fromkeys(choices.one_of(codes) for _ in range(choices.number(1, 2)))
            }

    def targets(self, steps: list[dict[str, Any]], index: int) -> list[str]:
        choices = self.choices
        targets: list[str] = []
        for _ in range(choices.number(0, 2)):
            later = [f"s{step['name'][1:]}" for step in steps[index + 1 :] if "branch" not in step]
            target = choices.one_of([*later, *later, *_BARE])
            if target not in targets:
                targets.append(target)
        branching = [f"s{step['name'][1:]}" for step in steps[index + 1 :] if "branch" in step]
        if branching and choices.chance(40):
            targets.append(choices.one_of(branching))
        elif choices.chance(15):
            targets.append(choices.one_of(("finish", "reject")))
        return targets


def outcomes_of(step: dict[str, Any]) -> tuple[str, ...]:
    """What a step as written can come to, routes aside."""
    if "handler" in step:
        spec = CATALOGUE[step["handler"]]
        late = spec.human is not None and spec.human.on_late == "go_on"
        return (*spec.outcomes, "late") if late else spec.outcomes
    for kind, outcome in (("review", "approved"), ("manual", "done")):
        if kind in step:
            ways = tuple(each for each in step.get("branch", ()) if each != "late") or (outcome,)
            return (*ways, "late") if step[kind].get("on_late") == "go_on" else ways
    if "wait" in step:
        if "event" not in step["wait"]:
            return ("elapsed",)
        return ("received", "late") if step["wait"].get("on_late") == "go_on" else ("received",)
    return ("done",)


def write_play(choices: Choices) -> Play:
    """Any play; an expression may name a step that no way leads through, which `sop check` refuses."""
    others: list[dict[str, Any]] = []
    for number in range(choices.number(0, 2)):
        inputs = {f"in_{kind}": kind.value for kind in _INPUTS if choices.chance(40)}
        author = _Author(choices, tuple(others), steps_left=6)
        sight = Sight(inputs={name: FieldType(kind) for name, kind in inputs.items()})
        steps, _ = author.sequence(sight, 1, 3)
        sub: dict[str, Any] = {"name": f"Called {number}", "id": f"called_{number}", "steps": steps}
        others.append({**sub, **({"inputs": inputs} if inputs else {})})
    author = _Author(choices, tuple(others), steps_left=choices.number(2, 24))
    first = {"name": "S0", "id": "s0", "handler": "assess"}
    steps, _ = author.sequence(Sight({"s0": CATALOGUE["assess"].outcomes}), 3, 8)
    main: dict[str, Any] = {
        "name": "Random",
        "version": "1.0",
        "trigger": {"category": "accounts", "action": "random"},
        "steps": [first, *steps],
        "sla": "30d",
    }
    if choices.chance(30):
        main["escalation"] = {"at": "20d", "to": "group", "channel": "wecom"}
    script = Script(
        seed=choices.number(0, 10**6),
        failing=choices.one_of((0, 10, 40)),
        refusing=choices.one_of((0, 10, 40)),
        late=choices.one_of((0, 30)),
        impatient=choices.one_of((0, 20)),
        cancelled=choices.one_of((0, 0, 0, 100)),
    )
    return Play((main, *others), script)


def _is_valid(play: Play) -> bool:
    """Whether no expression names a step that no way leads through, which takes all ways to see."""
    _, findings = check(play.texts)
    return not any(each.code == "OPS263" for each in findings)


class Drawn:
    """Choices of Hypothesis."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def number(self, low: int, high: int) -> int:
        return self._draw(st.integers(low, high))

    def one_of(self, options: Sequence[_T]) -> _T:
        return options[self._draw(st.integers(0, len(options) - 1))]

    def chance(self, percent: int) -> bool:
        return self._draw(st.integers(0, 99)) >= 100 - percent


@st.composite
def plays(draw: st.DrawFn) -> Play:
    """Plays whose SOPs `sop check` accepts."""
    return draw(_written().filter(_is_valid))


@st.composite
def _written(draw: st.DrawFn) -> Play:
    return write_play(Drawn(draw))


def seeded_play(seed: int) -> Play:
    """The play of this seed, or of one near it where that has no valid SOP."""
    return next(play for play in _seeded(seed) if _is_valid(play))


def _seeded(seed: int) -> Iterator[Play]:
    attempt = 0
    while True:
        yield write_play(Seeded(seed * 1_000 + attempt))
        attempt += 1
