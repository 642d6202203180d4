"""Whether what a page is about is still open, as far as the read model knows."""

from collections.abc import Sequence
from datetime import datetime

from activities.ports import TicketReader
from domain.alert_pages import Matter
from domain.lifecycle import ENDS
from domain.ticket import TicketView

_NOBODY = "opsloop"


def over_because(tickets: TicketReader, matters: Sequence[Matter]) -> str:
    """Why nothing of it is left to page about; empty while something is, or may be.

    Raises `StoreUnavailable`.
    """
    reasons = [_over(matter, tickets.view(matter.task_id)) for matter in matters]
    return reasons[0] if reasons and all(reasons) else ""


def moved_since(tickets: TicketReader, matters: Sequence[Matter], since: datetime) -> bool:
    """Whether a person has done something in one of the tickets since. Raises `StoreUnavailable`."""
    return any(
        event.at > since and event.actor != _NOBODY
        for matter in matters
        for event in tickets.timeline(matter.task_id)
    )


def _over(matter: Matter, view: TicketView | None) -> str:
    if view is None:
        return ""
    if view.state in ENDS:
        return f"the ticket is {view.state}"
    asked = {each.review_id for each in view.open_reviews}
    return "decided" if matter.review_id and matter.review_id not in asked else ""
