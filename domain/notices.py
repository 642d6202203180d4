"""Messages that leave the system: to customers, groups and the people on call."""

from enum import StrEnum

from pydantic import Field

from domain.model import Record


class Channel(StrEnum):
    """How a message travels."""

    DASHBOARD = "dashboard"
    EMAIL = "email"
    SMS = "sms"
    WECOM = "wecom"


class Notice(Record):
    """One message. The id is stable across retries, so that a repeat can be recognised."""

    notice_id: str = Field(min_length=1, max_length=200)
    channel: Channel
    to: str = Field(
        description="a customer reference, a group or a person's id; the adapter knows the address"
    )
    subject: str = ""
    body: str
    task_id: str = ""


class Delivery(Record):
    """What became of a notice."""

    notice_id: str
    channel: Channel
    accepted: bool
    """The channel took it. That is not yet a receipt by a person."""
    repeated: bool = False
    """It had been sent before; nothing was sent this time."""
    detail: str = ""
