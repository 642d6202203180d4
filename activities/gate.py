"""The duty gate: may an effect of this risk run by itself at this hour?"""

import threading
import time
from typing import Final

import structlog

from activities.catalogue import task
from activities.messages import GateQuestion
from activities.ports import RulebookSource
from activities.ports.duty import StandingSource
from domain.duty import GateVerdict
from domain.errors import StoreUnavailable
from domain.standing import Standing, decide, decide_unsure, kind_of

TRUSTED_S: Final = 600.0
"""Real seconds for which what was last read counts while the store is silent."""

_log = structlog.get_logger(__name__)


class GateActivities:
    """Duty × risk by the duty policy in force now, not by that of the ticket's start.

    An override of the mode and withdrawn authority are read at each decision. Without an answer of the store
    the decision is made all the same, on the safe side (`domain.standing.decide_unsure`): whoever is on call
    must be paged while the store is down, and no effect begins before the store has recorded it anyway.
    """

    def __init__(self, rulebook: RulebookSource, standing: StandingSource | None = None) -> None:
        """`standing` None: there are no overrides and no withdrawals."""
        self._rulebook = rulebook
        self._standing = standing
        self._known: tuple[float, GateQuestion, Standing] | None = None
        self._lock = threading.Lock()

    @task
    def decide_gate(self, question: GateQuestion) -> GateVerdict:
        """Decides one effect at this instant of bank time."""
        duty, works = self._rulebook.current().duty, self._rulebook.is_working_day
        kind = kind_of(question.category, question.action)
        if self._standing is None:
            return decide(duty, question.risk, question.now, works, Standing())
        try:
            standing = self._standing.standing(question.now)
        except StoreUnavailable as error:
            _log.warning("gate.store_silent", error=str(error))
            return decide_unsure(duty, question.risk, question.now, works, self._last_known(), kind=kind)
        with self._lock:
            # A shadow run asks about an hour that is over.
            if self._known is None or question.now >= self._known[1].now:
                self._known = time.monotonic(), question, standing
        return decide(duty, question.risk, question.now, works, standing, kind=kind)

    def _last_known(self) -> Standing | None:
        with self._lock:
            known = self._known
        if known is None or time.monotonic() - known[0] > TRUSTED_S:
            return None
        return known[2]
