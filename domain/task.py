"""OpsTask: the one shape that every source of tickets is normalised to (article, "Ingestion Layer")."""

import hashlib
from base64 import b32encode
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, StringConstraints, field_validator

from domain.model import Instant, Model


class RiskLevel(StrEnum):
    """How much harm a wrong step could do. Ordered: low < medium < high."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def rank(self) -> int:
        """0 for low, 1 for medium, 2 for high."""
        return _RISK_ORDER.index(self)

    def at_least(self, other: "RiskLevel") -> "RiskLevel":
        """The higher of the two."""
        return self if self.rank >= other.rank else other


_RISK_ORDER = (RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.HIGH)


class Priority(StrEnum):
    """P1 funds at risk, P2 customer impact, P3 process blocked, P4 routine (article)."""

    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"

    @property
    def rank(self) -> int:
        """1 for P1 to 4 for P4: smaller is more urgent."""
        return int(self.value[1])


Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
"""A lower-case name in snake case: categories, actions, step ids."""

TaskId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
"""A ticket's id. It appears in workflow ids, so it carries no personal data."""


class Attachment(Model):
    """A document kept in the store; only its reference travels through workflows."""

    name: str = Field(max_length=255)
    media_type: str = Field(max_length=100)
    reference: str = Field(max_length=255, description="key of the document in the store")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0, description="bytes")


class OpsTask(Model):
    """An operations ticket, whatever its source. Dispatch fills what the source left empty."""

    task_id: TaskId
    title: str = Field(min_length=1, max_length=300)
    description: str = Field(default="", max_length=50_000)
    source: Identifier = Field(description="ticketing system, mailbox or API client it came from")
    external_id: str = Field(min_length=1, max_length=200, description="its id at the source")
    category: Identifier | None = None
    action: Identifier | None = None
    risk_level: RiskLevel = RiskLevel.MEDIUM
    priority: Priority = Priority.P4
    assigned_group: str = Field(default="", max_length=100)
    sla_hours: float = Field(default=24.0, gt=0, le=24 * 366)
    keywords: tuple[str, ...] = ()
    created_at: Instant | None = Field(default=None, description="when the source says it arose")
    customer_ref: str = Field(default="", max_length=100)
    account_ref: str = Field(default="", max_length=100)
    attachments: tuple[Attachment, ...] = Field(default=(), max_length=50)
    fields: dict[str, Any] = Field(
        default_factory=dict,
        max_length=100,
        description="what the kind needs beyond text: amount, currency, authority, document …",
    )

    @field_validator("title")
    @classmethod
    def _title_is_text(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("a title of blanks says nothing")
        return value

    @property
    def text(self) -> str:
        """What dispatch reads: title and description (article: `f"{title} {description}"`)."""
        return f"{self.title} {self.description}"


def task_id_for(source: str, external_id: str) -> str:
    """The id of the one ticket that a source's item becomes.

    Derived by hashing, so that a repeated hand-in meets the same workflow id even when the store
    was lost, and so that nothing of the external id (which may name a person) shows.
    """
    digest = hashlib.sha256(f"{source}\x00{external_id}".encode()).digest()
    return "T" + b32encode(digest)[:15].decode().rstrip("=")
