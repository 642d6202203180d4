"""The order of a layered drawing: in which row everything of one sequence stands, and what is in line.

Every edge is cut where it crosses a row, so that its line has a place there like any box: lines never run
through boxes. Whatever stands below one another without a turn is one chain, and a chain is straight.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

_STEP: Final = 10
"""What a step of the sequence weighs in the search for the main line; everything beside it weighs less."""


@dataclass(frozen=True)
class Way:
    """An edge as the drawing sees it, between the things of one sequence."""

    edge: int
    source: str
    target: str
    labelled: bool
    side: int = 0
    """Where it leaves its source: -1 from something to the left, +1 to the right, 0 from the middle."""
    is_detour: bool = False
    """An error or a no: never part of the main line."""


@dataclass(frozen=True)
class Spot:
    """A thing in a row: a box, or the place where an edge crosses the row."""

    row: int
    name: str = ""
    edge: int = -1
    is_label: bool = False


@dataclass
class Chain:
    """Spots below one another. `side` says where they must stand: -1 left, +1 right, 0 wherever is room."""

    spots: list[Spot]
    side: int = 0

    @property
    def first(self) -> int:
        """The row in which it begins."""
        return self.spots[0].row

    @property
    def last(self) -> int:
        """The row in which it ends."""
        return self.spots[-1].row


@dataclass
class Rows:
    """One sequence, put in rows and chains; the first chain is the main line."""

    rows: list[int] = field(default_factory=list)
    """Those in use. Even rows have boxes, odd ones the labels of the edges that leave the row before."""
    chains: list[Chain] = field(default_factory=list)
    paths: dict[int, list[Spot]] = field(default_factory=dict)
    """For each edge the spots that it passes, from its source to its target."""


def arrange(boxes: Sequence[str], ways: Sequence[Way], start: str, end: str, steps: frozenset[str]) -> Rows:
    """Rows and chains for these boxes. `steps` are those that make up the main line."""
    forward = [way for way, backward in zip(ways, _backward(boxes, ways), strict=True) if not backward]
    level = _levels(boxes, forward, start, end)
    made = Rows()
    box = {name: Spot(2 * level[name], name) for name in boxes}
    labelled = {2 * level[way.source] + 1 for way in forward if way.labelled}
    made.rows = sorted({spot.row for spot in box.values()} | labelled)
    for way in ways:
        # One that runs back is drawn along the same places, from its lower end.
        upper, lower = sorted((box[way.source], box[way.target]), key=lambda spot: spot.row)
        label_row = upper.row + 1
        between = [
            Spot(row, edge=way.edge, is_label=way.labelled and row == label_row)
            for row in made.rows
            if upper.row < row < lower.row
        ]
        path = [upper, *between, lower]
        made.paths[way.edge] = path if upper is box[way.source] else path[::-1]
    spine = _spine(forward, level, end, steps)
    main = Chain([box[start]] if spine else [box[start], box[end]])
    for way in spine:
        main.spots += made.paths[way.edge][1:]
    made.chains = _chains(made, ways, main, box.values())
    return made


def _backward(boxes: Sequence[str], ways: Sequence[Way]) -> list[bool]:
    """Which ways close a circle, found depth first without recursion."""
    leaving: dict[str, list[int]] = {name: [] for name in boxes}
    for number, way in enumerate(ways):
        leaving[way.source].append(number)
    back = [False] * len(ways)
    state = dict.fromkeys(boxes, 0)
    for name in boxes:
        if state[name]:
            continue
        state[name] = 1
        stack: list[tuple[str, Iterator[int]]] = [(name, iter(leaving[name]))]
        while stack:
            at, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                state[at] = 2
                stack.pop()
                continue
            target, number = ways[following].target, following
            back[number] = state[target] == 1
            if state[target] == 0:
                state[target] = 1
                stack.append((target, iter(leaving[target])))
    return back


def _levels(boxes: Sequence[str], ways: Sequence[Way], start: str, end: str) -> dict[str, int]:
    """The longest way from the start to each box; the start alone is first, the end alone is last."""
    level = {name: 0 if name == start else 1 for name in boxes}
    for name, leaving in _in_order(boxes, ways):
        for way in leaving:
            level[way.target] = max(level[way.target], level[name] + 1)
    level[end] = max(each for name, each in level.items() if name != end) + 1
    return level


def _in_order(boxes: Sequence[str], ways: Sequence[Way]) -> Iterator[tuple[str, list[Way]]]:
    """Every box after all that lead to it, with the ways that leave it."""
    leaving: dict[str, list[Way]] = {name: [] for name in boxes}
    missing = dict.fromkeys(boxes, 0)
    for way in ways:
        leaving[way.source].append(way)
        missing[way.target] += 1
    ready = [name for name in boxes if not missing[name]]
    for name in ready:
        yield name, leaving[name]
        for way in leaving[name]:
            missing[way.target] -= 1
            if not missing[way.target]:
                ready.append(way.target)


def _spine(ways: Sequence[Way], level: dict[str, int], end: str, steps: frozenset[str]) -> list[Way]:
    """The main line: the way to the end that passes most steps, and least of what stands beside them."""
    boxes = sorted(level, key=level.__getitem__)
    best: dict[str, tuple[int, Way | None]] = {end: (0, None)}
    leaving: dict[str, list[Way]] = {name: [] for name in boxes}
    for way in ways:
        if not way.is_detour and way.side == 0:
            leaving[way.source].append(way)
    for name in reversed(boxes):
        for way in leaving[name]:
            if way.target in best:
                weight = best[way.target][0] + (_STEP if way.target in steps else -1)
                if name not in best or weight > best[name][0]:
                    best[name] = (weight, way)
    line: list[Way] = []
    at = boxes[0]
    while at in best and (onward := best[at][1]) is not None:
        line.append(onward)
        at = onward.target
    return line


def _chains(made: Rows, ways: Sequence[Way], main: Chain, boxes: Iterable[Spot]) -> list[Chain]:
    """Cuts everything into straight chains, the main line first."""
    taken = set(main.spots)
    below: dict[Spot, list[Spot]] = {spot: [] for spot in boxes}
    hint: dict[Spot, int] = {}
    for way in ways:
        path = sorted(made.paths[way.edge], key=lambda spot: spot.row)
        for upper, lower in pairwise(path):
            below.setdefault(upper, []).append(lower)
        hint[path[1]] = hint.get(path[1], 0) or way.side
    chains = [main]
    for spot in sorted(below, key=lambda each: each.row):
        if spot in taken:
            continue
        chain = Chain([], side=hint.get(spot, 0))
        at: Spot | None = spot
        while at is not None:
            chain.spots.append(at)
            taken.add(at)
            at = next((each for each in below[at] if each not in taken), None)
        chains.append(chain)
    return chains
