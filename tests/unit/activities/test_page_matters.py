"""Whether what a page is about is still open."""

from datetime import timedelta

from activities.page_matters import moved_since, over_because
from domain.alert_pages import Matter
from domain.lifecycle import TicketState
from domain.ticket import EventKind, TicketEvent
from tests.fakes.store import NIGHT, FakeReader, a_review, a_view

TICKET, QUESTION = Matter(task_id="T1"), Matter(task_id="T1", review_id="R1")


def reader(**changes: object) -> FakeReader:
    found = FakeReader()
    found.views["T1"] = a_view("T1", **changes)
    return found


def test_a_question_is_over_when_it_is_asked_no_more() -> None:
    assert over_because(reader(open_reviews=(a_review("R1"),)), [QUESTION]) == ""
    assert over_because(reader(open_reviews=(a_review("R2"),)), [QUESTION]) == "decided"


def test_a_ticket_is_over_when_it_has_ended() -> None:
    assert over_because(reader(), [TICKET]) == ""
    assert over_because(reader(state=TicketState.REJECTED), [TICKET]) == "the ticket is rejected"


def test_a_page_about_several_is_over_when_all_are() -> None:
    tickets = reader(state=TicketState.COMPLETED)
    tickets.views["T2"] = a_view("T2")
    assert over_because(tickets, [TICKET, Matter(task_id="T2")]) == ""
    tickets.views["T2"] = a_view("T2", state=TicketState.CANCELLED)
    assert over_because(tickets, [TICKET, Matter(task_id="T2")]) == "the ticket is completed"


def test_what_nobody_knows_is_open() -> None:
    assert over_because(FakeReader(), [TICKET]) == ""
    assert over_because(FakeReader(), []) == ""


def test_a_person_moves_a_matter_and_opsloop_itself_does_not() -> None:
    tickets = reader()
    at = NIGHT + timedelta(minutes=5)
    event = TicketEvent(seq=1, at=at, kind=EventKind.STEP_DONE, summary="done", actor="opsloop")
    tickets.events["T1"] = [event]
    assert not moved_since(tickets, [TICKET], NIGHT)
    tickets.events["T1"] = [event.model_copy(update={"actor": "duty.yang"})]
    assert moved_since(tickets, [TICKET], NIGHT)
    assert not moved_since(tickets, [TICKET], at)
