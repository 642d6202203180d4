"""What a layout is made of: boxes, lines, and a plan that holds them and can be moved as one."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

Point = tuple[float, float]


@dataclass(frozen=True)
class Size:
    """Width and height in pixels."""

    width: float
    height: float


@dataclass(frozen=True)
class Box:
    """A rectangle, by its centre."""

    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> float:
        """Its left side."""
        return self.x - self.width / 2

    @property
    def right(self) -> float:
        """Its right side."""
        return self.x + self.width / 2

    @property
    def top(self) -> float:
        """Its upper side."""
        return self.y - self.height / 2

    @property
    def bottom(self) -> float:
        """Its lower side."""
        return self.y + self.height / 2

    @classmethod
    def between(cls, left: float, top: float, right: float, bottom: float) -> "Box":
        """The rectangle with these sides."""
        return cls((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)

    def moved(self, dx: float, dy: float) -> "Box":
        """The same elsewhere."""
        return replace(self, x=self.x + dx, y=self.y + dy)


@dataclass(frozen=True)
class Line:
    """A line with right-angled turns, from its begin to its arrow."""

    points: tuple[Point, ...]
    label: Box | None = None

    def moved(self, dx: float, dy: float) -> "Line":
        """The same elsewhere."""
        points = tuple((x + dx, y + dy) for x, y in self.points)
        return Line(points, self.label.moved(dx, dy) if self.label else None)


@dataclass
class Plan:
    """Where everything is. A part of a picture has its way in at (0, 0) or its main box around it."""

    boxes: dict[str, Box] = field(default_factory=dict)
    """Nodes by id."""
    frames: dict[str, Box] = field(default_factory=dict)
    """Clusters by id."""
    lines: dict[int, Line] = field(default_factory=dict)
    """Edges by number."""
    stubs: dict[int, Box] = field(default_factory=dict)
    """Ends of the ticket, drawn beside the node that leads there, by the number of the edge."""

    def add(self, part: "Plan", dx: float, dy: float) -> None:
        """Takes in another plan, moved."""
        self.boxes.update((name, box.moved(dx, dy)) for name, box in part.boxes.items())
        self.frames.update((name, box.moved(dx, dy)) for name, box in part.frames.items())
        self.lines.update((edge, line.moved(dx, dy)) for edge, line in part.lines.items())
        self.stubs.update((edge, box.moved(dx, dy)) for edge, box in part.stubs.items())

    def extent(self) -> Box:
        """The rectangle around everything."""
        boxes = [*self.boxes.values(), *self.frames.values(), *self.stubs.values()]
        boxes += [line.label for line in self.lines.values() if line.label]
        points = [point for line in self.lines.values() for point in line.points]
        across = [*(box.left for box in boxes), *(box.right for box in boxes), *(x for x, _ in points)]
        down = [*(box.top for box in boxes), *(box.bottom for box in boxes), *(y for _, y in points)]
        return Box.between(min(across), min(down), max(across), max(down))


def without_repeats(points: Iterable[Point]) -> tuple[Point, ...]:
    """The points without those that lie on the straight line between their neighbours."""
    kept: list[Point] = []
    for x, y in points:
        if kept and abs(kept[-1][0] - x) + abs(kept[-1][1] - y) < 0.01:
            continue
        if len(kept) > 1 and (kept[-2][0] == kept[-1][0] == x or kept[-2][1] == kept[-1][1] == y):
            kept.pop()
        kept.append((x, y))
    return tuple(kept)
