"""Reviews: what a person is asked, and whether an answer counts.

A decision counts when its code proves who decided on exactly what was shown, when that person has the
role and the group, and when it is not one of the hands that made or worked the ticket (four eyes).
"""

from collections.abc import Collection
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from domain.digest import digest_of
from domain.fields import FormField, form_problems
from domain.model import Instant, Model, Record
from domain.people import Principal, Role


class ReviewKind(StrEnum):
    """Why a person is asked."""

    GATE = "gate"
    """Duty × risk asks before an effect."""
    STEP = "step"
    """The SOP has a review step or routes to a human handler."""
    MANUAL = "manual"
    """Work to be done by hand, confirmed by whoever did it."""
    ROUTE = "route"
    """A step's outcome has no route: a person picks one of the declared outcomes."""
    CLOSING = "closing"
    """Four eyes on the finished ticket."""


class Verb(StrEnum):
    """What a person can answer."""

    APPROVE = "approve"
    REJECT = "reject"


_SILENCE = {
    "wait": "the ticket waits, and people are told again at the deadline",
    "escalate": "whoever is on call is asked at the deadline",
    "go_on": "the run goes on at the deadline, with nothing approved",
    "reject": "it counts as a no at the deadline",
}


class PlannedEffect(Record):
    """An effect that an approval covers, bound to it by digest."""

    step_id: str
    handler: str
    digest: str
    inputs: dict[str, Any] = Field(default_factory=dict)
    """What the SOP gives the handler beyond the ticket itself."""


class ReviewRequest(Record):
    """Everything that is shown to the person who decides. Its digest binds the decision."""

    review_id: str
    task_id: str
    kind: ReviewKind
    step_id: str
    question: str
    role: str
    group: str
    four_eyes: bool = True
    choices: tuple[str, ...] = ()
    """For a route: one of these must come with the approval."""
    evidence: tuple[str, ...] = ()
    effects: tuple[PlannedEffect, ...] = ()
    opened_at: Instant
    deadline_at: Instant | None = None
    on_late: Literal["wait", "escalate", "go_on", "reject"] = "wait"
    quorum: int = 1
    """How many different people must approve."""
    approvals: tuple[str, ...] = ()
    """Who has approved so far."""
    chosen: str | None = None
    """What those who approved so far have chosen; the others must agree."""
    form: dict[str, FormField] = Field(default_factory=dict)
    """To be filled in with an approval."""

    @property
    def silence(self) -> str:
        """What it leads to when nobody decides, as the end of a sentence."""
        if self.deadline_at is None:
            return "nothing of it is done: the ticket waits"
        return _SILENCE[self.on_late]

    @property
    def digest(self) -> str:
        """SHA-256 of all that is decided on. Approvals of others, which come meanwhile, do not change it."""
        return digest_of(self.model_dump(mode="json", exclude={"approvals", "chosen"}))


class Decision(Model):
    """A person's answer, with the code that proves whose it is."""

    review_id: str = Field(min_length=1, max_length=100)
    verb: Verb
    choice: str | None = Field(default=None, max_length=64)
    reason: str = Field(default="", max_length=2000)
    form: dict[str, Any] = Field(default_factory=dict, max_length=50, description="answers to the form")
    code: str = Field(default="", max_length=4096, description="short-lived decision code from API or CLI")


class DecisionOutcome(Record):
    """What the person who decided learns."""

    review_id: str
    accepted: bool
    code: str
    """A stable word: accepted, decision_code_invalid, not_permitted, late, not_found, choice_missing …"""
    message: str
    decided_by: str = ""


class DecidedReview(Record):
    """A review that is over: kept so that late answers can be told what happened."""

    request: ReviewRequest
    verb: Verb
    choice: str | None = None
    by: str
    """The principal, or `deadline` when nobody answered in time."""
    reason: str
    at: Instant
    form: dict[str, Any] = Field(default_factory=dict)
    late: bool = False
    """Nobody answered in time, and the run goes on without an approval."""

    @property
    def refusal(self) -> str:
        """A no in words, for the ticket's result."""
        return f"rejected by {self.by}: {self.reason}"


def objection(
    request: ReviewRequest, decision: Decision, principal: Principal, hands: Collection[str]
) -> tuple[str, str] | None:
    """Why this principal's answer does not count, as (code, message), or None when it does."""
    if request.role not in principal.roles:
        return "not_permitted", f"{principal.id} does not hold the role {request.role}"
    if request.group and request.group not in principal.groups and Role.ADMIN not in principal.roles:
        return "not_permitted", f"{principal.id} is not in the group {request.group}"
    if request.four_eyes and principal.id in hands:
        return (
            "four_eyes",
            f"{principal.id} made or worked on this ticket and cannot also approve it: four eyes",
        )
    if principal.id in request.approvals:
        return "conflict", f"{principal.id} has approved already; {request.quorum} different people must"
    if decision.verb is Verb.APPROVE and request.choices and decision.choice not in request.choices:
        return "choice_missing", f"choose one of: {', '.join(request.choices)}"
    if decision.verb is Verb.APPROVE and decision.choice and not request.choices:
        return "choice_unexpected", "this review offers no choices"
    if decision.verb is Verb.APPROVE and request.approvals and decision.choice != request.chosen:
        return "conflict", f"{', '.join(request.approvals)} chose {request.chosen}; approve that, or reject"
    if decision.verb is Verb.REJECT and not decision.reason.strip():
        return "reason_missing", "a rejection needs a reason"
    if decision.verb is Verb.APPROVE:
        problems = form_problems(request.form, decision.form)
        if problems:
            return "form_invalid", "; ".join(problems)
    return None
