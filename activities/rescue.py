"""Rescue of a late ticket: what the store knows, held against the policy in force."""

from activities.catalogue import task
from activities.ports import RulebookSource
from activities.ports.alerts import AlertBook
from activities.ports.rescues import RescueBook
from activities.rescue_messages import RescueOrder
from domain.alert_events import WorkedOn
from domain.rescue import Desks, Rescue, decide


class RescueActivities:
    """What a ticket at critical asks for."""

    def __init__(self, rulebook: RulebookSource, book: RescueBook, alerts: AlertBook) -> None:
        self._rulebook = rulebook
        self._book = book
        self._alerts = alerts

    @task
    def rescue_ticket(self, order: RescueOrder) -> Rescue:
        """Decides and keeps what becomes of the ticket. Asked again, it answers the same."""
        policy = self._rulebook.current().rescue
        worked = self._worked_on(order)
        known = order.facts()

        def by_the_desks(desks: Desks) -> Rescue:
            return decide(
                policy,
                known.model_copy(
                    update={
                        "loads": desks.loads,
                        "on_fast_track": desks.on_fast_track,
                        "handed_over": desks.handed_over,
                        "had": known.had | desks.had,
                        "worked_by": worked.by if worked else "",
                        "worked_since": worked.since if worked else None,
                    }
                ),
            )

        return self._book.rescue(order, [group.name for group in policy.groups], by_the_desks)

    def _worked_on(self, order: RescueOrder) -> WorkedOn | None:
        """Who claimed the ticket, or acknowledged an alert of it, whichever was later."""
        said = self._alerts.worked_on(order.task_id)
        if not order.worked_by or order.worked_since is None:
            return said
        claimed = WorkedOn(by=order.worked_by, since=order.worked_since)
        return said if said is not None and said.since > claimed.since else claimed
