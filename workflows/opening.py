"""How a ticket opens, and what becomes of one that cannot: it fails loudly, never without its clocks."""

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from activities.messages import OpenTicket
from activities.opening import OpeningActivities
from domain.alerts import Addressee, AlertLevel
from domain.ticket import EventKind
from workflows.alerting import Alerting
from workflows.options import LOCAL
from workflows.run_state import TicketRun


async def open_ticket(run: TicketRun, alerting: Alerting) -> None:
    """Dispatches the ticket and pins what holds for it.

    Raises `ApplicationError`, which fails the workflow, where no SOP serves it or its clocks cannot be set:
    people and the store have learned of it by then.
    """
    run.note(EventKind.OPENED, f"received from {run.task.source}", actor=run.maker, source=run.task.source)
    try:
        opening = await workflow.execute_local_activity_method(
            OpeningActivities.open_ticket,
            OpenTicket(task=run.task, now=run.now, received_at=run.opened_at, clock=run.clock),
            summary="dispatch, pin the SOP, agree the SLA",
            **LOCAL,
        )
    except (ActivityError, ApplicationError) as error:
        if workflow.patched("opening-failure-is-told"):
            await _tell(run, alerting, failure_of(error))
        raise
    run.open(opening)
    run.show()


def failure_of(error: ActivityError | ApplicationError) -> str:
    """What an activity failed with, in its own words."""
    # A local activity fails with the error itself, an ordinary one with what wraps it.
    cause = error.cause if isinstance(error, ActivityError) else error
    return cause.message if isinstance(cause, ApplicationError) else str(cause or error)


async def _tell(run: TicketRun, alerting: Alerting, why: str) -> None:
    run.result = f"could not be opened: {why}"
    run.waits["opening"] = "an engineer"
    run.note(EventKind.STEP_FAILED, run.result, step_id="opening")
    run.show()
    alerting.raise_alert(
        AlertLevel.FAILURE,
        key="unopened",
        subject=f"ticket {run.task.task_id} could not be opened: nobody works on it",
        body=why,
        also=Addressee(to="on_call"),
    )
    # Not settled, which would take it back at the desk: nobody has mended anything yet.
    await workflow.wait_condition(lambda: alerting.at_rest)
    await run.record()
