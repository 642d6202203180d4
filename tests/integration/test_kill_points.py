"""SIGKILL of the worker at every boundary of an activity: nothing is lost, and the bank acts once.

The boundaries are those that a ticket passes today: a first ticket runs untouched and is watched.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.killable_worker import CrashSite, Submitted, crash_site

COMMITS_THEN_TIMES_OUT = {"kind": "commit_then_timeout", "delay_s": 5}
COMMITS_LATE = {"kind": "slow", "delay_s": 0.8}
"""Longer than the worker waits for the bank here."""

_FIRST_ATTEMPT = ", attempt 1"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[CrashSite]:
    with crash_site(tmp_path) as running:
        yield running


async def watched(site: CrashSite) -> tuple[Submitted, list[str]]:
    """A ticket that nobody disturbs, and the boundaries that it passed."""
    ticket = await site.submit(await site.temporal.client())
    await site.check(ticket)
    return ticket, site.boundaries(ticket)


async def kill_at_each(site: CrashSite, fault: dict[str, Any] | None) -> None:
    """One ticket and one death for each boundary; the deaths also hit the tickets that still recover."""
    site.bank.put("/faults", json=[fault] if fault else []).raise_for_status()
    untouched, boundaries = await watched(site)
    assert {each.split()[1] for each in boundaries} >= {
        "open_ticket",
        "core_system_freeze",
        "record_progress",
    }
    # The longest recoveries first: a freeze that nobody answers for is given up after its 30 seconds.
    boundaries.sort(key=lambda each: "core_system_freeze" not in each)
    client = await site.temporal.client()
    tickets = [untouched]
    for boundary in boundaries:
        tickets.append(await site.submit(client, die_at=boundary))
        await site.killed(tickets[-1])
    await site.check(*tickets)


@pytest.mark.timeout(240)
async def test_a_worker_killed_at_any_boundary_while_the_bank_commits_and_times_out(site: CrashSite) -> None:
    await kill_at_each(site, COMMITS_THEN_TIMES_OUT)


@pytest.mark.full
@pytest.mark.timeout(240)
@pytest.mark.parametrize("fault", [None, COMMITS_LATE], ids=["bank is well", "bank commits late"])
async def test_a_worker_killed_at_any_boundary(site: CrashSite, fault: dict[str, Any] | None) -> None:
    await kill_at_each(site, fault)


@pytest.mark.full
@pytest.mark.timeout(240)
async def test_workers_that_die_again_and_again_under_many_tickets(site: CrashSite) -> None:
    site.bank.put("/faults", json=[COMMITS_THEN_TIMES_OUT]).raise_for_status()
    untouched, boundaries = await watched(site)
    client = await site.temporal.client()
    # Each death hits the other tickets wherever they are, so some never pass their own boundary.
    tickets = [
        await site.submit(client, die_at=boundary)
        for boundary in boundaries
        if boundary.endswith(_FIRST_ATTEMPT)
    ]
    await site.check(untouched, *tickets)
