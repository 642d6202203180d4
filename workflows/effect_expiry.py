"""What a ticket leaves behind: after a freeze or a release, the expiries that begin or end with it."""

from typing import Final, Literal

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.expiry import ExpiryActivities, concerns_expiry
from activities.expiry_messages import EffectDone
from domain.alerts import AlertLevel
from domain.handlers import Queue
from domain.steps import StepInput, StepOutput
from domain.ticket import EventKind
from workflows.alerting import Alerting
from workflows.options import ALERT_RETRY, ALERT_TIMEOUT, queue_priority
from workflows.run_state import TicketRun

_PATCH: Final = "expiry"
_ACTIONS: Final[dict[str, Literal["freeze", "unfreeze"]]] = {
    "core_system_freeze": "freeze",
    "core_system_unfreeze": "unfreeze",
}


async def watch_effect(run: TicketRun, alerting: Alerting, request: StepInput, output: StepOutput) -> None:
    """Has the expiry of a freeze started, and those of what a release lifted ended.

    The ticket goes on where that fails: people are told to watch the end themselves.
    """
    action = _ACTIONS.get(request.handler)
    if action is None:
        return
    done = EffectDone(
        task=run.task,
        maker=run.maker,
        step=request.step_id,
        action=action,
        risk=run.risk,
        inputs=request.inputs,
        output=output,
        at=run.now,
        clock=run.clock,
    )
    # Most freezes have no end of their own: they cost no event.
    if not concerns_expiry(done) or not workflow.patched(_PATCH):
        return
    try:
        watched = await workflow.execute_activity_method(
            ExpiryActivities.watch_effect,
            done,
            task_queue=Queue.TICKETS,
            start_to_close_timeout=ALERT_TIMEOUT,
            retry_policy=ALERT_RETRY,
            summary=f"{action}: does it end by itself?",
            priority=queue_priority(run.task.priority),
        )
    except ActivityError as error:
        alerting.raise_alert(
            AlertLevel.FAILURE,
            key=f"expiry-{request.step_id}",
            subject=f"nobody watches the end of the {action} on {run.task.task_id}",
            body=f"{error.cause}. Write its end into the hand-over",
        )
        return
    if watched.started:
        run.note(
            EventKind.EXPIRY,
            f"it ends {watched.ends_at:%Y-%m-%d %H:%M} UTC and is watched",
            step_id=request.step_id,
            measure_id=watched.started,
        )
    if watched.lifted:
        run.note(EventKind.EXPIRY, f"no longer watched: {', '.join(watched.lifted)}", step_id=request.step_id)
