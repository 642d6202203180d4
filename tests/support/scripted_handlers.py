"""A catalogue with a handler of every sort, each of which does what the ticket's script says."""

from typing import Annotated, Any, Final

from pydantic import BaseModel
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.catalogue import handler, handlers_of
from definitions.book import with_people
from domain.errors import BankUnavailable
from domain.fields import FieldType, FormField
from domain.handlers import Effect, HandlerSpec, HumanTask, Queue
from domain.steps import StepInput, StepOutput
from tests.support.scripts import Script

_STUMBLES: Final = 2
"""How many calls in a hundred need a second attempt."""


class _Facts(BaseModel):
    text: str = ""
    count: float = 0
    amount: Annotated[str, FieldType.MONEY] = "0.00"
    urgent: bool = False
    parts: list[Any] = []


class _Found(BaseModel):
    net: Annotated[str, FieldType.MONEY] = "0.00"
    count: int = 0
    parts: list[Any] = []


class _Payment(BaseModel):
    amount: Annotated[str, FieldType.MONEY]


class ScriptedHandlers:
    """Handlers whose answers come from `fields.script` of their ticket; keeps which effects took place."""

    def __init__(self) -> None:
        self.effects: list[str] = []
        """Idempotency keys, in order."""

    def _answer(self, step: StepInput) -> StepOutput:
        script, spec = Script.of(step.task.fields["script"]), CATALOGUE[step.handler]
        if activity.info().attempt == 1 and script.roll("stumbles", step.step_id) < _STUMBLES:
            raise BankUnavailable("not at the first attempt")
        answer = script.answer(spec, step.step_id, step.occurrence)
        if isinstance(answer, str):
            raise ApplicationError(f"{answer} by the script", type=answer, non_retryable=True)
        if spec.effect.gated:
            self.effects.append(step.idempotency_key)
        return answer

    @handler(control=True, assesses_risk=True, local=True, outcomes=("low", "medium", "high"))
    def assess(self, step: StepInput) -> StepOutput:
        """Settles the risk."""
        return self._answer(step)

    @handler(inputs=_Facts, outputs=_Found, outcomes=("good", "bad", "odd"))
    def look(self, step: StepInput) -> StepOutput:
        """Looks at something."""
        return self._answer(step)

    @handler(local=True, inputs=_Facts)
    def jot(self, step: StepInput) -> StepOutput:
        """Writes something down."""
        return self._answer(step)

    @handler(control=True, outcomes=("clear", "hit"))
    def screen(self, step: StepInput) -> StepOutput:
        """A control."""
        return self._answer(step)

    @handler(effect=Effect.BANK, outcomes=("done", "withheld"), inputs=_Facts, compensation="pay_back")
    def pay(self, step: StepInput) -> StepOutput:
        """Pays."""
        return self._answer(step)

    @handler(effect=Effect.BANK, inputs=_Facts, irreversible="it undoes another")
    def pay_back(self, step: StepInput) -> StepOutput:
        """Undoes a payment."""
        return self._answer(step)

    @handler(effect=Effect.BANK, inputs=_Payment, irreversible="it is gone", queue=Queue.SERVICES)
    def wire(self, step: StepInput) -> StepOutput:
        """Pays an amount that must be given."""
        return self._answer(step)

    @handler(effect=Effect.MESSAGE, outcomes=("sent", "withheld"), irreversible="it was read")
    def tell(self, step: StepInput) -> StepOutput:
        """Tells the customer."""
        return self._answer(step)

    @handler(effect=Effect.NOTICE)
    def acknowledge(self, step: StepInput) -> StepOutput:
        """Acknowledges receipt."""
        return self._answer(step)


PEOPLE: Final[dict[str, HumanTask]] = {
    "ask_lead": HumanTask(
        kind="review", question="May we?", form={"limit": FormField(type=FieldType.MONEY, required=False)}
    ),
    "ask_in_time": HumanTask.model_validate(
        {"kind": "review", "question": "In time?", "deadline": "2h", "on_late": "go_on"}
    ),
    "by_hand": HumanTask(kind="manual", question="Do it by hand."),
}
CATALOGUE: Final[dict[str, HandlerSpec]] = with_people(handlers_of([ScriptedHandlers]), PEOPLE)
