"""Scopes: what a sequence of steps can see, and how its steps are called in the ticket as a whole."""

from collections import ChainMap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from definitions.expressions import NAMES
from definitions.migration import fallback_id
from definitions.schema import ANY_ERROR, Sop, Step
from domain.steps import StepOutput
from workflows.interpreter.runtime import Runtime


@dataclass(frozen=True)
class Scope:
    """Where a sequence stands: its SOP, its place in the run, its variables and results."""

    sop: Sop
    prefix: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    """Items of the loops around, by name."""
    results: ChainMap[str, StepOutput] = field(default_factory=ChainMap)
    """By step id; those of the scopes around show through."""
    caught: frozenset[str] = frozenset()
    """Error codes that a step around this sequence has a route for."""
    recalling: bool = False
    """The step around is over: its steps only answer what they came to, and none begins."""
    recalled_try: int = 0
    """Which try of a step of this very scope is shown again."""

    def key(self, step_id: str) -> str:
        """The step's name within the ticket: stable, and unlike any other's."""
        return f"{self.prefix}{step_id}"

    def fallback_id(self, step: Step) -> str:
        """What the step's fallback goes by."""
        return fallback_id(self.sop, step)

    def catches(self, code: str) -> bool:
        """Whether a step around has a route for this error."""
        return code in self.caught or ANY_ERROR in self.caught

    def inside(self, step: Step) -> "Scope":
        """The scope of sequences that share their results with the step's own sequence."""
        return replace(self, caught=self.caught | frozenset(step.on_error or ()), recalled_try=0)

    def round(self, step: Step, place: str, variables: Mapping[str, Any]) -> "Scope":
        """The scope of one round of a loop: results of its own over those around it."""
        return replace(
            self.inside(step),
            prefix=f"{place}.",
            variables={**self.variables, **variables},
            results=self.results.new_child(),
        )

    def called(self, step: Step, place: str, sop: Sop, inputs: Mapping[str, Any]) -> "Scope":
        """The scope of a called SOP, which sees nothing of its caller but its inputs."""
        return Scope(
            sop=sop,
            prefix=f"{place}.",
            inputs=inputs,
            caught=self.inside(step).caught,
            recalling=self.recalling,
        )


class Facts(Mapping[str, Any]):
    """What expressions can name, each looked up when an expression names it."""

    def __init__(self, scope: Scope, runtime: Runtime) -> None:
        self._scope = scope
        self._runtime = runtime

    def __getitem__(self, name: str) -> Any:
        scope, runtime = self._scope, self._runtime
        if name in scope.variables:
            return scope.variables[name]
        match name:
            case "task":
                return runtime.task_facts()
            case "fields":
                return runtime.task_facts()["fields"]
            case "steps":
                return _Results(scope.results)
            case "sop":
                return {"id": scope.sop.id, "name": scope.sop.name, "version": scope.sop.version}
            case "inputs":
                return dict(scope.inputs)
            case "risk":
                return runtime.risk.value
            case "now":
                return runtime.now
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        yield from NAMES
        yield from self._scope.variables

    def __len__(self) -> int:
        return len(NAMES) + len(self._scope.variables)


class _Results(Mapping[str, Any]):
    """Results as expressions see them."""

    def __init__(self, results: Mapping[str, StepOutput]) -> None:
        self._results = results

    def __getitem__(self, step_id: str) -> dict[str, Any]:
        output = self._results[step_id]
        return {"outcome": output.outcome, "summary": output.summary, "data": output.data}

    def __iter__(self) -> Iterator[str]:
        return iter(self._results)

    def __len__(self) -> int:
        return len(self._results)
