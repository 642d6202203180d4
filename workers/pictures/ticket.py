"""The picture of one ticket: the SOP that it pinned, and its way through it."""

from collections.abc import Sequence
from typing import Literal
from zoneinfo import ZoneInfo

from definitions.book import PinnedSop
from definitions.graph import graph_of
from definitions.graph_model import Graph
from domain.ticket import TicketEvent, TicketView
from workers.pictures.mermaid import mermaid_of
from workers.pictures.path import Path, path_of
from workers.pictures.svg import svg_of

Format = Literal["svg", "mermaid"]


def picture(graph: Graph, wanted: Format, path: Path | None = None) -> str:
    """The graph as one document of the format that is wanted."""
    return svg_of(graph, path) if wanted == "svg" else mermaid_of(graph, path)


def ticket_picture(
    pinned: PinnedSop, view: TicketView, events: Sequence[TicketEvent], zone: ZoneInfo, wanted: Format
) -> str:
    """The picture of a ticket, from its pinned SOP and its timeline."""
    graph = graph_of(pinned.sop, pinned.handlers, pinned.called)
    return picture(graph, wanted, path_of(graph, view, events, zone))
