"""What is written on each node and each edge, and how large that makes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from definitions.graph_model import Edge, EdgeKind, Graph, Node, NodeKind
from workers.pictures.geometry import Size
from workers.pictures.path import Path, State, Visit
from workers.pictures.text import plain, width, wrapped

_WIDTH: Final = 224.0
_INSET: Final = 18.0
_ROW: Final = {"word": 14.0, "name": 17.0, "fact": 15.0, "said": 15.0, "bad-said": 15.0, "label": 14.0}
_FONT: Final = {"word": 10.5, "name": 13.0, "fact": 11.0, "said": 11.0, "bad-said": 11.0, "label": 11.0}
_BOLD: Final = frozenset({"name", "said", "bad-said"})
_LABEL_ROOM: Final = 230.0
_PLAIN: Final[Mapping[NodeKind, Size]] = {
    NodeKind.GATE: Size(30, 22),
    NodeKind.FORK: Size(28, 6),
    NodeKind.JOIN: Size(10, 10),
}
_SMALL: Final = frozenset({NodeKind.START, NodeKind.COMPLETED, NodeKind.LANE, NodeKind.REJECTED})
_MARKS: Final = {
    State.FAILED: "✕ failed",
    State.REFUSED: "✕ ended here",
    State.SKIPPED: "skipped by an operator",
    State.NOT_NEEDED: "not needed",
    State.CURRENT: "▶ now",
}


@dataclass(frozen=True)
class Face:
    """The lines on a node, each with its class, and the node's size."""

    lines: tuple[tuple[str, str], ...]
    size: Size

    @staticmethod
    def row(style: str) -> float:
        """How high a line of this class is."""
        return _ROW[style]


def faces(graph: Graph, path: Path | None) -> dict[str, Face]:
    """The face of every node."""
    return {node.id: _face(node, path.visits.get(node.id) if path else None) for node in graph.nodes}


def label_lines(edge: Edge) -> list[str]:
    """What is written on an edge."""
    if edge.kind is EdgeKind.OTHERWISE:
        return ["otherwise"]
    if edge.kind in (EdgeKind.ASYNC, EdgeKind.LOOP):
        return []
    text = ", ".join(
        plain(label) if edge.kind is EdgeKind.WHEN else label.replace("_", " ") for label in edge.labels
    )
    if edge.kind is EdgeKind.WHEN:
        text = f"when {text}"
    return wrapped(text, _FONT["label"], _LABEL_ROOM, 4)


def label_size(edge: Edge) -> Size | None:
    """The size of what is written on an edge; None where that is nothing."""
    lines = label_lines(edge)
    if not lines:
        return None
    return Size(max(width(line, _FONT["label"]) for line in lines) + 8, _ROW["label"] * len(lines) + 2)


def _face(node: Node, visit: Visit | None) -> Face:
    if node.kind in _PLAIN:
        return Face((), _PLAIN[node.kind])
    lines: list[tuple[str, str]] = []
    if node.kind in _SMALL:
        lines.append((plain(node.name), "name"))
    else:
        room = _WIDTH - 2 * _INSET
        lines.append((_word(node), "word"))
        lines += [(line, "name") for line in wrapped(node.name, _FONT["name"], room, 2, bold=True)]
        for fact in node.facts:
            lines += [(line, "fact") for line in wrapped(fact, _FONT["fact"], room, 2)]
    if visit is not None:
        lines += _said(visit)
    height = sum(_ROW[style] for _, style in lines) + (8 if node.kind in _SMALL else 16)
    widest = max(width(text, _FONT[style], bold=style in _BOLD) for text, style in lines)
    return Face(tuple(lines), Size(max(70.0, widest + 32) if node.kind in _SMALL else _WIDTH, height))


def _word(node: Node) -> str:
    return ("↺ " if node.kind is NodeKind.UNDO else "") + node.word


def _said(visit: Visit) -> list[tuple[str, str]]:
    """What a ticket adds to a node."""
    room = _WIDTH - 2 * _INSET
    is_bad = visit.state in (State.FAILED, State.REFUSED)
    style = "bad-said" if is_bad else "said"
    lines: list[tuple[str, str]] = []
    said = list(visit.lines[:6]) if visit.state is not State.NOT_NEEDED else []
    if visit.state in _MARKS:
        said = [" · ".join([_MARKS[visit.state], *said[:1]]), *said[1:]]
    for each in said:
        lines += [(line, style) for line in wrapped(each, _FONT[style], room, 2, bold=True)]
    return lines
