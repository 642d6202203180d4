"""The picture of an SOP, and of a ticket's way through it, as a Mermaid flowchart.

Only the oldest and plainest part of the syntax is used, and every label is quoted with all that could mean
something to Mermaid written as a character code.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from definitions.graph_model import REJECTED, Cluster, Edge, EdgeKind, Graph, Node, NodeKind
from workers.pictures.faces import Face, faces, label_lines
from workers.pictures.path import Path, State
from workers.pictures.style import LEGEND, PAINTS
from workers.pictures.text import plain

_SAFE: Final = frozenset(" .,-_()/+=?!·×…")
_SHAPES: Final[dict[NodeKind, tuple[str, str]]] = {
    NodeKind.CHECK: ("[", "]"),
    NodeKind.EFFECT: ("[/", "/]"),
    NodeKind.PERSON: ("([", "])"),
    NodeKind.PICK: ("([", "])"),
    NodeKind.WAIT: ("{{", "}}"),
    NodeKind.CALL: ("[[", "]]"),
    NodeKind.BLOCK: ("[/", "\\]"),
    NodeKind.GATE: ("{", "}"),
    NodeKind.UNDO: (">", "]"),
    NodeKind.FORK: ("((", "))"),
    NodeKind.JOIN: ("((", "))"),
}
_ROUND: Final = ("([", "])")
_PLAIN_LABELS: Final = {NodeKind.GATE: "?", NodeKind.FORK: "·", NodeKind.JOIN: "·"}
_DASHED: Final = frozenset({EdgeKind.ERROR, EdgeKind.NO, EdgeKind.OTHERWISE, EdgeKind.PICK, EdgeKind.ASYNC})
_FADED: Final = frozenset({State.PASSED, State.NOT_NEEDED})


def mermaid_of(graph: Graph, path: Path | None = None) -> str:
    """The flowchart; with a `path`, the way of a ticket on it."""
    ids = {node.id: f"n{number}_{_word(node.id)}" for number, node in enumerate(graph.nodes)}
    title = f"{graph.name}: ticket {path.task_id}" if path else graph.name
    lines = [
        "flowchart TD",
        f"  accTitle: {_statement(title)}",
        f"  accDescr: {_statement(path.about if path else graph.about)}",
        *_cluster(graph, None, ids, faces(graph, path), path),
        *(
            f"  {_edge(edge, ids, taken=path is not None and number in path.taken)}"
            for number, edge in enumerate(graph.edges)
        ),
        *_legend(graph),
        *_classes(graph, ids, path),
        *_line_styles(graph, path),
    ]
    return "\n".join(lines) + "\n"


def quoted(lines: Sequence[str]) -> str:
    """Lines of text as one quoted label."""
    return '"' + "<br/>".join(map(_coded, lines)) + '"'


def _coded(text: str) -> str:
    """The text with everything but letters, digits and harmless signs as character codes."""
    return "".join(each if each.isalnum() or each in _SAFE else f"#{ord(each)};" for each in plain(text))


def _statement(text: str) -> str:
    """Text that stands without quotes to the end of its line, where no code is understood."""
    return " ".join("".join(each if each.isalnum() or each in _SAFE else " " for each in plain(text)).split())


def _word(text: str) -> str:
    return "".join(each if each.isascii() and each.isalnum() else "_" for each in text)


def _cluster(
    graph: Graph, cluster: Cluster | None, ids: dict[str, str], shown: dict[str, Face], path: Path | None
) -> Iterator[str]:
    """The nodes of a cluster and the clusters inside it."""
    level = cluster.id if cluster else ""
    for node in graph.nodes:
        if node.cluster == level:
            yield f"  {ids[node.id]}{_node(node, shown[node.id], path)}"
    for number, inner in enumerate(graph.clusters):
        if inner.parent == level:
            name = graph.node[inner.entry].name
            yield f"  subgraph c{number}_{_word(inner.id)}[{quoted([name])}]"
            yield from (f"  {line}" for line in _cluster(graph, inner, ids, shown, path))
            yield "  end"


def _node(node: Node, face: Face, path: Path | None) -> str:
    before, after = _SHAPES.get(node.kind, _ROUND)
    lines = [text for text, _ in face.lines] or [_PLAIN_LABELS.get(node.kind, node.name)]
    visit = path.visits.get(node.id) if path else None
    if visit is not None and visit.order is not None:
        # "1. " would be a list to Mermaid.
        lines[0] = f"({visit.order}) {lines[0]}"
    return f"{before}{quoted(lines)}{after}"


def _edge(edge: Edge, ids: dict[str, str], *, taken: bool) -> str:
    dashed = edge.kind in _DASHED or edge.kind is EdgeKind.UNDO
    arrow = "==>" if taken and not dashed else "-.->" if dashed else "-->"
    label = label_lines(edge) or (
        {EdgeKind.LOOP: ["again"], EdgeKind.ASYNC: ["in the background"]}.get(edge.kind, [])
    )
    text = f"|{quoted(label)}|" if label else ""
    return f"{ids[edge.source]} {arrow}{text} {ids[edge.target]}"


def _legend(graph: Graph) -> Iterator[str]:
    """The shapes that occur, explained; nothing leads to them."""
    kinds = {node.kind for node in graph.nodes}
    yield '  subgraph legend["Legend"]'
    for kind, words in LEGEND:
        if kind in kinds:
            before, after = _SHAPES.get(kind, _ROUND)
            yield f"    legend_{kind}{before}{quoted([words])}{after}"
    yield "  end"


def _classes(graph: Graph, ids: dict[str, str], path: Path | None) -> Iterator[str]:
    """Colours by kind, and for a ticket what it did."""
    members: dict[str, list[str]] = {}
    kinds = {node.kind for node in graph.nodes}
    for node in graph.nodes:
        members.setdefault(f"k_{node.kind}", []).append(ids[node.id])
    for kind, _ in LEGEND:
        if kind in kinds:
            members.setdefault(f"k_{kind}", []).append(f"legend_{kind}")
    for kind in sorted(kinds):
        paint = PAINTS[kind]
        dashes = ",stroke-dasharray:4 3" if kind in (NodeKind.PICK, NodeKind.UNDO) else ""
        yield f"  classDef k_{kind} fill:{paint.fill},stroke:{paint.stroke},color:#1a2330{dashes}"
    if path is not None:
        for name, visit in path.visits.items():
            state = "s_passed" if visit.state in _FADED else f"s_{visit.state}"
            if visit.state is not State.AHEAD:
                members.setdefault(state, []).append(ids[name])
        yield "  classDef s_done stroke-width:3px"
        yield "  classDef s_current stroke:#e0a100,stroke-width:5px"
        yield "  classDef s_failed stroke:#c02626,stroke-width:4px"
        yield "  classDef s_refused stroke:#c02626,stroke-width:4px"
        yield "  classDef s_skipped stroke-dasharray:6 4"
        yield "  classDef s_passed opacity:0.45"
    for style, names in members.items():
        yield f"  class {','.join(names)} {style}"


def _line_styles(graph: Graph, path: Path | None) -> Iterator[str]:
    """What the arrows alone do not tell: undoing, and the dashed edges that a ticket took."""
    undoing = [number for number, edge in enumerate(graph.edges) if edge.kind is EdgeKind.UNDO]
    if undoing:
        yield f"  linkStyle {_numbers(undoing)} stroke-dasharray:1 5"
    if path is None:
        return
    for number in sorted(path.taken):
        edge = graph.edges[number]
        is_bad = edge.kind in (EdgeKind.ERROR, EdgeKind.NO) or edge.target == REJECTED
        yield f"  linkStyle {number} stroke:{'#c02626' if is_bad else '#12508f'},stroke-width:3px"


def _numbers(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers))
