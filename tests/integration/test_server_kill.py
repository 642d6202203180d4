"""SIGKILL of the Temporal server under running tickets: what it acknowledged ends, once at the bank."""

import asyncio
from pathlib import Path

import pytest

from tests.support.killable_worker import Submitted, crash_site

_MOMENTS_S = (0.0, 0.15, 0.4, 0.8)
"""How long after the last acknowledgement the server dies: at starts, checks, freezes, notices."""
_TICKETS_A_MOMENT = 3


@pytest.mark.timeout(240)
async def test_every_acknowledged_ticket_ends_though_the_server_is_killed_again_and_again(
    tmp_path: Path,
) -> None:
    with crash_site(tmp_path) as site:
        tickets: list[Submitted] = []
        caught = 0
        for moment in _MOMENTS_S:
            client = await site.temporal.client()
            tickets += [await site.submit(client) for _ in range(_TICKETS_A_MOMENT)]
            await asyncio.sleep(moment)
            caught += sum(site.is_running(ticket) for ticket in tickets)
            site.temporal.kill()
            site.temporal.start()
        assert caught >= _TICKETS_A_MOMENT, "the server only died while nothing ran"
        await site.check(*tickets)
