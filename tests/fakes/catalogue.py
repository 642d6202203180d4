"""A handler catalogue as small as it can be while having every kind of handler."""

from definitions.book import with_people
from domain.handlers import Effect, HandlerSpec, HumanTask

CODE = {
    spec.name: spec
    for spec in (
        HandlerSpec(name="auth_validator", summary="papers", control=True, local=True),
        HandlerSpec(
            name="risk_assessor",
            summary="risk",
            control=True,
            local=True,
            assesses_risk=True,
            outcomes=("low", "medium", "high"),
        ),
        HandlerSpec(name="sanctions_screener", summary="lists", control=True, outcomes=("clear", "hit")),
        HandlerSpec(
            name="core_system_freeze",
            summary="freeze",
            effect=Effect.BANK,
            irreversible="only an order releases what an order froze",
        ),
        HandlerSpec(
            name="sms_notifier",
            summary="sms",
            effect=Effect.MESSAGE,
            outcomes=("sent", "withheld"),
            irreversible="what was read cannot be unread",
        ),
        HandlerSpec(name="acknowledge_receipt", summary="received", effect=Effect.NOTICE),
    )
}
PEOPLE = {
    name: HumanTask(kind=kind, question="Is this right?")
    for name, kind in (("escalate_to_compliance", "review"), ("manual_freeze", "manual"))
}
CATALOGUE = with_people(CODE, PEOPLE)
