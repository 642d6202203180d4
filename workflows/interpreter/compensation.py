"""Undoing what was done, in reverse, when an SOP ends badly."""

from dataclasses import dataclass, field, replace
from typing import Final

from definitions.schema import Step
from domain.errors import ExpressionFailed
from domain.ticket import EventKind
from workflows.interpreter.runtime import PlannedCall, StepFailure
from workflows.interpreter.sequence import Run, Sequence

_UNDOING: Final = ".compensation"


@dataclass
class Undone:
    """What became of the steps that could be undone, by key."""

    keys: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    """Those whose compensation failed: people have to correct them."""
    covered: set[str] = field(default_factory=set)
    """Keys of the effects that no longer stand, compensations and fallbacks included."""


async def compensate(run: Run) -> Undone:
    """Undoes every finished step that says how, the last one first."""
    order = {key: number for number, key in enumerate(run.journal.finished)}
    undone = Undone()
    for key in sorted(run.to_undo, key=order.__getitem__, reverse=True):
        step, sequence = run.to_undo[key]
        undoing = f"{key}{_UNDOING}"
        try:
            output = await run.runtime.call(_planned(run, step, sequence, key))
        except (StepFailure, ExpressionFailed) as error:
            failure = error if isinstance(error, StepFailure) else StepFailure(error.code, str(error))
            run.runtime.note(
                EventKind.COMPENSATION_FAILED,
                f"{step.name} could not be undone: {failure.message}",
                step_id=key,
                code=failure.code,
            )
            await run.runtime.warn(undoing, step, failure)
            undone.stuck.append(key)
            continue
        undone.keys.append(key)
        instead = sequence.scope.fallback_id(step) if step.fallback else step.id
        undone.covered |= {key, undoing, sequence.scope.key(instead)}
        run.runtime.note(
            EventKind.COMPENSATED, f"{step.name} was undone", step_id=key, outcome=output.outcome
        )
    return undone


def _planned(run: Run, step: Step, sequence: Sequence, key: str) -> PlannedCall:
    how = step.compensate
    assert how is not None  # noqa: S101 - only such steps are kept for undoing
    undoing = {
        "name": f"Undo {step.name}"[:100],
        "handler": how.handler,
        "inputs": how.inputs,
        "retry": None,
        "fallback": None,
    }
    # Without inputs of its own it is told what the step itself was told.
    told = run.journal.given.get(run.journal.place(key, run.journal.occurrence(key)), {})
    call = sequence.plan(step.model_copy(update=undoing), None if how.inputs else told)
    return replace(call, key=f"{key}{_UNDOING}", occurrence=1)
