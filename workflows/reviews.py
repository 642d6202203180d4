"""Reviews of one ticket: asking people, taking their decisions, refusing what does not count."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from temporalio import workflow

from activities.codes import CodeActivities
from activities.messages import CodeCheck
from domain.alerts import Addressee, AlertLevel
from domain.people import Role
from domain.review import (
    DecidedReview,
    Decision,
    DecisionOutcome,
    ReviewKind,
    ReviewRequest,
    Verb,
    objection,
)
from domain.ticket import EventKind
from workflows.alerting import Alerting
from workflows.interpreter import PlannedCall, Question
from workflows.options import LOCAL
from workflows.review_requests import digest_of_effect, review_of
from workflows.run_state import TicketRun
from workflows.snapshot import AskedReview, ReviewsSnapshot

_MOST_ANSWERS = 200
"""Answers kept for repeats of the same Update."""


@dataclass
class _Asked:
    """A question on its way to an answer."""

    request: ReviewRequest
    due: timedelta | None
    """SLA time of the next deadline."""
    told: int = 0


class ReviewBook:
    """The open and decided reviews of a ticket."""

    def __init__(self, run: TicketRun, alerting: Alerting, kept: ReviewsSnapshot | None = None) -> None:
        kept = kept or ReviewsSnapshot()
        self._run = run
        self._alerting = alerting
        self._number = kept.asked
        self._asked = {
            each.key: _Asked(
                each.request, None if each.due is None else timedelta(seconds=each.due), each.told
            )
            for each in kept.open
        }
        self._decided = {each.request.review_id: each for each in kept.decided}
        self._answers = dict(kept.answers)
        self._deciding = asyncio.Lock()
        self.approved: set[str] = set(kept.approved)
        """Digests of effects that a person approved in this run."""
        for each in self._asked.values():
            if each.request.review_id not in self._decided:
                run.open_reviews[each.request.review_id] = each.request

    def snapshot(self) -> ReviewsSnapshot:
        """All that the next run needs."""
        return ReviewsSnapshot(
            asked=self._number,
            open=tuple(
                AskedReview(
                    key=key,
                    request=self._run.open_reviews.get(asked.request.review_id, asked.request),
                    due=None if asked.due is None else asked.due.total_seconds(),
                    told=asked.told,
                )
                for key, asked in self._asked.items()
            ),
            decided=tuple(self._decided.values()),
            approved=tuple(sorted(self.approved)),
            answers=self._answers,
        )

    def approves(self, call: PlannedCall) -> bool:
        """Whether a person approved this effect in this run."""
        return bool(self.approved) and digest_of_effect(call, self._run.task) in self.approved

    def asks(self, key: str) -> bool:
        """Whether this question was asked and not yet acted on."""
        return key in self._asked

    async def ask(
        self,
        question: Question,
        *,
        evidence: tuple[str, ...] = (),
        instead: Addressee | None = None,
    ) -> DecidedReview:
        """Asks and waits, however long it takes. Raises `TicketEnded` when the ticket ends meanwhile."""
        asked = self._asked.get(question.key)
        if asked is None:
            asked = await self._open(question, evidence, instead)
        decided = await self._wait(asked, question.deadline, instead)
        del self._asked[question.key]
        run, request = self._run, decided.request
        run.open_reviews.pop(request.review_id, None)
        if decided.verb is Verb.REJECT:
            # What a no leads to decides which state follows.
            return decided
        if not decided.late:
            self.approved.update(effect.digest for effect in request.effects)
            if request.kind is ReviewKind.MANUAL:
                run.hands.add(decided.by)
        if request.kind is not ReviewKind.CLOSING:
            run.settle_state()
        run.show()
        return decided

    async def decide(self, decision: Decision, update_id: str = "") -> DecisionOutcome:
        """Takes a decision: it counts, or it is recorded and refused with the reason."""
        if update_id in self._answers:
            return self._answers[update_id]
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
        if update_id:
            self._answers[update_id] = outcome
            while len(self._answers) > _MOST_ANSWERS:
                del self._answers[next(iter(self._answers))]
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
        for asked in self._asked.values():
            if asked.request.group == before and asked.request.review_id in self._run.open_reviews:
                self._change(asked, group=group)

    def withdraw(self, stands: Callable[[ReviewRequest], bool]) -> None:
        """Takes back open questions that no longer hold. A decision on one of them finds no such review."""
        for key, asked in list(self._asked.items()):
            review_id = asked.request.review_id
            if review_id in self._decided or stands(asked.request):
                continue
            del self._asked[key]
            self._run.open_reviews.pop(review_id, None)
            self._run.note(
                EventKind.REVIEW_DECIDED,
                "withdrawn: the ticket moves to another version of its SOP",
                step_id=asked.request.step_id,
                review_id=review_id,
                verb="withdrawn",
                by="opsloop",
            )

    async def _open(self, question: Question, evidence: tuple[str, ...], instead: Addressee | None) -> _Asked:
        run = self._run
        with run.working():
            self._number += 1
            request = review_of(question, run, self._number, evidence)
            due = run.stopwatch.elapsed(run.now) + question.deadline if question.deadline else None
            asked = self._asked[question.key] = _Asked(request, due)
            run.open_reviews[request.review_id] = request
            run.settle_state()
            self._note_opened(request)
            await run.record()
            run.show()
            self._alerting.raise_alert(
                AlertLevel.REVIEW,
                key=request.review_id,
                subject=f"decision needed on {run.task.task_id}",
                body=f"{request.group} is asked: {request.question} Without an answer {request.silence}.",
                action=f"opsloop review show {request.review_id}",
                deadline_at=request.deadline_at,
                group=request.group,
                instead=instead,
                silence=request.silence,
                review_id=request.review_id,
            )
        return asked

    def _note_opened(self, request: ReviewRequest) -> None:
        self._run.note(
            EventKind.REVIEW_OPENED,
            f"{request.group} is asked: {request.question}",
            step_id=request.step_id,
            review=request.model_dump(mode="json"),
        )

    def _change(self, asked: _Asked, **changes: object) -> None:
        asked.request = asked.request.model_copy(update=changes)
        self._run.open_reviews[asked.request.review_id] = asked.request
        self._note_opened(asked.request)

    async def _wait(
        self, asked: _Asked, period: timedelta | None, instead: Addressee | None
    ) -> DecidedReview:
        """Until decided. At the deadline what silence means; told again, it waits twice as long as before."""
        run, review_id = self._run, asked.request.review_id
        while review_id not in self._decided:
            if run.ending is not None:
                run.open_reviews.pop(review_id, None)
                raise run.ending
            deadline = run.stopwatch.deadline(asked.due) if asked.due is not None else None
            stopwatch = run.stopwatch
            try:
                await workflow.wait_condition(
                    lambda seen=stopwatch: (
                        review_id in self._decided  # type: ignore[misc]
                        or run.ending is not None
                        or run.stopwatch != seen
                    ),
                    timeout=run.real_time_until(deadline) if deadline else None,
                    timeout_summary=f"deadline of {review_id}",
                )
            except TimeoutError:
                if asked.due is None or period is None or review_id in self._decided:
                    continue
                asked.told += 1
                asked.due += period * 2**asked.told
                with run.working():
                    await self._late(asked, instead)
        return self._decided[review_id]

    async def _late(self, asked: _Asked, instead: Addressee | None) -> None:
        request = asked.request
        missing = f" ({len(request.approvals)} of {request.quorum} approved)" if request.quorum > 1 else ""
        if request.on_late == "reject":
            reason = f"nobody decided in time{missing}, and the SOP's safe answer is no"
            self._settle(request, Verb.REJECT, "deadline", reason)
            return
        if request.on_late == "go_on":
            reason = f"nobody decided in time{missing}; the run goes on, and nothing is approved"
            self._settle(request, Verb.APPROVE, "deadline", reason, late=True)
            return
        self._run.note(
            EventKind.REVIEW_LATE,
            f"nobody decided {request.review_id} in time{missing}; telling again",
        )
        if request.on_late == "escalate" and request.role != Role.ONCALL:
            instead = Addressee(to="on_call")
            self._change(asked, role=Role.ONCALL.value)
        self._alerting.raise_alert(
            AlertLevel.REVIEW,
            key=f"{request.review_id}-late-{asked.told}",
            subject=f"decision overdue on {request.task_id}",
            body=f"{request.group} has not answered: {request.question}",
            action=f"opsloop review show {request.review_id}",
            group=request.group,
            instead=Addressee(to="on_call") if request.on_late == "escalate" else instead,
            silence=request.silence,
            review_id=request.review_id,
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
        asked = next(
            (each for each in self._asked.values() if each.request.review_id == decision.review_id), None
        )
        if asked is None or decision.review_id not in self._run.open_reviews:
            return _refused(decision, "late", "the ticket was cancelled before this decision", by=by)
        if verdict.principal is None:
            return _refused(decision, "decision_code_invalid", verdict.problem)
        request = asked.request
        problem = objection(request, decision, verdict.principal, self._run.hands)
        if problem:
            return _refused(decision, *problem, by=by)
        message = f"{decision.verb} recorded"
        approvals = (*request.approvals, by)
        if decision.verb is Verb.APPROVE and len(approvals) < request.quorum:
            message = f"{len(approvals)} of {request.quorum} approvals recorded"
            self._approve_in_part(asked, approvals, decision)
        else:
            request = request.model_copy(update={"approvals": approvals})
            self._settle(
                request, decision.verb, by, decision.reason, choice=decision.choice, form=decision.form
            )
        return DecisionOutcome(
            review_id=decision.review_id, accepted=True, code="accepted", message=message, decided_by=by
        )

    def _approve_in_part(self, asked: _Asked, approvals: tuple[str, ...], decision: Decision) -> None:
        asked.request = asked.request.model_copy(update={"approvals": approvals, "chosen": decision.choice})
        self._run.open_reviews[asked.request.review_id] = asked.request
        by = approvals[-1]
        self._run.note(
            EventKind.REVIEW_APPROVED,
            f"{len(approvals)} of {asked.request.quorum}: approved by {by}"
            + (f": {decision.reason}" if decision.reason else ""),
            actor=by,
            step_id=asked.request.step_id,
            by=by,
            review=asked.request.model_dump(mode="json"),
        )

    def _request_of(self, review_id: str) -> ReviewRequest | None:
        decided = self._decided.get(review_id)
        return decided.request if decided else self._run.open_reviews.get(review_id)

    def _settle(
        self,
        request: ReviewRequest,
        verb: Verb,
        by: str,
        reason: str,
        *,
        choice: str | None = None,
        form: dict[str, object] | None = None,
        late: bool = False,
    ) -> None:
        self._decided[request.review_id] = DecidedReview(
            request=request,
            verb=verb,
            choice=choice,
            by=by,
            reason=reason,
            at=self._run.now,
            form=form or {},
            late=late,
        )
        said = "late" if late else str(verb)
        self._run.note(
            EventKind.REVIEW_DECIDED,
            f"{said}{f' ({choice})' if choice else ''} by {by}" + (f": {reason}" if reason else ""),
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
