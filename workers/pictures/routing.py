"""Lines between the rows of one sequence: columns become places, and every turn gets a track of its own."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from definitions.graph_model import EdgeKind, Graph, NodeKind
from workers.pictures.geometry import Box, Line, Plan, Point, Size, without_repeats
from workers.pictures.layering import Chain, Rows, Spot, Way

_APART: Final = 26.0
_BESIDE_LINE: Final = 12.0
_TRACK: Final = 9.0
_ABOVE: Final = 10.0
_ARROW: Final = 16.0
_OUT: Final = {EdgeKind.ERROR: 42.0, EdgeKind.NO: 56.0}
_OUT_PLAIN: Final = 28.0
_IN: Final = {EdgeKind.ERROR: 21.0, EdgeKind.NO: 35.0}
_IN_PLAIN: Final = 14.0
_SMALL: Final = 40.0
"""A box of at most this width has one place for all its lines."""


@dataclass(frozen=True)
class Cell:
    """A box of a row with what stands beside it; the box is around (0, 0)."""

    plan: Plan
    main: Box


@dataclass
class _Turn:
    """A piece of an edge between two rows, from `x1` above to `x2` below."""

    edge: int
    gap: int
    place: int
    x1: float
    x2: float
    leaves: bool
    group: tuple[object, ...]
    track: int = 0


def route_rows(
    graph: Graph,
    rows: Rows,
    ways: Sequence[Way],
    cells: Mapping[str, Cell],
    labels: Mapping[int, Size | None],
) -> Plan:
    """Places the cells in their rows and columns and draws every way between them."""
    extents = {name: cell.plan.extent() for name, cell in cells.items()}
    x = _columns(rows, extents, labels)
    turns = _turns(graph, rows, ways, cells, x)
    y = _heights(rows, extents, labels, turns)
    made = Plan()
    for chain in rows.chains:
        for spot in chain.spots:
            if spot.name:
                made.add(cells[spot.name].plan, x[spot], y.middle[spot.row])
    by_edge: dict[int, list[_Turn]] = defaultdict(list)
    for turn in turns:
        by_edge[turn.edge].append(turn)
    pen = _Pen(graph, cells, x, y, made)
    for way in ways:
        path = rows.paths[way.edge]
        made.lines[way.edge] = pen.line(way, path, by_edge[way.edge], labels[way.edge])
    return made


def _columns(rows: Rows, extents: Mapping[str, Box], labels: Mapping[int, Size | None]) -> dict[Spot, float]:
    """The place of each chain: as near to the main line as what lies between allows."""
    x: dict[Spot, float] = dict.fromkeys(rows.chains[0].spots, 0.0)
    place = {row: number for number, row in enumerate(rows.rows)}

    def reach(spot: Spot, side: int) -> float:
        """How far a spot reaches from its line to this side."""
        if spot.name:
            return extents[spot.name].right if side > 0 else -extents[spot.name].left
        label = labels[spot.edge] if spot.is_label else None
        return label.width / 2 if label else 0.0

    frontier = {side: {spot.row: reach(spot, side) for spot in rows.chains[0].spots} for side in (1, -1)}
    lines: dict[tuple[int, int], list[float]] = defaultdict(list)

    def nearest(chain: Chain, side: int) -> float:
        """The nearest place on this side, outside of everything that is placed already."""
        at = 0.0
        for spot in chain.spots:
            gap = _APART if spot.name or spot.is_label else _BESIDE_LINE
            at = max(at, frontier[side].get(spot.row, 0.0) + gap + reach(spot, -side))
        # No two lines that end in one gap between rows come down at the same place.
        while any(abs(at - other) < _BESIDE_LINE for gap in ends(chain) for other in lines[side, gap]):
            at += _BESIDE_LINE
        return at

    def ends(chain: Chain) -> tuple[int, int]:
        return place[chain.first] - 1, place[chain.last]

    # Short chains stand inside, so that long ones go around them.
    for chain in sorted(rows.chains[1:], key=lambda each: (each.last - each.first, each.first)):
        sides = (1, -1) if chain.side == 0 else (chain.side,)
        side = min(sides, key=lambda each: (nearest(chain, each), -each))
        at = nearest(chain, side)
        for gap in ends(chain):
            lines[side, gap].append(at)
        for spot in chain.spots:
            x[spot] = side * at
            frontier[side][spot.row] = max(frontier[side].get(spot.row, 0.0), at + reach(spot, side))
    return x


def _turns(
    graph: Graph, rows: Rows, ways: Sequence[Way], cells: Mapping[str, Cell], x: Mapping[Spot, float]
) -> list[_Turn]:
    """Every piece of an edge between two rows."""
    place = {row: number for number, row in enumerate(rows.rows)}
    turns: list[_Turn] = []
    for way in ways:
        edge = graph.edges[way.edge]
        path = rows.paths[way.edge]
        for above, below in pairwise(path):
            upper, lower = (above, below) if above.row < below.row else (below, above)
            at, to = x[upper], x[lower]
            side = 1 if to > at else -1
            beside = upper is path[0] and bool(upper.name) and edge.source != upper.name
            start = cells[upper.name].plan.boxes.get(edge.source) if beside else None
            is_main = start is None or abs(start.x) < 1
            x1 = at if start is None else at + start.x
            if is_main and upper.name and at != to:
                x1 += side * _port(cells[upper.name].main, graph, upper.name, _OUT.get(edge.kind, _OUT_PLAIN))
            x2 = to
            if lower.name and x1 != to:
                from_side = 1 if x1 > to else -1
                x2 += from_side * _port(
                    cells[lower.name].main, graph, lower.name, _IN.get(edge.kind, _IN_PLAIN)
                )
            # Lines between two boxes turn where they reach the lower one, together with others that do.
            leaves = bool(upper.name) and not lower.name
            style = edge.kind if edge.kind in _OUT else None
            group = ("from", edge.source, side, style) if leaves else ("to", lower.name, side, style)
            turns.append(_Turn(way.edge, place[upper.row], len(turns), x1, x2, leaves, group))
    return turns


def _port(main: Box, graph: Graph, name: str, wanted: float) -> float:
    """How far from the middle of a box a line leaves or reaches it."""
    if main.width <= _SMALL:
        return main.width * 0.25 if graph.node[name].kind is NodeKind.GATE else 0.0
    return min(wanted, main.width * 0.4)


@dataclass(frozen=True)
class _Heights:
    middle: dict[int, float]
    """For each row where the middle of its boxes is."""
    below: dict[int, float]
    """For each gap where its upper side is."""
    leaving: dict[int, int]
    """For each gap how many tracks lines that leave a box take."""


def _heights(
    rows: Rows, extents: Mapping[str, Box], labels: Mapping[int, Size | None], turns: Sequence[_Turn]
) -> _Heights:
    """Rows as high as what is in them, gaps as high as their tracks."""
    in_row: dict[int, list[Spot]] = defaultdict(list)
    for chain in rows.chains:
        for spot in chain.spots:
            in_row[spot.row].append(spot)
    in_gap: dict[int, list[_Turn]] = defaultdict(list)
    for turn in turns:
        in_gap[turn.gap].append(turn)
    heights = _Heights({}, {}, {})
    y = 0.0
    for gap, row in enumerate(rows.rows):
        above = below = 0.0
        for spot in in_row[row]:
            label = labels[spot.edge] if spot.is_label else None
            if spot.name:
                above = max(above, -extents[spot.name].top)
                below = max(below, extents[spot.name].bottom)
            elif label:
                above, below = max(above, label.height / 2), max(below, label.height / 2)
        heights.middle[row] = y + above
        y += above + below
        heights.below[gap] = y
        leaving = _tracks([turn for turn in in_gap[gap] if turn.leaves], longest_first=True)
        merging = _tracks([turn for turn in in_gap[gap] if not turn.leaves], longest_first=False)
        heights.leaving[gap] = leaving
        room = _ABOVE + _TRACK * (leaving + merging)
        last = gap + 1 == len(rows.rows)
        y += room if last or rows.rows[gap + 1] % 2 else room + _ARROW
    return heights


def _tracks(turns: Sequence[_Turn], *, longest_first: bool) -> int:
    """Gives a track to every turn that needs one: the same for those that leave or reach one box together."""
    groups: dict[tuple[object, ...], list[_Turn]] = defaultdict(list)
    for turn in turns:
        if turn.x1 != turn.x2:
            groups[turn.group].append(turn)
    spans = {
        group: (min(min(t.x1, t.x2) for t in members), max(max(t.x1, t.x2) for t in members))
        for group, members in groups.items()
    }
    tracks: list[list[tuple[float, float]]] = []
    order = sorted(groups, key=lambda group: spans[group][1] - spans[group][0], reverse=longest_first)
    for group in order:
        low, high = spans[group]
        free = next(
            (
                number
                for number, taken in enumerate(tracks)
                if all(high + 4 < left or right + 4 < low for left, right in taken)
            ),
            len(tracks),
        )
        if free == len(tracks):
            tracks.append([])
        tracks[free].append((low, high))
        for turn in groups[group]:
            turn.track = free
    return len(tracks)


@dataclass(frozen=True)
class _Pen:
    """Draws edges from box to box once everything has its place."""

    graph: Graph
    cells: Mapping[str, Cell]
    x: Mapping[Spot, float]
    y: _Heights
    made: Plan

    def line(self, way: Way, path: Sequence[Spot], turns: Sequence[_Turn], size: Size | None) -> Line:
        """One edge, from its begin to its arrow."""
        downward = path[0].row < path[-1].row
        ordered = sorted(turns, key=lambda turn: turn.gap)
        first, last = (path[0], path[-1]) if downward else (path[-1], path[0])
        source = self.graph.edges[way.edge].source if downward else first.name
        points: list[Point] = [(ordered[0].x1, self._bottom(source, first, ordered[0].x1))]
        for turn in ordered:
            track = turn.track if turn.leaves else self.y.leaving[turn.gap] + turn.track
            at = self.y.below[turn.gap] + _ABOVE / 2 + _TRACK * (track + 0.5)
            points += [(turn.x1, at), (turn.x2, at)]
        points.append((ordered[-1].x2, self._top(last, ordered[-1].x2)))
        if not downward:
            points.reverse()
        spot = next((spot for spot in path if spot.is_label), None)
        label = Box(self.x[spot], self.y.middle[spot.row], size.width, size.height) if spot and size else None
        return Line(without_repeats(points), label)

    def _bottom(self, source: str, spot: Spot, at: float) -> float:
        """Where a line leaves its box: from what stands beside it, or from the box itself."""
        box, centre = self.made.boxes.get(source), self.x[spot]
        if box is not None and source != spot.name and (abs(box.x - centre) > 1 or abs(box.x - at) < 1):
            # Something beside the box, or the dot at the end of a block.
            return box.bottom
        main = self.cells[spot.name].main
        return self.y.middle[spot.row] + main.bottom - self._slope(spot, at)

    def _top(self, spot: Spot, at: float) -> float:
        """Where a line reaches its box."""
        return self.y.middle[spot.row] + self.cells[spot.name].main.top + self._slope(spot, at)

    def _slope(self, spot: Spot, at: float) -> float:
        """How much nearer to its middle the outline of a diamond is beside its points."""
        if self.graph.node[spot.name].kind is not NodeKind.GATE:
            return 0.0
        main = self.cells[spot.name].main
        return abs(at - self.x[spot]) / main.width * main.height
