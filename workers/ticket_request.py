"""What a source may say about a ticket: the body of `POST /tickets` and the items of `opsloop submit`."""

import json
from datetime import datetime
from typing import Any, Final

from pydantic import ConfigDict, Field, field_validator

from domain.digest import digest_of
from domain.model import Instant, Model
from domain.task import Identifier, OpsTask, Priority, task_id_for

_MOST_FIELD_BYTES: Final = 64_000
_YEARS: Final = range(2000, 3000)


class TicketRequest(Model):
    """A ticket as its source hands it in. Id, risk, group and SLA are not for the source to say."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "title": "Freeze the account named in court order 2026-0417",
                    "description": "The district court asks for a freeze of six months.",
                    "source": "court_gateway",
                    "external_id": "CG-2026-000417",
                    "customer_ref": "C-100042",
                    "account_ref": "A-100042-01",
                    "fields": {"authority": "court", "document_no": "2026-0417"},
                }
            ]
        }
    )

    title: str = Field(min_length=1, max_length=300, description="one line that says what is wanted")
    description: str = Field(default="", max_length=50_000, description="the text that dispatch reads")
    source: Identifier = Field(description="the system it comes from, in snake case")
    external_id: str = Field(
        min_length=1,
        max_length=200,
        description="its id at the source; with the source it makes one ticket, however often it is sent",
    )
    category: Identifier | None = Field(default=None, description="what the source takes it for")
    action: Identifier | None = Field(default=None, description="what the source wants done")
    priority: Priority | None = Field(default=None, description="P1 (funds at risk) to P4 (routine)")
    created_at: Instant | None = Field(
        default=None,
        description="when it arose, ISO 8601 with a zone; the SLA runs from here. Not in the future",
    )
    customer_ref: str = Field(default="", max_length=100, description="the customer's reference")
    account_ref: str = Field(default="", max_length=100, description="the account's reference")
    fields: dict[str, Any] = Field(
        default_factory=dict,
        max_length=100,
        description="what the kind needs beyond text: amount, currency, authority, document number …",
    )

    @field_validator("title", "external_id")
    @classmethod
    def _says_something(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("blanks say nothing")
        return value

    @field_validator("created_at", mode="before")
    @classmethod
    def _created_at_is_iso(cls, value: object) -> object:
        """A bare number would be read as seconds since 1970, and years 1 and 9999 have no UTC everywhere."""
        if value is None or isinstance(value, datetime):
            return value
        if not isinstance(value, str) or value[4:5] != "-":
            raise ValueError("expected an ISO 8601 instant with a zone, such as 2026-11-23T20:00:00+08:00")
        if not (value[:4].isdecimal() and int(value[:4]) in _YEARS):
            raise ValueError(f"expected a year from {_YEARS.start} to {_YEARS.stop - 1}")
        return value

    @field_validator("fields")
    @classmethod
    def _fields_are_small(cls, value: dict[str, Any]) -> dict[str, Any]:
        """They travel in the workflow's history; documents belong in the store."""
        size = len(json.dumps(value, ensure_ascii=False, allow_nan=False).encode())
        if size > _MOST_FIELD_BYTES:
            raise ValueError(f"{size} bytes of fields; expected at most {_MOST_FIELD_BYTES}")
        return value

    @property
    def digest(self) -> str:
        """SHA-256 of what was said, whatever the order of keys, the zone of times or the fields left out."""
        return digest_of(self.model_dump(mode="json", exclude_defaults=True))

    def task(self) -> OpsTask:
        """The ticket as it enters opsloop, under the one id of its source and external id."""
        stated = self.model_dump(exclude={"priority"})
        if self.priority is not None:
            stated["priority"] = self.priority
        return OpsTask(task_id=task_id_for(self.source, self.external_id), **stated)
