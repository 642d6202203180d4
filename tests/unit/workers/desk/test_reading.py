"""Reading at the desk: what is shown, and how fresh it is."""

import pytest

from domain.errors import NotFound, StoreUnavailable
from domain.lifecycle import TicketState
from domain.ticket import EventKind, TicketEvent
from tests.fakes.store import NIGHT, a_view
from workers.ticket_workflows import EngineUnavailable


def unrecorded(office) -> None:
    """T1 runs, and the store does not have it yet."""
    office.running()
    del office.reader.views["T1"]


async def test_a_running_ticket_is_shown_as_it_was_last_recorded(office):
    """No query: one that meets a local activity under way could change what a replay of the run sees."""
    office.running(waiting_for="core bank")
    shown = await office.desk.reading.view("T1")
    assert (shown.as_of, shown.view.waiting_for) == ("recorded", "core bank")
    assert office.temporal.queries == []


async def test_a_ticket_that_was_not_recorded_yet_shows_itself(office):
    unrecorded(office)
    office.temporal.on_query["view"] = lambda _: a_view("T1", waiting_for="nobody")
    shown = await office.desk.reading.view("T1")
    assert (shown.as_of, shown.view.waiting_for) == ("live", "nobody")


async def test_the_recorded_copy_needs_no_worker_and_no_server(office):
    office.running(state=TicketState.COMPLETED)
    office.temporal.down = True
    assert (await office.desk.reading.view("T1")).as_of == "recorded"


async def test_a_lost_store_loses_nothing_while_the_workflow_answers(office):
    office.running()
    office.temporal.on_query["view"] = lambda _: a_view("T1")
    office.reader.down = True
    assert (await office.desk.reading.view("T1")).as_of == "live"


async def test_when_neither_can_tell_it_says_so(office):
    office.temporal.down = True
    with pytest.raises(EngineUnavailable):
        await office.desk.reading.view("T1")


async def test_an_unknown_ticket_is_not_found(office):
    with pytest.raises(NotFound, match="T9"):
        await office.desk.reading.view("T9")


async def test_the_timeline_comes_from_where_the_view_came_from(office):
    live, recorded = (
        TicketEvent(seq=1, at=NIGHT, kind=EventKind.OPENED, summary=text) for text in ("live", "recorded")
    )
    unrecorded(office)
    office.temporal.on_query = {"view": lambda _: a_view("T1"), "timeline": lambda _: [live]}
    shown = await office.desk.reading.timeline(await office.desk.reading.view("T1"))
    assert (shown.as_of, shown.events) == ("live", (live,))
    office.running()
    office.reader.events["T1"] = [recorded]
    shown = await office.desk.reading.timeline(await office.desk.reading.view("T1"))
    assert (shown.as_of, shown.events) == ("recorded", (recorded,))


async def test_the_desk_is_ready_when_temporal_and_the_store_answer(office):
    await office.desk.reading.check()
    office.reader.down = True
    with pytest.raises(StoreUnavailable):
        await office.desk.reading.check()
    office.temporal.down = True
    with pytest.raises(EngineUnavailable):
        await office.desk.reading.check()
