"""Who was considered for a late ticket and why, and which groups could take one over now."""

from collections.abc import Callable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from activities.ports import RulebookSource
from activities.ports.rescues import RescueBook
from domain.errors import NotFound
from domain.model import Instant, Record
from domain.rescue import KeptRescue, Load


class ShownGroup(Record):
    """A group that takes late tickets over, as it stands."""

    group: str
    open: int
    """Open tickets that are assigned to it."""
    promised: int
    """Tickets that are on their way to it."""
    room: int
    """Tickets up to which rescues fill it."""
    capacity: int
    on_shift: bool
    hours: str
    skills: tuple[str, ...]


class RescueState(Record):
    """Where the next late ticket could go."""

    at: Instant
    timezone: str
    """Of the hours."""
    groups: tuple[ShownGroup, ...]
    fast_track_enabled: bool
    on_fast_track: int
    fast_track_at_most: int


class RescueDesk:
    """Reads rescues for people."""

    def __init__(self, rulebook: RulebookSource, book: RescueBook, now: Callable[[], datetime]) -> None:
        """`now` is bank time."""
        self._rulebook = rulebook
        self._book = book
        self._now = now

    def of(self, task_id: str) -> Sequence[KeptRescue]:
        """The rescues of a ticket. Raises `NotFound` where there was none."""
        found = self._book.rescues_of(task_id)
        if not found:
            raise NotFound(f"ticket {task_id} was never rescued: a rescue comes at 95 % of the SLA")
        return found

    def state(self) -> RescueState:
        """The groups of the policy, the idlest that is on shift first."""
        policy, at = self._rulebook.current().rescue, self._now()
        loads = self._book.loads([group.name for group in policy.groups])
        local = at.astimezone(ZoneInfo(policy.timezone))
        shown = []
        for group in policy.groups:
            load = loads.get(group.name, Load())
            shown.append(
                ShownGroup(
                    group=group.name,
                    open=load.open,
                    promised=load.promised,
                    room=policy.room_of(group),
                    capacity=group.capacity,
                    on_shift=group.is_on_shift(local),
                    hours=group.hours,
                    skills=group.skills,
                )
            )
        shown.sort(key=lambda each: (not each.on_shift, (each.open + each.promised) / each.capacity))
        return RescueState(
            at=at,
            timezone=policy.timezone,
            groups=tuple(shown),
            fast_track_enabled=policy.fast_track.enabled,
            on_fast_track=self._book.on_fast_track(),
            fast_track_at_most=policy.fast_track.at_most,
        )
