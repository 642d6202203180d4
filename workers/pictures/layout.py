"""Where everything in the picture of an SOP stands: sequences in layers, blocks as boxes within boxes.

What belongs to one step (its fallback, its undoing, a no that ends the ticket) stands beside it; everything
else has a row of its own kind. `routing` draws the lines between the rows.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from definitions.graph_model import COMPLETED, REJECTED, START, Edge, EdgeKind, Graph, NodeKind
from workers.pictures.geometry import Box, Line, Plan, Size, without_repeats
from workers.pictures.layering import Way, arrange
from workers.pictures.routing import Cell, route_rows

_PAD: Final = 18.0
_LOOP: Final = 16.0
_ELBOW: Final = 12.0
_STACK: Final = 12.0
_LANES: Final = 26.0
_TO_LANES: Final = 40.0
_STUB: Final = Size(96.0, 24.0)

_STEPS: Final = frozenset(
    {NodeKind.CHECK, NodeKind.EFFECT, NodeKind.PERSON, NodeKind.WAIT, NodeKind.CALL, NodeKind.BLOCK}
)
_DETOURS: Final = frozenset({EdgeKind.ERROR, EdgeKind.NO, EdgeKind.PICK})

LabelSize = Callable[[Edge], Size | None]


def lay_out(graph: Graph, sizes: Mapping[str, Size], label_size: LabelSize) -> Plan:
    """The plan of a graph whose nodes have these sizes. The upper left corner of everything is (0, 0)."""
    made = _Layout(graph, sizes, label_size).sequence("", START, COMPLETED)
    extent = made.extent()
    plan = Plan()
    plan.add(made, -extent.left, -extent.top)
    return plan


@dataclass
class _Belongings:
    """What stands beside a node, by side."""

    nodes: list[tuple[str, int]] = field(default_factory=list)
    stubs: list[int] = field(default_factory=list)


class _Layout:
    def __init__(self, graph: Graph, sizes: Mapping[str, Size], label_size: LabelSize) -> None:
        self._graph = graph
        self._sizes = sizes
        self._label_size = label_size
        self._cluster = {cluster.id: cluster for cluster in graph.clusters}
        self._beside: dict[str, _Belongings] = defaultdict(_Belongings)
        self._members: dict[str, list[str]] = defaultdict(list)
        self._level: dict[int, str | None] = {}
        self._ways: dict[str, list[int]] = defaultdict(list)
        self._sort()

    def _sort(self) -> None:
        """Puts every node and every edge where it belongs: beside a node, or in a sequence."""
        graph = self._graph
        for node in graph.nodes:
            if node.id == REJECTED:
                continue
            if node.owner:
                self._beside[node.owner].nodes.append((node.id, _edge_beside(graph, node.id, node.owner)))
            elif node.id not in self._cluster:
                self._members[node.cluster].append(node.id)
        for cluster in graph.clusters:
            if not cluster.is_lane:
                self._members[cluster.parent].append(cluster.id)
            self._members[cluster.id].insert(0, cluster.id)
        for number, edge in enumerate(graph.edges):
            if edge.kind is EdgeKind.LOOP:
                continue
            common = self._levels(edge.source) & self._levels(edge.target)
            if edge.target == REJECTED or not common:
                self._beside[edge.source].stubs.append(number)
                continue
            level = max(common, key=self._depth)
            if self._vertex(edge.source, level) != self._vertex(edge.target, level):
                self._ways[level].append(number)

    def _levels(self, node_id: str) -> set[str]:
        """The sequences in which edges can meet this node: its own, and for a block's ends the one around."""
        inside = self._graph.node[node_id].cluster
        cluster = self._cluster.get(inside)
        if cluster is not None and node_id in (cluster.entry, cluster.exit):
            return {inside, cluster.parent}
        return {inside}

    def _depth(self, cluster: str) -> int:
        depth = 0
        while cluster:
            cluster = self._cluster[cluster].parent
            depth += 1
        return depth

    def _vertex(self, node_id: str, level: str) -> str:
        """What stands for a node in a sequence: itself, the node that it belongs to, or the block around."""
        node = self._graph.node[node_id]
        while True:
            if node.cluster != level:
                inside = node.cluster
                while self._cluster[inside].parent != level:
                    inside = self._cluster[inside].parent
                return inside
            if not node.owner:
                return node.id
            node = self._graph.node[node.owner]

    def sequence(self, level: str, start: str, end: str) -> Plan:
        """The plan of one sequence; its main line is at x = 0."""
        graph = self._graph
        cells = {
            name: self._cell(name, own=name == level or name not in self._cluster)
            for name in self._members[level]
        }
        ways = []
        for number in self._ways[level]:
            edge = graph.edges[number]
            source = self._vertex(edge.source, level)
            boxes = cells[source].plan.boxes
            shift = boxes[edge.source].x if edge.source in boxes and edge.source != source else 0.0
            ways.append(
                Way(
                    number,
                    source,
                    self._vertex(edge.target, level),
                    self._label_size(edge) is not None,
                    side=0 if abs(shift) < 1 else 1 if shift > 0 else -1,
                    is_detour=edge.kind in _DETOURS,
                )
            )
        steps = frozenset(name for name in cells if graph.node[name].kind in _STEPS and "/" not in name)
        rows = arrange(list(cells), ways, start, end, steps)
        labels = {way.edge: self._label_size(graph.edges[way.edge]) for way in ways}
        return route_rows(graph, rows, ways, cells, labels)

    def _cell(self, name: str, *, own: bool) -> Cell:
        """A box with what stands beside it. `own`: the node itself, not the block that it opens."""
        if own:
            size = self._sizes[name]
            plan = Plan(boxes={name: Box(0, 0, size.width, size.height)})
            main = plan.boxes[name]
            leaving = [name]
        else:
            plan, main = self._block(name)
            leaving = [name, self._cluster[name].exit]
        # The block's own node opens its sequence: what belongs to it stands beside the block.
        if not (own and name in self._cluster):
            for each in leaving:
                self._attach(plan, each, main, side=0)
        return Cell(plan, main)

    def _attach(self, plan: Plan, name: str, main: Box, side: int) -> None:
        """Puts what belongs to a node on its sides; `side` 0 is a node of the row, which has two."""
        stacks: dict[int, list[tuple[int, Plan, Box, str]]] = {-1: [], 1: []}
        belongings = self._beside.get(name, _Belongings())
        for number in belongings.stubs:
            box = Box(0, 0, _STUB.width, _STUB.height)
            stacks[side or 1].append((number, Plan(stubs={number: box}), box, ""))
        for kid, number in sorted(belongings.nodes, key=lambda each: self._leaves(each[0])):
            size = self._sizes[kid]
            box = Box(0, 0, size.width, size.height)
            part = Plan(boxes={kid: box})
            to = side or (1 if self._graph.edges[number].kind is EdgeKind.ERROR else -1)
            self._attach(part, kid, box, to)
            stacks[to].append((number, part, box, kid))
        for to, stack in stacks.items():
            if stack:
                self._stack(plan, main, to, stack)

    def _leaves(self, node_id: str) -> int:
        """How many lines go down from a node: it must be the lowest on its side."""
        return len(self._ways_of(node_id))

    def _ways_of(self, node_id: str) -> list[int]:
        return [
            number
            for number, edge in self._graph.leaving(node_id)
            if edge.target != REJECTED and edge.kind is not EdgeKind.UNDO
        ]

    def _stack(self, plan: Plan, main: Box, to: int, stack: list[tuple[int, Plan, Box, str]]) -> None:
        extents = [part.extent() for _, part, _, _ in stack]
        height = sum(extent.height for extent in extents) + _STACK * (len(stack) - 1)
        y = main.y - height / 2
        labels = [self._label_size(self._graph.edges[number]) for number, *_ in stack]
        gap = 2 * _ELBOW + 8 + max((label.width + 8 for label in labels if label), default=0)
        side = main.right if to > 0 else main.left
        pitch = min(16.0, main.height / (len(stack) + 1))
        for index, ((number, part, box, _), extent, label) in enumerate(
            zip(stack, extents, labels, strict=True)
        ):
            x = side + to * (gap + box.width / 2)
            centre = y - extent.top
            plan.add(part, x, centre)
            y += extent.height + _STACK
            port = main.y + (index - (len(stack) - 1) / 2) * pitch
            bend = side + to * _ELBOW
            points = [(side, port), (bend, port), (bend, centre), (x - to * box.width / 2, centre)]
            if self._graph.edges[number].kind is EdgeKind.UNDO:
                points.reverse()
            at = None
            if label:
                middle = bend + to * (gap - _ELBOW - 6) / 2
                at = Box(middle, centre - label.height / 2 - 3, label.width, label.height)
            plan.lines[number] = Line(without_repeats(points), at)

    def _block(self, name: str) -> tuple[Plan, Box]:
        """A block with its steps, framed; around (0, 0)."""
        cluster = self._cluster[name]
        lanes = [each for each in self._graph.clusters if each.parent == name and each.is_lane]
        inner = (
            self._parallel(name, [lane.id for lane in lanes])
            if lanes
            else self.sequence(name, cluster.entry, cluster.exit)
        )
        extent = inner.extent()
        entry, end = inner.boxes[cluster.entry], inner.boxes[cluster.exit]
        right = extent.right + _PAD
        for number, edge in self._graph.leaving(cluster.exit):
            if edge.kind is EdgeKind.LOOP:
                turn = extent.right + _LOOP
                points = ((end.right, end.y), (turn, end.y), (turn, entry.y), (entry.right, entry.y))
                inner.lines[number] = Line(points)
                right = turn + _PAD
        frame = Box.between(extent.left - _PAD, entry.top - _PAD, right, end.bottom + _PAD)
        inner.frames[name] = frame
        plan = Plan()
        plan.add(inner, 0, -frame.y)
        return plan, plan.frames[name]

    def _parallel(self, name: str, lanes: list[str]) -> Plan:
        """The sequences of a parallel step side by side, below its node."""
        cluster = self._cluster[name]
        entry, end = self._sizes[cluster.entry], self._sizes[cluster.exit]
        parts = []
        for lane in lanes:
            part = self.sequence(lane, lane, self._cluster[lane].exit)
            extent = part.extent()
            bottom = part.boxes[self._cluster[lane].exit].y
            part.frames[lane] = Box.between(
                extent.left - _PAD, extent.top - _PAD, extent.right + _PAD, bottom + _PAD
            )
            parts.append((lane, part, part.extent()))
        plan = Plan(boxes={cluster.entry: Box(0, 0, entry.width, entry.height)})
        top = plan.boxes[cluster.entry].bottom + _TO_LANES
        lowest = top + max(extent.height for *_, extent in parts)
        plan.boxes[cluster.exit] = Box(0, lowest + _TO_LANES, end.width, end.height)
        x = -(sum(extent.width for *_, extent in parts) + _LANES * (len(parts) - 1)) / 2
        for lane, part, extent in parts:
            plan.add(part, x - extent.left, top - extent.top)
            x += extent.width + _LANES
            self._to_lane(plan, cluster.entry, lane, plan.boxes[cluster.entry].bottom + _TO_LANES / 2)
            self._to_lane(plan, self._cluster[lane].exit, cluster.exit, lowest + _TO_LANES / 2)
        return plan

    def _to_lane(self, plan: Plan, source: str, target: str, y: float) -> None:
        number = next(number for number, edge in self._graph.leaving(source) if edge.target == target)
        start, end = plan.boxes[source], plan.boxes[target]
        points = [(start.x, start.bottom), (start.x, y), (end.x, y), (end.x, end.top)]
        plan.lines[number] = Line(without_repeats(points))


def _edge_beside(graph: Graph, node_id: str, owner: str) -> int:
    """The number of the edge between a node and the one that it belongs to."""
    return next(
        number for number, edge in enumerate(graph.edges) if {edge.source, edge.target} == {node_id, owner}
    )
