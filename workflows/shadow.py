"""ShadowWorkflow: a candidate interpreted for a ticket that has ended, and compared with what was done.

It runs beside the ticket, after it, and can neither change anything outside nor disturb it.
"""

from temporalio import workflow

from activities.shadow import ShadowRecords
from definitions.shadow import effects_of
from domain.lifecycle import TicketState
from domain.review import ReviewKind, Verb
from domain.shadow import RunAccount, ShadowReport, Trouble, compare
from workflows.interpreter import Interpreter, Question, TicketEnded
from workflows.options import LOCAL
from workflows.shadow_contract import SHADOW_TYPE, ShadowInput
from workflows.shadow_runtime import ShadowRuntime

_BROKEN = "interpreter_failed"


@workflow.defn(name=SHADOW_TYPE)
class ShadowWorkflow:
    """What a candidate would have done for one ticket."""

    @workflow.run
    async def run(self, given: ShadowInput) -> ShadowReport:
        """Interprets the candidate, compares, and keeps the report in the store."""
        runtime = ShadowRuntime(given)
        report = _report(given, runtime, await _interpreted(given, runtime))
        await workflow.execute_local_activity_method(
            ShadowRecords.record_shadow,
            report,
            summary=f"{report.agreement} as what was done",
            **LOCAL,
        )
        return report


async def _interpreted(given: ShadowInput, runtime: ShadowRuntime) -> TicketState:
    """How the ticket would have ended."""
    interpreter = Interpreter(given.candidate, runtime)
    try:
        try:
            await interpreter.run()
            await _review_closing(runtime)
        except TicketEnded as end:
            runtime.abandon(end)
            await interpreter.undo()
            return end.state
    except TicketEnded as end:
        return end.state
    except Exception:
        workflow.logger.exception("a candidate could not be interpreted")
        runtime.troubles.append(Trouble(key="", code=_BROKEN))
        return TicketState.FAILED
    return TicketState.COMPLETED


async def _review_closing(runtime: ShadowRuntime) -> None:
    """Four eyes on the finished ticket, as `TicketWorkflow` asks for them."""
    effects = set(runtime.effects_done.values())
    if effects and effects <= runtime.approved:
        return
    verdict = await runtime.gate()
    if verdict.verdict != "ask":
        return
    decided = await runtime.ask(
        Question(
            key="closing", kind=ReviewKind.CLOSING, step_id="closing", text=verdict.reason, role="reviewer"
        )
    )
    if decided.verb is Verb.REJECT:
        raise TicketEnded(TicketState.REJECTED, decided.refusal)


def _report(given: ShadowInput, runtime: ShadowRuntime, state: TicketState) -> ShadowReport:
    shadow = RunAccount(
        sop=given.candidate.sop.id,
        version=given.candidate.version,
        digest=given.candidate.digest,
        state=state,
        risk=runtime.risk,
        touches=runtime.touches,
        effects=effects_of(runtime.effects_done, given.candidate, given.standing_in),
    )
    agreement, reasons = compare(given.real, shadow, runtime.troubles)
    return ShadowReport(
        placement=given.placement,
        task_id=given.task.task_id,
        category=given.task.category or "",
        action=given.task.action or "",
        at=given.clock.to_bank(workflow.now()),
        agreement=agreement,
        reasons=reasons,
        real=given.real,
        shadow=shadow,
        suppressed=tuple(runtime.suppressed),
        asked=tuple(runtime.asked),
        troubles=tuple(runtime.troubles),
    )
