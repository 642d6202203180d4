"""SVG documents: well formed whatever the names are, self-contained, and readable without seeing them."""

from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from definitions.graph import graph_of
from definitions.graph_model import Graph
from definitions.schema import Sop
from domain.lifecycle import TicketState
from domain.ticket import EventKind, TicketEvent
from tests.fakes.catalogue import CATALOGUE
from tests.fakes.sops import everything, sops
from tests.fakes.store import NIGHT, a_view
from workers.pictures.path import Path, path_of
from workers.pictures.svg import svg_of

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = st.text(st.sampled_from("aB 9\"'<>&;]}#|`\\%\n\t冻结\u202e\x00é"), min_size=1, max_size=40)


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - our own document


def drawn() -> Graph:
    sop, called = everything()
    return graph_of(sop, CATALOGUE, called)


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in parsed(svg).iter(f"{SVG}text")]


def on_the_way(graph: Graph) -> Path:
    events = [
        TicketEvent(seq=1, at=NIGHT, kind=EventKind.STEP_STARTED, summary="", step_id="papers"),
        TicketEvent(
            seq=2, at=NIGHT, kind=EventKind.STEP_DONE, summary="", step_id="papers", data={"outcome": "done"}
        ),
        TicketEvent(seq=3, at=NIGHT, kind=EventKind.STEP_STARTED, summary="", step_id="repair"),
    ]
    view = a_view("T-7", state=TicketState.REVIEWING)
    return path_of(graph, view, events, ZoneInfo("Asia/Shanghai"))


@settings(max_examples=60, deadline=None)
@given(sops(names=HOSTILE))
def test_any_name_gives_a_well_formed_document(sop: Sop):
    root = parsed(svg_of(graph_of(sop, CATALOGUE)))
    allowed = {"svg", "title", "desc", "style", "defs", "marker", "path", "rect", "circle", "text", "g"}
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= allowed


def test_a_picture_fetches_nothing_and_runs_nothing():
    svg = svg_of(drawn())
    assert "http" not in svg.replace('xmlns="http://www.w3.org/2000/svg"', "")
    for word in ("<script", "<image", "<use", "@import", "@font-face", "href", "onload"):
        assert word not in svg


def test_it_has_a_title_a_description_and_a_legend():
    sop, _ = everything()
    root = parsed(svg_of(drawn()))
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == sop.name
    description = root.findtext(f"{SVG}desc") or ""
    assert "Papers (control)" in description
    assert "on error bank_unavailable: Repair" in description
    assert "Legend" in texts(svg_of(drawn()))


def test_it_has_colours_for_light_and_for_dark():
    assert "@media (prefers-color-scheme:dark)" in svg_of(drawn())
    assert "@media (prefers-reduced-motion:no-preference)" in svg_of(drawn())


def test_a_ticket_is_shown_with_its_time_and_place():
    graph = drawn()
    svg = svg_of(graph, on_the_way(graph))
    written = texts(svg)
    assert "04:30 · done" in written
    assert "▶ now · since 04:30" in written
    assert 'class="pulse"' in svg
    description = parsed(svg).findtext(f"{SVG}desc") or ""
    assert "1. Papers, 04:30 · done. 2. Repair (current)" in description


def test_every_node_says_in_words_what_it_is():
    written = texts(svg_of(drawn()))
    for word in (
        "control",
        "effect on the bank",
        "message",
        "notice",
        "decision",
        "work by hand",
        "wait",
        "call",
        "for each",
        "repeat",
        "in parallel",
        "no route",
        "↺ undoes",
        "✕ Rejected",
        "Completed",
        "otherwise",
    ):
        assert word in written, word
