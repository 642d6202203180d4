"""Whoever is on call in the night: they answer pages that ring them, as people do who were woken."""

import asyncio
from datetime import datetime, timedelta
from typing import Any, Final

from workers.demo.api import Api, Refused
from workers.demo.chronicle import Chronicle
from workers.demo.clock import NightClock

_READER: Final = "auditor"
_GLANCE_S: Final = 0.5
_REACTS_AFTER: Final = timedelta(minutes=9)
"""Bank time from the first ring: a second one comes before."""


class Watchkeeper:
    """Acknowledges each page some minutes after it began to ring; that decides nothing."""

    def __init__(self, api: Api, clock: NightClock, chronicle: Chronicle) -> None:
        self._api = api
        self._clock = clock
        self._chronicle = chronicle

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            listed = await self._api.get(_READER, "/on-call/pages", open_only=True, limit=100)
            for view in listed["pages"]:
                state = view["state"]
                since = datetime.fromisoformat(state["ringing_since"])
                if (
                    state["phase"] == "ringing"
                    and state["rung"]
                    and self._clock.now() - since > _REACTS_AFTER
                ):
                    await self._answer(view["page"], state["rung"][-1])
            await asyncio.sleep(_GLANCE_S)

    async def _answer(self, page: dict[str, Any], person: str) -> None:
        try:
            await self._api.post(person, f"/on-call/pages/{page['page_id']}/acknowledge", {})
        except Refused:
            return
        self._chronicle.tell(self._clock.now(), f"{person} answers the page: {page['subject']}")
