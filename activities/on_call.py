"""Who is on call now: the roster in force, with the overrides that were given since."""

import logging
from collections.abc import Callable
from datetime import datetime

from activities.ports import RulebookSource
from activities.ports.pages import RosterOverrides
from domain.errors import StoreUnavailable
from domain.roster import Override, on_call

_LOG = logging.getLogger(__name__)


class OnCallLine:
    """Asked anew each time: people change while an alert is on its way."""

    def __init__(
        self, rulebook: RulebookSource, overrides: RosterOverrides, now: Callable[[], datetime]
    ) -> None:
        """`now` gives bank time."""
        self._rulebook = rulebook
        self._overrides = overrides
        self._now = now

    def of(self, group: str) -> tuple[str, ...]:
        """Whom to tell for a group, in order."""
        at = self._now()
        stored = overrides_in_force(self._overrides, at)
        return on_call(self._rulebook.current().roster, at, group=group, overrides=stored)


def overrides_in_force(overrides: RosterOverrides, at: datetime) -> tuple[Override, ...]:
    """A store that does not answer hides overrides, not the roster: somebody is told all the same."""
    try:
        return tuple(overrides.in_force(at))
    except StoreUnavailable as error:
        _LOG.warning("overrides of the roster cannot be read, so the file alone holds: %s", error)
        return ()
