"""Which alerts page a person on call, and what their page says. Pure rules over `domain/alerts.py`.

A page repeats and climbs until somebody acknowledges it, so it is for what cannot wait for the morning: an
urgent alert that goes to whoever is on call, by its level's rule or because it names them.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from domain.alerts import Alert, AlertPolicy
from domain.model import Record
from domain.paging import PageRequest

ON_CALL: Final = "on_call"
_SILENCE: Final = "nothing is decided, and it goes on ringing up the line"


class Matter(Record):
    """What a page is about: a ticket, or one question that it asks."""

    task_id: str
    review_id: str = ""


def pages_on_call(alert: Alert, policy: AlertPolicy) -> bool:
    """Whether whoever is on call is paged about an alert, and not only told."""
    if not alert.level.is_urgent:
        return False
    by_rule = alert.instead is None and policy.rule(alert.level).to == ON_CALL
    return by_rule or any(each is not None and each.to == ON_CALL for each in (alert.instead, alert.also))


def matter_of(alert: Alert) -> Matter:
    """What has to be over for the alert to be."""
    return Matter(task_id=alert.task_id, review_id=alert.review_id)


def covers(page: Sequence[Matter], asked: Sequence[Matter]) -> bool:
    """Whether a page that rings about the first is about all of the second, too: one page a matter is enough.

    A page about a whole ticket covers its questions, and not the other way: it outlives them.
    """
    return bool(asked) and all(each in page or Matter(task_id=each.task_id) in page for each in asked)


def page_id_of(notification_id: str) -> str:
    """The id of the page that a desk's notification starts: `A7K2M9QXTB-1`."""
    return notification_id.replace("/", "-")


def page_of(alert: Alert, at: datetime) -> PageRequest:
    """The page of a desk's notification. What it says is masked already: subjects name ids alone."""
    return PageRequest(
        page_id=page_id_of(alert.alert_id),
        task_id=alert.task_id,
        group=alert.group,
        priority=alert.priority,
        subject=alert.subject[:300],
        choices=tuple(each.strip() for each in alert.action.split(";") if each.strip()),
        silence=alert.silence or _SILENCE,
        deadline_at=alert.deadline_at,
        opened_at=at,
    )
