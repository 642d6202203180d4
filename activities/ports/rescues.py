"""What a rescue needs of the outside world: how much each group has to do, and a record that reserves."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from activities.rescue_messages import RescueOrder
from domain.rescue import Desks, KeptRescue, Load, Rescue

Decide = Callable[[Desks], Rescue]


class RescueBook(Protocol):
    """Rescues of tickets. Every method raises `StoreUnavailable`."""

    def rescue(self, order: RescueOrder, groups: Sequence[str], decide: Decide) -> Rescue:
        """Decides by what these groups have to do, one ticket at a time over all workers, and keeps it.

        What is decided counts for the next ticket at once. A repeated order gets the same answer.
        """

    def rescues_of(self, task_id: str) -> Sequence[KeptRescue]:
        """The rescues of a ticket, in their order."""

    def loads(self, groups: Sequence[str]) -> Mapping[str, Load]:
        """What each of these groups has on its desk now."""

    def on_fast_track(self) -> int:
        """How many open tickets are on the fast track."""
