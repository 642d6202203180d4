"""A ticket's picture over HTTP."""

import pytest

from definitions.book import pin
from definitions.schema import Sop
from domain.lifecycle import TicketState
from domain.ticket import EventKind, TicketEvent
from tests.fakes.catalogue import CATALOGUE
from tests.fakes.store import NIGHT, a_view
from tests.support.problems import problem

PINNED = pin(
    Sop.model_validate({"name": "As it was", "steps": [{"name": "Papers", "handler": "auth_validator"}]}),
    CATALOGUE,
)
EVENTS = [TicketEvent(seq=1, at=NIGHT, kind=EventKind.STEP_STARTED, summary="", step_id="papers")]


@pytest.fixture
def ticket(office):
    office.running(last_seq=1)
    office.reader.events["T1"] = EVENTS
    office.temporal.on_query["sop"] = lambda _: PINNED
    return office


async def test_the_picture_is_of_the_pinned_sop_with_the_path(ticket):
    response = await ticket.get("/tickets/T1/graph")
    assert response.status_code == 200
    assert response.headers["content-type"] == "image/svg+xml"
    assert response.headers["content-security-policy"].startswith("default-src 'none'")
    assert ">As it was: ticket T1</title>" in response.text
    assert "▶ now · since 20:30" in response.text


async def test_it_comes_as_mermaid_too(ticket):
    response = await ticket.get("/tickets/T1/graph?format=mermaid")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.text.startswith("flowchart TD\n")
    problem(await ticket.get("/tickets/T1/graph?format=png"), 422, "input_invalid", "format")


async def test_a_ticket_that_has_ended_keeps_its_picture(ticket):
    ended = a_view("T1", state=TicketState.COMPLETED, closed_at=NIGHT)
    ticket.reader.views["T1"], ticket.reader.events["T1"] = ended, EVENTS
    assert "completed" in (await ticket.get("/tickets/T1/graph?format=mermaid")).text


async def test_whoever_may_not_read_the_ticket_may_not_see_its_picture(ticket):
    ticket.running(maker="mailbox")
    problem(await ticket.get("/tickets/T1/graph", "intake"), 404, "not_found")
    assert (await ticket.http.get("/tickets/T1/graph")).status_code == 401
    problem(await ticket.get("/tickets/T9/graph"), 404, "not_found")


async def test_a_ticket_that_is_not_open_yet_has_no_picture(ticket):
    ticket.temporal.on_query["sop"] = lambda _: None
    assert "not open yet" in problem(await ticket.get("/tickets/T1/graph"), 404, "not_found")


async def test_a_workflow_that_does_not_answer_is_503(ticket):
    del ticket.temporal.on_query["sop"]
    problem(await ticket.get("/tickets/T1/graph"), 503, "engine_unavailable")


async def test_a_ticket_whose_history_is_gone_is_drawn_from_the_rules_library(ticket):
    ended = a_view(
        "T1",
        state=TicketState.COMPLETED,
        closed_at=NIGHT,
        sop="As it was",
        sop_version=PINNED.version,
        sop_digest=PINNED.digest,
    )
    ticket.reader.views["T1"], ticket.reader.events["T1"] = ended, EVENTS
    drawn = (await ticket.get("/tickets/T1/graph")).text
    ticket.temporal.started.clear()
    told = problem(await ticket.get("/tickets/T1/graph"), 404, "not_found")
    assert "Temporal has no history of it" in told
    assert f"version {PINNED.version} of As it was (digest {PINNED.digest[:12]})" in told
    ticket.archive["As it was", PINNED.digest] = PINNED
    assert (await ticket.get("/tickets/T1/graph")).text == drawn
