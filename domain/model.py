"""The two bases of every model.

`Model` is for what people write (definitions, requests): an unknown field is an error.
`Record` is for what a history or the store keeps: a field that a later version added is ignored,
so that older workers can still read newer histories.
"""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict


class Model(BaseModel):
    """An immutable value that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Record(BaseModel):
    """An immutable value that reads what later versions wrote."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def _to_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""An aware point in time, kept in UTC."""
