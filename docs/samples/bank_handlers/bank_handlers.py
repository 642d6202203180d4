"""Two handlers of our own: a check that changes nothing, and an effect that can be undone.

The branch system takes instructions as files in a folder (`BANK_BRANCH_INBOX`). A file is named by the
step's idempotency key, so a repeated step finds its own file and writes no second one.
"""

import hashlib
import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from activities.catalogue import handler
from domain.errors import InvalidInput, ServiceUnavailable
from domain.handlers import Effect, Queue
from domain.model import Model
from domain.money import parse_amount
from domain.steps import StepInput, StepOutput

LIMITS = {"retail": Decimal(50_000), "corporate": Decimal(5_000_000)}
"""Most that leaves an account in a day without a second look, in CNY."""


class LimitInputs(Model):
    """What the limit is compared with; what is left out comes from the ticket's fields."""

    amount: Decimal | None = Field(default=None, description="in CNY")
    segment: Literal["retail", "corporate"] | None = Field(default=None, description="retail unless said")


class LimitOutputs(Model):
    """The limit that held."""

    limit: Decimal
    headroom: Decimal = Field(description="what is left of it; negative when it is exceeded")


class LimitActivities:
    """Checks against limits."""

    @handler(local=True, outcomes=("within", "above"), inputs=LimitInputs, outputs=LimitOutputs)
    def day_limit_checker(self, step: StepInput) -> StepOutput:
        """Compares an amount with the day's limit of the customer's segment."""
        amount = parse_amount(step.facts.get("amount"))
        segment = step.facts.get("segment", "retail")
        if segment not in LIMITS:
            raise InvalidInput(f"segment: expected one of {', '.join(LIMITS)}", field="segment")
        limit = LIMITS[segment]
        return StepOutput(
            outcome="within" if amount <= limit else "above",
            summary=f"the day's limit of {segment} customers is {limit:,}",
            data={"limit": limit, "headroom": limit - amount},
        )


class Instruction(Model):
    """What the branch is told."""

    branch: str = Field(pattern=r"^[0-9]{4}$", description="the branch's number, four digits in quotes")
    text: str = Field(min_length=1, max_length=200, description="what it is to do; no personal data")


class Slip(Model):
    """Where the instruction lies."""

    slip: str = Field(description="name of the file in the branch's inbox")


class BranchActivities:
    """Instructions to branches. One object serves all threads of a worker."""

    def __init__(self, inbox: Path) -> None:
        self._inbox = inbox

    @handler(
        effect=Effect.BANK,
        queue=Queue.SERVICES,
        inputs=Instruction,
        outputs=Slip,
        compensation="recall_branch_instruction",
    )
    def instruct_branch(self, step: StepInput) -> StepOutput:
        """Lays an instruction into a branch's inbox."""
        return self._lay(step, {"instruction": step.inputs["text"], "ticket": step.task.task_id})

    @handler(
        effect=Effect.BANK,
        queue=Queue.SERVICES,
        inputs=Instruction,
        outputs=Slip,
        irreversible="a recall is undone by a new instruction",
    )
    def recall_branch_instruction(self, step: StepInput) -> StepOutput:
        """Tells a branch that an instruction no longer holds."""
        return self._lay(step, {"recalled": step.inputs["text"], "ticket": step.task.task_id})

    def _lay(self, step: StepInput, content: dict[str, Any]) -> StepOutput:
        key = hashlib.sha256(step.idempotency_key.encode()).hexdigest()[:16]
        name = f"{step.inputs['branch']}-{key}.json"
        try:
            self._inbox.mkdir(parents=True, exist_ok=True)
            draft = self._inbox / f".{name}"
            draft.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
            # The branch system reads whole files only; the same key gives the same file.
            draft.replace(self._inbox / name)
        except OSError as error:
            raise ServiceUnavailable(f"the branch inbox cannot be written: {error.strerror}") from None
        return StepOutput(summary=f"branch {step.inputs['branch']} has the slip {name}", data={"slip": name})


def branch_activities() -> BranchActivities:
    """What the entry point calls: objects are made once in a process and must not connect to anything."""
    return BranchActivities(Path(os.environ.get("BANK_BRANCH_INBOX", "branch-inbox")))
