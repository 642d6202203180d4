"""Steps with a handler: its inputs, the duty gate, the call; or the person who is the handler."""

from definitions.schema import Step
from domain.task import RiskLevel
from workflows.interpreter.people import ask
from workflows.interpreter.runtime import PlannedCall
from workflows.interpreter.sequence import Performed, Run, Sequence


async def run_handler(run: Run, step: Step, sequence: Sequence, because: str = "") -> Performed:
    """One try of the handler, after the gate. Raises `StepFailure`, `ExpressionFailed`, `TicketEnded`."""
    spec = run.spec(step.handler or "")
    if spec.human is not None:
        return await ask(run, step, sequence, spec.human, because)
    call = await admit(run, step, sequence)
    output = await run.runtime.call(call)
    if spec.assesses_risk:
        reasons = tuple(str(reason) for reason in output.data.get("reasons", ()))
        run.runtime.assessed(RiskLevel(output.outcome), reasons)
    return Performed(output)


async def admit(run: Run, step: Step, sequence: Sequence) -> PlannedCall:
    """The call of the handler, after the gate.

    Its inputs are kept from then on: what was asked about is what runs, also in a run that is continued.
    """
    journal, key = run.journal, sequence.scope.key(step.id)
    place = journal.place(key, journal.occurrence(key))
    call = sequence.plan(step, journal.given.get(place))
    if step.inputs:
        journal.given[place] = dict(call.inputs)
    await run.runtime.admit(call, lambda: sequence.effects_ahead(step))
    return call
