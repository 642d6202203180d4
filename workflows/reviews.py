"""Reviews of one ticket: asking people, taking their decisions, refusing what does not count."""

import asyncio
from datetime import timedelta

from temporalio import workflow

from activities.codes import CodeActivities
from activities.messages import CodeCheck
from domain.alerts import Addressee, AlertLevel
from domain.lifecycle import TicketState
from domain.review import (
    DecidedReview,
    Decision,
    DecisionOutcome,
    PlannedEffect,
    ReviewKind,
    ReviewRequest,
    Verb,
    objection,
)
from domain.steps import effect_digest
from domain.ticket import EventKind
from workflows.alerting import Alerting
from workflows.interpreter import Question, TicketEnded
from workflows.options import LOCAL
from workflows.run_state import TicketRun


class ReviewBook:
    """The open and decided reviews of a ticket."""

    def __init__(self, run: TicketRun, alerting: Alerting) -> None:
        self._run = run
        self._alerting = alerting
        self._decided: dict[str, DecidedReview] = {}
        self._asked = 0
        self._deciding = asyncio.Lock()
        self._cancelled_because: str | None = None
        self.approved: set[str] = set()
        """Digests of effects that a person approved in this run."""

    def abandon(self, reason: str) -> None:
        """The ticket is cancelled: nobody waits for an answer any more."""
        self._cancelled_because = reason

    def approves(self, handler: str) -> bool:
        """Whether a person approved this effect in this run."""
        return bool(self.approved) and effect_digest(handler, self._run.task) in self.approved

    async def ask(
        self,
        question: Question,
        *,
        evidence: tuple[str, ...] = (),
        instead: Addressee | None = None,
    ) -> DecidedReview:
        """Asks and waits, however long it takes. Raises `TicketEnded` on a no or a cancellation."""
        request = self._request(question, evidence)
        self._open(request)
        await self._run.record()
        self._run.show()
        self._alerting.raise_alert(
            AlertLevel.REVIEW,
            key=request.review_id,
            subject=f"decision needed on {self._run.task.task_id}",
            body=f"{request.group} is asked: {request.question}",
            action=f"opsloop review show {request.review_id}",
            deadline_at=request.deadline_at,
            group=request.group,
            instead=instead,
        )
        decided = await self._wait(request, question.deadline, instead)
        del self._run.open_reviews[request.review_id]
        self._run.waiting_for = self._who_is_waited_for()
        if decided.verb is Verb.REJECT:
            raise TicketEnded(TicketState.REJECTED, f"rejected by {decided.by}: {decided.reason}")
        self.approved.update(effect.digest for effect in request.effects)
        if request.kind is ReviewKind.MANUAL:
            self._run.hands.add(decided.by)
        if request.kind is not ReviewKind.CLOSING and not self._run.open_reviews:
            self._run.move_to(TicketState.PROCESSING)
        self._run.show()
        return decided

    async def decide(self, decision: Decision) -> DecisionOutcome:
        """Takes a decision: it counts, or it is recorded and refused with the reason."""
        async with self._deciding:
            outcome = await self._judge(decision)
        if not outcome.accepted:
            self._run.note(
                EventKind.DECISION_REFUSED,
                f"{decision.verb} on {decision.review_id} refused: {outcome.message}",
                actor=outcome.decided_by or "unknown",
                review_id=decision.review_id,
                code=outcome.code,
            )
        await self._run.record()
        return outcome

    async def refuse_unreadable(self, problem: str) -> None:
        """Records a decision that could not even be read."""
        self._run.note(
            EventKind.DECISION_REFUSED, f"unreadable: {problem}", actor="unknown", code="input_invalid"
        )
        await self._run.record()

    def reassign(self, before: str, group: str) -> None:
        """Open questions to the old group go to the new one. Codes given for them are void."""
        for review_id, request in self._run.open_reviews.items():
            if request.group == before:
                moved = request.model_copy(update={"group": group})
                self._run.open_reviews[review_id] = moved
                self._note_opened(moved)
        self._run.waiting_for = self._who_is_waited_for()

    def _request(self, question: Question, evidence: tuple[str, ...]) -> ReviewRequest:
        self._asked += 1
        run = self._run
        deadline_at = None
        if question.deadline:
            deadline_at = run.stopwatch.deadline(run.stopwatch.elapsed(run.now) + question.deadline)
        return ReviewRequest(
            review_id=f"R{self._asked}-{run.task.task_id}",
            task_id=run.task.task_id,
            kind=question.kind,
            step_id=question.step_id,
            question=question.text,
            role=question.role,
            group=question.group or run.task.assigned_group,
            choices=question.choices,
            evidence=(
                f"ticket: {run.task.title}",
                f"dispatched to {run.pinned.answer.group}: {run.pinned.answer.evidence.reason}",
                f"risk {run.risk}" + "".join(f"; {reason}" for reason in run.risk_reasons),
                *([f"before this: {question.because}"] if question.because else []),
                *evidence,
            ),
            effects=tuple(
                PlannedEffect(step_id=step_id, handler=spec.name, digest=effect_digest(spec.name, run.task))
                for step_id, spec in question.ahead
            ),
            four_eyes=question.kind is not ReviewKind.MANUAL,
            opened_at=run.now,
            deadline_at=deadline_at,
            on_late=question.on_late,
        )

    def _open(self, request: ReviewRequest) -> None:
        self._run.open_reviews[request.review_id] = request
        self._run.waiting_for = self._who_is_waited_for()
        if self._run.state is not TicketState.REVIEWING:
            self._run.move_to(TicketState.REVIEWING)
        self._note_opened(request)

    def _note_opened(self, request: ReviewRequest) -> None:
        self._run.note(
            EventKind.REVIEW_OPENED,
            f"{request.group} is asked: {request.question}",
            step_id=request.step_id,
            review=request.model_dump(mode="json"),
        )

    def _who_is_waited_for(self) -> str:
        return ", ".join(sorted({each.group for each in self._run.open_reviews.values()}))

    async def _wait(
        self, request: ReviewRequest, period: timedelta | None, instead: Addressee | None
    ) -> DecidedReview:
        """Until decided. At the deadline: reject, or tell again and wait twice as long as before."""
        run, review_id = self._run, request.review_id
        told = 0
        due = run.stopwatch.elapsed(run.now) + period if period else None
        while review_id not in self._decided:
            if self._cancelled_because is not None:
                run.open_reviews.pop(review_id, None)
                raise TicketEnded(TicketState.CANCELLED, self._cancelled_because)
            deadline = run.stopwatch.deadline(due) if due is not None else None
            holds = len(run.stopwatch.holds), run.held
            try:
                await workflow.wait_condition(
                    lambda holds=holds: (
                        review_id in self._decided  # type: ignore[misc]
                        or self._cancelled_because is not None
                        or holds != (len(run.stopwatch.holds), run.held)
                    ),
                    timeout=run.real_time_until(deadline) if deadline else None,
                    timeout_summary=f"deadline of {review_id}",
                )
            except TimeoutError:
                if due is None or period is None or review_id in self._decided:
                    continue
                told += 1
                due += period * 2**told
                await self._late(request, told, instead)
        return self._decided[review_id]

    async def _late(self, request: ReviewRequest, told: int, instead: Addressee | None) -> None:
        if request.on_late == "reject":
            reason = "nobody decided in time, and the SOP's safe answer is no"
            self._settle(request, Verb.REJECT, None, "deadline", reason)
            return
        self._run.note(EventKind.REVIEW_LATE, f"nobody decided {request.review_id} in time; telling again")
        self._alerting.raise_alert(
            AlertLevel.REVIEW,
            key=f"{request.review_id}-late-{told}",
            subject=f"decision overdue on {request.task_id}",
            body=f"{request.group} has not answered: {request.question}",
            action=f"opsloop review show {request.review_id}",
            group=request.group,
            instead=instead,
        )
        await self._run.record()

    async def _judge(self, decision: Decision) -> DecisionOutcome:
        request = self._request_of(decision.review_id)
        if request is None:
            return _refused(decision, "not_found", "this ticket has no such review")
        verdict = await workflow.execute_local_activity_method(
            CodeActivities.verify_code,
            CodeCheck(
                code=decision.code, purpose="decide", subject=decision.review_id, digest=request.digest
            ),
            summary=f"whose decision on {decision.review_id} is this?",
            **LOCAL,
        )
        by = verdict.principal.id if verdict.principal else ""
        # Looked up only now: the deadline or a cancellation may have come while the code was verified.
        decided = self._decided.get(decision.review_id)
        if decided:
            already = f"already decided: {decided.verb} by {decided.by} at {decided.at:%Y-%m-%d %H:%M} UTC"
            return _refused(decision, "late", already, by=by)
        if decision.review_id not in self._run.open_reviews:
            return _refused(decision, "late", "the ticket was cancelled before this decision", by=by)
        if verdict.principal is None:
            return _refused(decision, "decision_code_invalid", verdict.problem)
        problem = objection(request, decision, verdict.principal, self._run.hands)
        if problem:
            return _refused(decision, *problem, by=by)
        self._settle(request, decision.verb, decision.choice, by, decision.reason)
        return DecisionOutcome(
            review_id=decision.review_id,
            accepted=True,
            code="accepted",
            message=f"{decision.verb} recorded",
            decided_by=by,
        )

    def _request_of(self, review_id: str) -> ReviewRequest | None:
        decided = self._decided.get(review_id)
        return decided.request if decided else self._run.open_reviews.get(review_id)

    def _settle(self, request: ReviewRequest, verb: Verb, choice: str | None, by: str, reason: str) -> None:
        self._decided[request.review_id] = DecidedReview(
            request=request, verb=verb, choice=choice, by=by, reason=reason, at=self._run.now
        )
        self._run.note(
            EventKind.REVIEW_DECIDED,
            f"{verb}{f' ({choice})' if choice else ''} by {by}" + (f": {reason}" if reason else ""),
            actor=by,
            step_id=request.step_id,
            review_id=request.review_id,
            verb=verb,
            choice=choice,
            by=by,
            digest=request.digest,
        )


def _refused(decision: Decision, code: str, message: str, *, by: str = "") -> DecisionOutcome:
    return DecisionOutcome(
        review_id=decision.review_id, accepted=False, code=code, message=message, decided_by=by
    )
