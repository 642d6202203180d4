"""Reading at the desk: what is shown, and how fresh it is."""

import pytest

from domain.errors import NotFound, StoreUnavailable
from domain.lifecycle import TicketState
from domain.ticket import EventKind, TicketEvent
from tests.fakes.store import NIGHT, a_view
from workers.ticket_workflows import EngineUnavailable


async def test_a_running_ticket_shows_itself(office):
    office.running()
    office.temporal.on_query["view"] = lambda _: a_view("T1", waiting_for="core bank")
    shown = await office.desk.reading.view("T1")
    assert (shown.as_of, shown.view.waiting_for) == ("live", "core bank")


async def test_without_a_worker_the_recorded_copy_is_shown_and_says_so(office):
    office.running(waiting_for="a worker")
    office.temporal.no_worker = True
    shown = await office.desk.reading.view("T1")
    assert (shown.as_of, shown.view.waiting_for) == ("recorded", "a worker")


async def test_an_ended_ticket_is_final_and_needs_no_worker(office):
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
    office.running()
    live, recorded = (
        TicketEvent(seq=1, at=NIGHT, kind=EventKind.OPENED, summary=text) for text in ("live", "recorded")
    )
    office.reader.events["T1"] = [recorded]
    office.temporal.on_query = {"view": lambda _: a_view("T1"), "timeline": lambda _: [live]}
    shown = await office.desk.reading.timeline(await office.desk.reading.view("T1"))
    assert (shown.as_of, shown.events) == ("live", (live,))
    office.temporal.no_worker = True
    shown = await office.desk.reading.timeline(await office.desk.reading.view("T1"))
    assert (shown.as_of, shown.events) == ("recorded", (recorded,))


@pytest.mark.parametrize("own", [2, 0])
async def test_a_ticket_that_was_continued_tells_its_whole_story(office, own):
    """Its present run knows what happened since; the store has what happened before."""
    office.running()
    events = [TicketEvent(seq=seq, at=NIGHT, kind=EventKind.OPENED, summary=str(seq)) for seq in range(1, 6)]
    office.reader.events["T1"] = events[: 5 - own + 1]
    office.temporal.on_query = {
        "view": lambda _: a_view("T1", last_seq=5),
        "timeline": lambda _: events[5 - own :],
    }
    shown = await office.desk.reading.timeline(await office.desk.reading.view("T1"))
    assert (shown.as_of, shown.events) == ("live", tuple(events))


async def test_the_desk_is_ready_when_temporal_and_the_store_answer(office):
    await office.desk.reading.check()
    office.reader.down = True
    with pytest.raises(StoreUnavailable):
        await office.desk.reading.check()
    office.temporal.down = True
    with pytest.raises(EngineUnavailable):
        await office.desk.reading.check()
