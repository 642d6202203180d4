"""What of an SOP its cases have gone through: its steps, and the routes that lead away from them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from definitions.schema import ANY_ERROR, NOT_NEEDED, Sop, Step, all_steps
from workers.simulation.facts import Facts
from workers.simulation.run import Played


@dataclass(frozen=True)
class Coverage:
    """Parts of one SOP, by readable names: `notify_customer`, `risk_assessment: high`."""

    sop: Sop
    parts: tuple[str, ...]
    taken: frozenset[str]

    @property
    def missed(self) -> tuple[str, ...]:
        """Parts that no case went through, in the order of the SOP."""
        return tuple(part for part in self.parts if part not in self.taken)

    @property
    def percent(self) -> int:
        """Of all parts, rounded down: 100 means all."""
        return 100 * (len(self.parts) - len(self.missed)) // len(self.parts)


def coverage_of(sop: Sop, runs: Iterable[Played]) -> Coverage:
    """What these runs took of the SOP's own steps."""
    parts = tuple(dict.fromkeys(part for _, step in all_steps(sop.steps) for part, _ in _parts(step)))
    taken = {part for played in runs for part in _taken(sop, played)}
    return Coverage(sop, parts, frozenset(taken))


def _parts(step: Step) -> Iterator[tuple[str, str]]:
    """Each part of a step with the fact that shows it: `outcome high`, `error bank_unavailable` …"""
    yield step.id, "ran"
    if step.when is not None:
        yield f"{step.id}: {NOT_NEEDED}", f"outcome {NOT_NEEDED}"
    for outcome in step.branch or {}:
        yield f"{step.id}: {outcome}", f"outcome {outcome}"
    for code in step.on_error or {}:
        yield f"{step.id}: on_error {code}", f"error {code}"
    if step.fallback is not None:
        yield f"{step.id}: fallback {step.fallback}", f"fallback {step.fallback}"
    if step.on_reject is not None:
        yield f"{step.id}: on_reject", "refused"
    if step.compensate is not None and step.compensate.handler is not None:
        yield f"{step.id}: compensate", "undone"


def _taken(sop: Sop, played: Played) -> Iterator[str]:
    facts = Facts(played)
    for _, step in all_steps(sop.steps):
        shown = _shown(step, facts)
        yield from (part for part, fact in _parts(step) if fact in shown)


def _shown(step: Step, facts: Facts) -> set[str]:
    """The facts that a run shows of a step, wherever in loops it stands."""

    def of(key: str) -> bool:
        return key.rpartition(".")[2] == step.id

    shown = {"ran"} if any(of(key) for key in facts.steps) else set()
    shown |= {f"outcome {outcome}" for key, outcome in facts.outcomes.items() if of(key)}
    codes = {code for key, found in facts.failures.items() if of(key) for code in found}
    routes = step.on_error or {}
    shown |= {f"error {code if code in routes else ANY_ERROR}" for code in codes}
    if codes and step.fallback in facts.ran:
        shown.add(f"fallback {step.fallback}")
    if any(of(key) for key in facts.refused):
        shown.add("refused")
    if any(of(key) for key in facts.undone):
        shown.add("undone")
    return shown
