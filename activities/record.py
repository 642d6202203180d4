"""Copies a ticket's progress into the store."""

from activities.catalogue import task
from activities.messages import Progress
from activities.ports import TicketStore


class RecordActivities:
    """The ticket workflow's own record keeping."""

    def __init__(self, store: TicketStore) -> None:
        self._store = store

    @task
    def record_progress(self, progress: Progress) -> None:
        """Writes new events, their audit rows and the state after them; repeats change nothing."""
        self._store.record(progress)
