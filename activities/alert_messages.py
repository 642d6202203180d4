"""The contract of the alert desk: its id, its queue, what it takes, what it answers, what it keeps."""

import hashlib
from itertools import groupby
from typing import Any, Final

from pydantic import Field

from domain.alert_desk_state import Desk
from domain.alert_events import StoreChange
from domain.alert_pages import Matter
from domain.alerts import Alert
from domain.clock import BankClock
from domain.desk_rules import DeskRules
from domain.handlers import Queue
from domain.model import Model, Record

DESK_WORKFLOW: Final = "AlertDeskWorkflow"
DESK_QUEUE: Final = Queue.TICKETS.value

RAISE_SIGNAL: Final = "raise_alert"
CLOSED_SIGNAL: Final = "ticket_closed"
ACKNOWLEDGE_UPDATE: Final = "acknowledge"
ACK_PURPOSE: Final = "ack:alert"
"""What a code is for that acknowledges an alert; its subject is the desk alert's id."""

_LONGEST_SLUG: Final = 40
_LONGEST_NUMBER: Final = 4


def desk_workflow_id(group: str) -> str:
    """The workflow id of a group's desk: `alerts-account-operations-1f3c9a`.

    The end tells names apart that only differ in what an id cannot show; long numbers, which could be
    somebody's, do not show at all.
    """
    runs = groupby(group.lower(), key=lambda each: each.isascii() and each.isalnum())
    words = ["".join(run) for is_word, run in runs if is_word]
    shown = "-".join(word for word in words if sum(map(str.isdigit, word)) <= _LONGEST_NUMBER)
    digest = hashlib.sha256(group.encode()).hexdigest()[:6]
    return "-".join(part for part in ("alerts", shown[:_LONGEST_SLUG].strip("-"), digest) if part)


class OpenPage(Record):
    """A page that a desk has started and that is not over."""

    page_id: str
    notification_id: str
    matters: tuple[Matter, ...] = ()
    """What it is about; none: more than can be named."""
    acknowledged: bool = False


class DeskCarry(Record):
    """What one run of a desk leaves to the next."""

    desk: Desk
    pages: dict[str, OpenPage] = {}
    """By desk alert."""
    unrecorded: tuple[StoreChange, ...] = ()


class DeskInput(Record):
    """Starts a group's desk. Everything here is pinned for as long as the desk runs."""

    group: str = Field(min_length=1)
    clock: BankClock = BankClock()
    timezone: str = "UTC"
    """Of the times in reasons that people read."""
    rules: DeskRules = DeskRules()
    carry: DeskCarry | None = None
    """Only between the runs of one desk."""


class RaisedAlert(Record):
    """An alert as a ticket hands it over."""

    alert: Alert
    dashboard_only: bool = False
    pages: bool = False
    """Whoever is on call is paged about it."""
    rules: DeskRules | None = None
    """Those in force; None: the desk keeps its own."""


class ClosedTicket(Record):
    """A ticket has ended, which these groups' desks had alerts of."""

    task_id: str
    groups: tuple[str, ...]


class Acknowledgement(Model):
    """A person has the tickets of a desk alert. The code proves who."""

    desk_alert_id: str = Field(pattern=r"^A[A-Z2-7]{9}$")
    code: str = Field(default="", max_length=4096)


class AlertAckOutcome(Record):
    """What whoever acknowledges learns."""

    desk_alert_id: str
    accepted: bool
    code: str
    """accepted, decision_code_invalid or not_permitted."""
    message: str


class DeskRecord(Record):
    """What the store is to keep, in this order."""

    changes: tuple[StoreChange, ...]


def acknowledgement_content(desk_alert_id: str, group: str) -> dict[str, Any]:
    """What an acknowledgement's code is bound to."""
    return {"desk_alert_id": desk_alert_id, "group": group}
