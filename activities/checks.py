"""The checks of an SOP: is it authorised, how risky is it, is it complete, is anybody on a list?

They read the rulebook and the ticket's fields, with the step's inputs before them; they change nothing, and
are local activities. What they find goes into timelines and logs, so it names fields and laws, never
persons, accounts or amounts held elsewhere.
"""

from activities.catalogue import handler
from activities.check_fields import (
    BreakDifference,
    BreakFacts,
    Cover,
    OrderPapers,
    Parties,
    PaymentFacts,
    PaymentProblems,
    RiskFacts,
    RiskReasons,
    ScreeningEvidence,
)
from activities.ports import RulebookSource
from activities.risk import assess_risk
from domain.authority import check_order
from domain.breaks import classify_break
from domain.digest import digest_of
from domain.screening import screen
from domain.settlement import SHANGHAI, check_payment
from domain.steps import StepInput, StepOutput


class CheckActivities:
    """Handlers that judge a ticket by its facts."""

    def __init__(self, rulebook: RulebookSource) -> None:
        self._rulebook = rulebook

    @handler(local=True, control=True, inputs=OrderPapers, outputs=Cover)
    def auth_validator(self, step: StepInput) -> StepOutput:
        """Checks that the order's authority and papers cover what it asks for.

        Raises `AuthorisationRefused` with every paper that is missing, by field and law.
        """
        account = step.inputs.get("account_ref") or step.task.account_ref
        fields = {name: value for name, value in step.facts.items() if name != "account_ref"}
        order = step.task.model_copy(update={"fields": fields, "account_ref": account})
        cover = check_order(order, step.now)
        return StepOutput(summary=cover.summary, data=cover.model_dump(exclude={"summary"}))

    @handler(
        local=True,
        control=True,
        assesses_risk=True,
        outcomes=("low", "medium", "high"),
        inputs=RiskFacts,
        outputs=RiskReasons,
    )
    def risk_assessor(self, step: StepInput) -> StepOutput:
        """Settles the ticket's risk by the bank's criteria, with the reasons."""
        fields = {**step.task.fields, **step.inputs.get("facts", {})}
        judged = step.task.model_copy(update={"fields": fields})
        assessment = assess_risk(self._rulebook.current().risk, judged)
        return StepOutput(
            outcome=assessment.level,
            summary=f"{assessment.level} risk: {'; '.join(assessment.reasons)}",
            data={"reasons": list(assessment.reasons)},
        )

    @handler(
        local=True,
        outcomes=("valid", "incomplete", "past_cut_off"),
        inputs=PaymentFacts,
        outputs=PaymentProblems,
    )
    def settlement_validator(self, step: StepInput) -> StepOutput:
        """Checks that a cross-border payment is complete and can settle on its value date."""
        check = check_payment(step.facts, step.now, self._rulebook.is_working_day)
        return StepOutput(
            outcome=check.outcome,
            summary="; ".join(check.problems) or "complete, and in time for its value date",
            data={"problems": list(check.problems)},
        )

    @handler(local=True, control=True, outcomes=("clear", "hit"), inputs=Parties, outputs=ScreeningEvidence)
    def sanctions_screener(self, step: StepInput) -> StepOutput:
        """Compares the parties of a payment with the sanctions list."""
        listed = self._rulebook.current().sanctions
        evidence = {"list_digest": digest_of(listed), "list_size": len(listed)}
        screening = screen(step.facts, listed)
        return StepOutput(
            outcome="hit" if screening.hit else "clear", summary=screening.reason, data=evidence
        )

    @handler(
        local=True,
        outcomes=("timing", "amount", "duplicate", "unknown"),
        inputs=BreakFacts,
        outputs=BreakDifference,
    )
    def break_classifier(self, step: StepInput) -> StepOutput:
        """Tells what kind of break two ledgers show."""
        today = step.now.astimezone(SHANGHAI).date()
        finding = classify_break(step.facts, today, self._rulebook.is_working_day)
        difference = None if finding.difference is None else str(finding.difference)
        return StepOutput(outcome=finding.kind, summary=finding.reason, data={"difference": difference})
