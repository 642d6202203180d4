"""Scripted people: they answer reviews, decide on failed steps, give commands and send events.

When somebody acts is a timer of the ticket's own workflow, so the virtual clock leads to it. What they do
goes the way of real people: an update from outside, with a code that the workflow verifies.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from temporalio import activity, workflow
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from activities.adapters.decision_codes import DecisionCodes
from domain.digest import digest_of
from domain.errors import NotFound
from domain.fields import FieldType, FormField
from domain.model import Record
from domain.people import Directory, Principal, Role
from domain.review import Decision, ReviewKind, ReviewRequest, Verb
from domain.ticket import EventKind, TicketEvent, TicketView
from workers.simulation.cases import Answer, CommandCase, EventCase
from workers.simulation.mocks import Notebook
from workers.simulation.record import Sent, first_named, names_of, script_name
from workflows.contract import (
    EVENT_UPDATE,
    Command,
    OutsideEvent,
    command_content,
    event_content,
    workflow_id,
)

_PATIENCE: Final = timedelta(seconds=60)
"""How long the workflow may take to answer a message, in real time."""
_SAMPLES: Final[Mapping[FieldType, Any]] = {
    FieldType.TEXT: "simulated",
    FieldType.NUMBER: 1,
    FieldType.MONEY: "1.00",
    FieldType.FLAG: True,
    FieldType.DATE: "2026-01-01",
    FieldType.TIME: "2026-01-01T09:00:00+08:00",
    FieldType.LIST: [],
    FieldType.MAP: {},
    FieldType.ANY: "simulated",
}
_COMMANDS: Final = {"retry": "retry_step", "skip": "skip_step"}


class Move(Record):
    """A message from a person to a ticket, before it has its code."""

    task_id: str
    update: str
    by: str
    purpose: str
    subject: str
    digest: str
    message: dict[str, Any]


class MoveOutcome(Record):
    """What the person is told."""

    accepted: bool
    code: str
    message: str = ""


class Cast:
    """The activity that lets a person act: signs a code and sends the update."""

    def __init__(self, client: Client, codes: DecisionCodes) -> None:
        self._client = client
        self._codes = codes

    @activity.defn(name="simulate_person")
    async def act(self, move: Move) -> MoveOutcome:
        """Sends the message; whatever comes back is an outcome."""
        try:
            code = self._codes.issue(move.by, move.purpose, move.subject, move.digest)
        except NotFound:
            return MoveOutcome(accepted=False, code="not_found", message=f"nobody is called {move.by!r}")
        handle = self._client.get_workflow_handle(workflow_id(move.task_id))
        try:
            answer = await handle.execute_update(
                move.update, {**move.message, "code": code}, result_type=dict[str, Any]
            )
        except WorkflowUpdateFailedError as error:
            cause = error.cause
            refusal = cause.type if isinstance(cause, ApplicationError) else None
            return MoveOutcome(accepted=False, code=refusal or "refused", message=str(cause))
        except RPCError as error:
            return MoveOutcome(accepted=False, code="ticket_ended", message=error.message)
        return MoveOutcome.model_validate(answer)


class Director:
    """Watches one run from inside its workflow and lets people act when their time has come."""

    def __init__(self, ticket: Any, notebook: Notebook, directory: Directory, received_at: datetime) -> None:
        """`ticket` is the workflow's instance, asked by its queries."""
        self._ticket = ticket
        self._notebook = notebook
        self._case = notebook.case
        self._directory = directory
        self._received_at = received_at
        self._hands = {self._view().maker}
        self._seen: set[str] = set()
        self._taken: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._acting = 0
        self._turn = asyncio.Lock()
        """People who act at the same instant act one after the other, so that a case always plays alike."""
        self.sent: list[Sent] = []

    async def direct(self) -> None:
        """Never ends by itself: whoever runs it cancels it with the run."""
        for index, command in enumerate(self._case.commands):
            self._tasks.append(asyncio.create_task(self._command(command, index)))
        for index, event in enumerate(self._case.events):
            self._tasks.append(asyncio.create_task(self._event(event, index)))
        seen: object = None
        while True:
            seen = self._marker()
            self._look()
            await workflow.wait_condition(lambda before=seen: self._marker() != before)  # type: ignore[misc]

    async def finish_acting(self) -> None:
        """Waits until nobody is in the middle of a message."""
        await workflow.wait_condition(lambda: self._acting == 0)

    def _look(self) -> None:
        """Starts what new questions and failures call for."""
        view = self._view()
        for review in view.open_reviews:
            if f"review {review.review_id}" not in self._seen:
                self._seen.add(f"review {review.review_id}")
                self._tasks.append(asyncio.create_task(self._answer(review.review_id)))
        for step in view.steps_failed:
            failures = [
                each for each in self._events() if each.kind is EventKind.STEP_FAILED and each.step_id == step
            ]
            failure = f"failure {step} {len(failures)}"
            if failure not in self._seen:
                self._seen.add(failure)
                self._tasks.append(asyncio.create_task(self._operate(step)))

    async def _answer(self, review_id: str) -> None:
        """Gives answers until the review is decided or the script has no more for it."""
        while (review := self._open_review(review_id)) is not None:
            found = self._take(
                names_of(review.step_id, *self._handler_of(review), review.kind.value),
                lambda answer: answer.operator is None,
            )
            if found is None:
                if self._case.everybody is None:
                    return
                found = "everybody", _willing(self._case.everybody, review)
            script, answer = found
            await self._until(review.opened_at, answer.after)
            async with self._turn:
                review = self._open_review(review_id)
                if review is None:
                    return
                accepted = await self._decide(script, answer, review)
            if not accepted and script == "everybody":
                return

    async def _decide(self, script: str, answer: Answer, review: ReviewRequest) -> bool:
        by = answer.by or self._reviewer(review)
        decision = Decision(
            review_id=review.review_id,
            verb=Verb.REJECT if answer.reject else Verb.APPROVE,
            choice=answer.choice,
            reason=answer.reject or answer.reason,
            form=answer.form,
        )
        move = Move(
            task_id=review.task_id,
            update="decide",
            by=by,
            purpose="decide",
            subject=review.review_id,
            digest=review.digest,
            message=decision.model_dump(mode="json", exclude={"code"}),
        )
        accepted = await self._act(script, move, answer.refused)
        if accepted and review.kind is ReviewKind.MANUAL:
            self._hands.add(by)
        return accepted

    async def _operate(self, step: str) -> None:
        """An operator decides on a failed step."""
        since = self._notebook.now
        while step in self._view().steps_failed:
            found = self._take(names_of(step), lambda answer: answer.operator is not None)
            if found is None:
                return
            script, answer = found
            await self._until(since, answer.after)
            verb = _COMMANDS.get(answer.operator or "", "cancel")
            named = step if verb in _COMMANDS.values() else None
            command = Command(reason=answer.reason or f"{answer.operator}, as the case has it", step=named)
            if await self._give(script, verb, command, answer.by, answer.refused):
                return

    async def _command(self, case: CommandCase, index: int) -> None:
        await self._until(self._received_at, case.after)
        text = getattr(case, case.verb)
        if case.verb == "reassign":
            command = Command(reason=case.reason or "as the case has it", group=text)
        else:
            command = Command(reason=text)
        await self._give(script_name("commands", "", index), case.verb, command, case.by, case.refused)

    async def _give(self, script: str, verb: str, command: Command, by: str, refused: str | None) -> bool:
        task_id = self._view().task.task_id
        move = Move(
            task_id=task_id,
            update=verb,
            by=by or self._operator(),
            purpose=f"command:{verb}",
            subject=task_id,
            digest=digest_of(command_content(verb, task_id, command)),
            message=command.model_dump(mode="json", exclude={"code"}),
        )
        async with self._turn:
            return await self._act(script, move, refused)

    async def _event(self, case: EventCase, index: int) -> None:
        await self._until(self._received_at, case.after)
        task_id = self._view().task.task_id
        event = OutsideEvent(
            name=case.name, event_id=case.event_id or f"{case.name}-{index + 1}", data=case.data
        )
        move = Move(
            task_id=task_id,
            update=EVENT_UPDATE,
            by=case.by or self._sender(),
            purpose="event",
            subject=task_id,
            digest=digest_of(event_content(task_id, event)),
            message=event.model_dump(mode="json", exclude={"code"}),
        )
        async with self._turn:
            await self._act(script_name("events", "", index), move, case.refused)

    async def _act(self, script: str, move: Move, refused: str | None) -> bool:
        self._notebook.use(script)
        self._acting += 1
        at = self._notebook.now
        try:
            outcome = await workflow.execute_activity_method(
                Cast.act,
                move,
                start_to_close_timeout=_PATIENCE,
                retry_policy=RetryPolicy(maximum_attempts=1),
                summary=f"{move.by or 'nobody'}: {move.update}",
            )
        finally:
            self._acting -= 1
        self.sent.append(
            Sent(
                at=at,
                what=script,
                by=move.by,
                accepted=outcome.accepted,
                code=outcome.code,
                message=outcome.message,
                expected_refusal=refused or "",
            )
        )
        return outcome.accepted

    def _take(self, names: Sequence[str], fits: Callable[[Answer], bool]) -> tuple[str, Answer] | None:
        """The next answer that fits, of the most exact name that has one left."""
        for name in names:
            found = first_named(self._case.people, (name,))
            for index, answer in enumerate(found[1] if found else ()):
                script = script_name("people", name, index)
                if fits(answer) and script not in self._taken:
                    self._taken.add(script)
                    return script, answer
        return None

    async def _until(self, since: datetime, after: timedelta | None) -> None:
        wait = since + (after or timedelta(0)) - self._notebook.now
        if wait > timedelta(0):
            await workflow.sleep(wait)

    def _handler_of(self, review: ReviewRequest) -> tuple[str, ...]:
        """The person's name in `human_tasks.yaml`, where the step names one as its handler."""
        sop = self._ticket.sop() if hasattr(self._ticket, "sop") else None
        step = sop.sop.step(names_of(review.step_id)[-1]) if sop else None
        return (step.handler,) if step is not None and step.handler else ()

    def _reviewer(self, review: ReviewRequest) -> str:
        """The first of the directory who may decide it."""
        taken = {*review.approvals, *(self._hands if review.four_eyes else ())}
        return self._first(
            lambda who: (
                review.role in who.roles
                and (not review.group or review.group in who.groups)
                and who.id not in taken
            )
        )

    def _operator(self) -> str:
        group = self._view().task.assigned_group
        return self._first(lambda who: who.may(Role.OPERATOR) and group in who.groups)

    def _sender(self) -> str:
        """A service that may tell tickets what happened, else an operator."""
        return self._first(lambda who: who.may(Role.INTAKE)) or self._operator()

    def _first(self, may: Callable[[Principal], bool]) -> str:
        return next((who.id for who in self._directory.principals if may(who)), "")

    def _open_review(self, review_id: str) -> ReviewRequest | None:
        return next((each for each in self._view().open_reviews if each.review_id == review_id), None)

    def _view(self) -> TicketView:
        view: TicketView = self._ticket.view()
        return view

    def _events(self) -> list[TicketEvent]:
        events: list[TicketEvent] = self._ticket.timeline()
        return events

    def _marker(self) -> tuple[int, int]:
        events = self._events()
        return len(events), events[-1].seq if events else 0


def _willing(answer: Answer, review: ReviewRequest) -> Answer:
    """The answer with a choice and a form where the question wants them."""
    if answer.reject:
        return answer
    form = {name: _sample(field) for name, field in review.form.items() if field.required}
    choice = answer.choice or next(iter(review.choices), None)
    return answer.model_copy(update={"choice": choice, "form": {**form, **answer.form}})


def _sample(field: FormField) -> Any:
    """Some value that a form's field takes."""
    if field.choices:
        return field.choices[0]
    return _SAMPLES[field.type]
