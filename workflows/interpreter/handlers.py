"""Steps with a handler: its inputs, the duty gate, the call; or the person who is the handler."""

import asyncio

from definitions.schema import Step
from domain.steps import StepOutput
from domain.task import RiskLevel
from workflows.interpreter.people import ask
from workflows.interpreter.sequence import Performed, Run, Sequence


async def run_handler(run: Run, step: Step, sequence: Sequence, because: str = "") -> Performed:
    """One try of the handler, after the gate. Raises `StepFailure`, `ExpressionFailed`, `TicketEnded`."""
    spec = run.spec(step.handler or "")
    if spec.human is not None:
        return await ask(run, step, sequence, spec.human, because)
    call = sequence.plan(step)
    await run.runtime.admit(call, sequence.effects_ahead(step))
    output = await run.runtime.call(call)
    if spec.assesses_risk:
        reasons = tuple(str(reason) for reason in output.data.get("reasons", ()))
        run.runtime.assessed(RiskLevel(output.outcome), reasons)
    return Performed(output)


async def start_in_background(run: Run, step: Step, sequence: Sequence) -> asyncio.Task[StepOutput]:
    """Passes the gate, and then lets the call run beside the run."""
    call = sequence.plan(step)
    await run.runtime.admit(call, sequence.effects_ahead(step))
    return asyncio.create_task(run.runtime.call(call))
