"""A picture in words, for whoever does not see it."""

from collections.abc import Iterator

from definitions.graph_model import EdgeKind, Graph, Node, NodeKind
from workers.pictures.path import Path, State
from workers.pictures.text import plain

_PLAIN = frozenset({NodeKind.JOIN, NodeKind.FORK, NodeKind.GATE})
_WAYS = {
    EdgeKind.NEXT: "then",
    EdgeKind.ERROR: "on error",
    EdgeKind.NO: "on a no",
    EdgeKind.ASYNC: "in the background",
    EdgeKind.LOOP: "again",
    EdgeKind.OTHERWISE: "otherwise",
    EdgeKind.UNDO: "undoes",
}


def described(graph: Graph, path: Path | None = None) -> str:
    """Every node with the ways on from it; for a ticket the nodes that it reached, in order."""
    if path is None:
        return " ".join([f"{plain(graph.about)}.", *(_ways(graph, node) for node in _named(graph))])
    reached = sorted((visit.order, name) for name, visit in path.visits.items() if visit.order is not None)
    steps = []
    for order, name in reached:
        visit = path.visits[name]
        state = "" if visit.state is State.DONE else f" ({visit.state.replace('_', ' ')})"
        said = "".join(f", {plain(line)}" for line in visit.lines)
        steps.append(f"{order}. {plain(graph.node[name].name)}{state}{said}.")
    return " ".join([f"{plain(path.about)}.", *steps])


def _named(graph: Graph) -> Iterator[Node]:
    return (node for node in graph.nodes if node.kind not in _PLAIN)


def _ways(graph: Graph, node: Node) -> str:
    word = f" ({node.word})" if node.word else ""
    ways = []
    for _, edge in graph.leaving(node.id):
        target = _name(graph, edge.target)
        why = _WAYS.get(edge.kind, "")
        labels = ", ".join(plain(label) for label in edge.labels)
        ways.append(f"{' '.join(part for part in (why, labels) if part) or 'then'}: {target}")
    return f"{plain(node.name)}{word}{' — ' if ways else ''}{'; '.join(ways)}."


def _name(graph: Graph, node_id: str) -> str:
    """A node's name; for what only joins lines, that of what comes next."""
    seen: set[str] = set()
    while graph.node[node_id].kind in _PLAIN and node_id not in seen:
        seen.add(node_id)
        onward = [edge.target for _, edge in graph.leaving(node_id) if edge.kind is not EdgeKind.LOOP]
        if not onward:
            break
        node_id = onward[0]
    return plain(graph.node[node_id].name) or "the end of the block"
