"""Deciding reviews: whose answer counts, on exactly what was shown."""

from domain.errors import NotPermitted
from domain.model import Record
from domain.people import Principal, Role
from domain.review import Decision, DecisionOutcome, ReviewRequest, Verb, objection
from domain.ticket import EventKind
from workers.desk.authority import CodeIssuer, Trail
from workers.desk.reading import Reading
from workers.ticket_workflows import LATE, MessageRefused, TicketWorkflows
from workflows.contract import DECIDE_UPDATE

_PURPOSE = "decide"


class IssuedCode(Record):
    """A decision code, with the review that it is bound to as it was shown."""

    code: str
    review: ReviewRequest
    digest: str


class Reviews:
    """Takes people's answers to the tickets that ask, and gives codes to answer from elsewhere."""

    def __init__(self, workflows: TicketWorkflows, reading: Reading, codes: CodeIssuer, trail: Trail) -> None:
        self._workflows = workflows
        self._reading = reading
        self._codes = codes
        self._trail = trail

    async def decide(self, decision: Decision, *, digest: str, principal: Principal) -> DecisionOutcome:
        """Answers a review; `digest` is that of what the person was shown, and the desk adds the code.

        A refusal is an outcome with `accepted` false and a stable code (`not_permitted`, `four_eyes`,
        `content_changed`, `late`, `conflict`, `choice_missing`, `reason_missing`, `form_invalid` …).
        Where several must approve, the first approval is accepted and its message says how many are
        recorded. Raises `NotFound`, `EngineUnavailable` and `StoreUnavailable`.
        """
        review = await self._reading.review(decision.review_id)
        refusal = await self._objection(review, decision, principal)
        if refusal is None and digest != review.digest:
            refusal = (
                "content_changed",
                "the review is not what was shown (its digest differs): read it again, then decide",
            )
        if refusal is None:
            code = self._codes.issue(principal.id, _PURPOSE, review.review_id, review.digest)
            signed = decision.model_copy(update={"code": code})
            try:
                return await self._workflows.update(review.task_id, DECIDE_UPDATE, signed, DecisionOutcome)
            except MessageRefused as error:
                late = error.refusal == LATE
                refusal = (error.refusal, await self._late(review, str(error)) if late else str(error))
        await self._trail.refused(
            "decision.refused",
            principal,
            refusal[1],
            task_id=review.task_id,
            review_id=review.review_id,
            verb=decision.verb.value,
            code=refusal[0],
        )
        return DecisionOutcome(
            review_id=review.review_id,
            accepted=False,
            code=refusal[0],
            message=refusal[1],
            decided_by=principal.id,
        )

    async def decision_code(self, review_id: str, principal: Principal) -> IssuedCode:
        """A code with which this principal can answer the review from elsewhere (the Temporal UI).

        Raises `NotFound`, and `NotPermitted` when the principal's answer could not count.
        """
        review = await self._reading.review(review_id)
        # A rejection needs neither choice nor form, so that only the person is judged here.
        probe = Decision(review_id=review_id, verb=Verb.REJECT, reason="asks for a code")
        refusal = await self._objection(review, probe, principal)
        if refusal:
            await self._trail.refused(
                "code.refused", principal, refusal[1], task_id=review.task_id, review_id=review_id
            )
            raise NotPermitted(refusal[1])
        await self._trail.noted(
            "code.issued", principal, task_id=review.task_id, review_id=review_id, digest=review.digest
        )
        code = self._codes.issue(principal.id, _PURPOSE, review_id, review.digest)
        return IssuedCode(code=code, review=review, digest=review.digest)

    async def _objection(
        self, review: ReviewRequest, decision: Decision, principal: Principal
    ) -> tuple[str, str] | None:
        """What can be seen from here against this answer; the workflow knows more hands and checks again."""
        recorded = await self._reading.recorded(review.task_id)
        makers = {recorded.maker} if recorded else set()
        if principal.may(Role.ADMIN) and principal.id in makers:
            return "four_eyes", f"{principal.id} handed this ticket in and cannot also approve it: four eyes"
        return objection(review, decision, principal, makers)

    async def _late(self, review: ReviewRequest, otherwise: str) -> str:
        """What became of a review whose ticket no longer runs."""
        answers = [
            event.data
            for event in await self._reading.recorded_events(review.task_id)
            if event.kind is EventKind.REVIEW_DECIDED and event.data.get("review_id") == review.review_id
        ]
        ended = await self._reading.how_it_ended(review.task_id, otherwise)
        if not answers:
            return f"too late: {ended}"
        decided = answers[-1]
        return f"too late: it was decided before ({decided.get('verb')} by {decided.get('by')}), and {ended}"
