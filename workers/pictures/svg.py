"""The picture of an SOP, and of a ticket's way through it, as one SVG document that needs nothing else."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final
from xml.sax.saxutils import escape

from definitions.graph_model import COMPLETED, REJECTED, Edge, EdgeKind, Graph, Node, NodeKind
from workers.pictures.description import described
from workers.pictures.faces import Face, faces, label_lines, label_size
from workers.pictures.geometry import Box, Plan, Point
from workers.pictures.layout import lay_out
from workers.pictures.path import Path, State
from workers.pictures.shapes import shape
from workers.pictures.style import LEGEND, style_sheet
from workers.pictures.text import cut, plain, width

_MARGIN: Final = 28.0
_HEADER: Final = 78.0
_LEAST_WIDTH: Final = 560.0
_ROUND: Final = 7.0
_LEGEND_ROW: Final = 30.0
_LEGEND_COLUMN: Final = 300.0
_SHOWN: Final = frozenset({State.DONE, State.CURRENT, State.FAILED, State.REFUSED})


def svg_of(graph: Graph, path: Path | None = None) -> str:
    """The picture; with a `path`, the way of a ticket on it."""
    drawn = faces(graph, path)
    plan = lay_out(graph, {name: face.size for name, face in drawn.items()}, label_size)
    extent = plan.extent()
    title = plain(f"{graph.name}: ticket {path.task_id}" if path else graph.name)
    about = plain(path.about if path else graph.about)
    inner = max(extent.width, _LEAST_WIDTH - 2 * _MARGIN, width(title, 18, bold=True), width(about, 12))
    whole = Plan()
    whole.add(plan, _MARGIN + (inner - extent.width) / 2, _HEADER)
    bottom = _HEADER + extent.height + 2 * _MARGIN
    legend = list(_legend(graph, path, bottom, inner))
    columns = max(1, int(inner // _LEGEND_COLUMN))
    height = bottom + 24 + _LEGEND_ROW * -(-len(legend) // columns) + _MARGIN / 2
    size = f"{inner + 2 * _MARGIN:.0f}", f"{height:.0f}"
    return "".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]}" height="{size[1]}" '
            f'viewBox="0 0 {size[0]} {size[1]}" role="img" aria-labelledby="title desc">'
            f'<title id="title">{_text(title)}</title>'
            f'<desc id="desc">{_text(described(graph, path))}</desc>'
            f"<style>{style_sheet()}</style>{_markers()}"
            f'<text class="title" x="{_MARGIN}" y="34">{_text(cut(title, 18, inner, bold=True))}</text>'
            f'<text class="about" x="{_MARGIN}" y="54">{_text(cut(about, 12, inner))}</text>',
            *_frames(graph, whole),
            *_edges(graph, whole, path),
            *(_node(graph.node[name], box, drawn[name], path) for name, box in whole.boxes.items()),
            *_stubs(graph, whole, path),
            *_labels(graph, whole, path),
            f'<text class="word" x="{_MARGIN}" y="{bottom + 4:.0f}">Legend</text>',
            *legend,
            "</svg>\n",
        )
    )


def _text(value: str) -> str:
    """Text as XML takes it: escaped, without characters that XML has no place for."""
    return escape("".join(each for each in value if each in "\n\t" or each.isprintable()))


def _markers() -> str:
    """The heads of arrows."""
    made = ["<defs>"]
    for name, style, size in (("arrow", "head", 9), ("taken", "taken-head", 12), ("bad", "bad-head", 12)):
        made.append(
            f'<marker id="{name}" viewBox="0 0 10 10" refX="8.5" refY="5" orient="auto" '
            f'markerWidth="{size}" markerHeight="{size}" markerUnits="userSpaceOnUse">'
            f'<path class="{style}" d="M0 0L10 5L0 10z"/></marker>'
        )
    return "".join((*made, "</defs>"))


def _frames(graph: Graph, plan: Plan) -> Iterator[str]:
    for cluster in graph.clusters:
        box = plan.frames[cluster.id]
        yield (
            f'<rect class="frame{" lane" if cluster.is_lane else ""}" x="{box.left:.1f}" y="{box.top:.1f}" '
            f'width="{box.width:.1f}" height="{box.height:.1f}" rx="9"/>'
        )


def _edges(graph: Graph, plan: Plan, path: Path | None) -> Iterator[str]:
    """Lines, those of the ticket on top of the others."""
    taken = path.taken if path else frozenset()
    for number, line in sorted(plan.lines.items(), key=lambda each: each[0] in taken):
        edge = graph.edges[number]
        style, head = f"edge {edge.kind}", "arrow"
        if number in taken:
            is_bad = edge.kind in (EdgeKind.ERROR, EdgeKind.NO) or edge.target == REJECTED
            style += " taken bad" if is_bad else " taken"
            head = "bad" if is_bad else "taken"
        elif path is not None:
            style += " untaken"
        if graph.node[edge.target].kind in (NodeKind.JOIN, NodeKind.FORK):
            end = ""
        else:
            end = f' marker-end="url(#{head})"'
        yield f'<path class="{style}" d="{_curve(line.points)}"{end}/>'


def _curve(points: tuple[Point, ...]) -> str:
    """A line through the points with rounded corners."""
    made = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for before, at, after in zip(points, points[1:], points[2:], strict=False):
        enter, leave = _towards(at, before), _towards(at, after)
        made.append(f"L{enter[0]:.1f} {enter[1]:.1f}Q{at[0]:.1f} {at[1]:.1f} {leave[0]:.1f} {leave[1]:.1f}")
    made.append(f"L{points[-1][0]:.1f} {points[-1][1]:.1f}")
    return "".join(made)


def _towards(corner: Point, other: Point) -> Point:
    dx, dy = other[0] - corner[0], other[1] - corner[1]
    length = abs(dx) + abs(dy)
    part = min(_ROUND, length / 2) / length if length else 0.0
    return corner[0] + dx * part, corner[1] + dy * part


def _node(node: Node, box: Box, face: Face, path: Path | None) -> str:
    visit = path.visits.get(node.id) if path else None
    classes = [str(node.kind)]
    if visit is not None:
        classes.append(str(visit.state))
        if visit.state in _SHOWN:
            classes.append("visited")
    parts = [f'<g class="{" ".join(classes)}"><title>{_text(_hint(node, face))}</title>']
    if visit is not None and visit.state is State.CURRENT:
        parts.append(
            f'<rect class="pulse" x="{box.left - 6:.1f}" y="{box.top - 6:.1f}" width="{box.width + 12:.1f}" '
            f'height="{box.height + 12:.1f}" rx="14"/>'
        )
    parts.append(shape(node.kind, box))
    y = box.y - sum(Face.row(style) for _, style in face.lines) / 2
    for text, style in face.lines:
        y += Face.row(style)
        parts.append(
            f'<text class="{style}" x="{box.x:.1f}" y="{y - 4:.1f}" text-anchor="middle">{_text(text)}</text>'
        )
        if style == "name" and visit is not None and visit.state is State.SKIPPED:
            half = width(text, 13, bold=True) / 2
            parts.append(f'<path class="strike" d="M{box.x - half:.1f} {y - 8.5:.1f}H{box.x + half:.1f}"/>')
    if visit is not None and visit.order is not None:
        parts.append(
            f'<g class="badge"><circle cx="{box.left:.1f}" cy="{box.top:.1f}" r="11"/>'
            f'<text x="{box.left:.1f}" y="{box.top + 4:.1f}">{visit.order}</text></g>'
        )
    return "".join((*parts, "</g>"))


def _hint(node: Node, face: Face) -> str:
    """The whole text of a node, for whoever points at it."""
    said = (text for text, style in face.lines if style.endswith("said"))
    return plain(" · ".join(part for part in (node.word, node.name, *node.facts, *said) if part)) or node.kind


def _stubs(graph: Graph, plan: Plan, path: Path | None) -> Iterator[str]:
    """Ends of the ticket beside the step that leads there."""
    for number, box in plan.stubs.items():
        target = graph.edges[number].target
        kind = NodeKind.REJECTED if target == REJECTED else NodeKind.COMPLETED
        words = {REJECTED: "✕ Rejected", COMPLETED: "✓ Completed"}.get(target, "✓ SOP done")
        state = "" if path is None else " visited" if number in path.taken else " passed"
        yield (
            f'<g class="{kind}{state}">{shape(kind, box)}'
            f'<text class="fact" x="{box.x:.1f}" y="{box.y + 4:.1f}" text-anchor="middle">{words}</text></g>'
        )


def _labels(graph: Graph, plan: Plan, path: Path | None) -> Iterator[str]:
    for number, line in plan.lines.items():
        box, edge = line.label, graph.edges[number]
        if box is None:
            continue
        lines = label_lines(edge)
        dim = " untaken" if path and number not in path.taken else ""
        if _is_on_line(line.points, box):
            yield (
                f'<rect class="halo" x="{box.left:.1f}" y="{box.top:.1f}" width="{box.width:.1f}" '
                f'height="{box.height:.1f}" rx="3"/>'
            )
        yield f'<g class="labels{dim}"><title>{_text(_whole(edge))}</title>'
        for row, text in enumerate(lines):
            y = box.top + 1 + (row + 0.78) * box.height / len(lines)
            yield f'<text class="label" x="{box.x:.1f}" y="{y:.1f}" text-anchor="middle">{_text(text)}</text>'
        yield "</g>"


def _whole(edge: Edge) -> str:
    return plain(", ".join(edge.labels)) or str(edge.kind)


def _is_on_line(points: tuple[Point, ...], box: Box) -> bool:
    """Whether a label stands on its line and not beside it."""
    return any(
        min(x1, x2) < box.right
        and max(x1, x2) > box.left
        and min(y1, y2) < box.bottom
        and max(y1, y2) > box.top
        for (x1, y1), (x2, y2) in pairwise(points)
    )


def _legend(graph: Graph, path: Path | None, top: float, inner: float) -> Iterator[str]:
    """The shapes and lines that occur in the picture, explained."""
    kinds = {node.kind for node in graph.nodes}
    lines = {edge.kind for edge in graph.edges}
    columns = max(1, int(inner // _LEGEND_COLUMN))
    entries: list[tuple[str, str]] = []
    for kind, words in LEGEND:
        if kind in kinds:
            small = {NodeKind.GATE: (22, 16), NodeKind.FORK: (24, 6)}.get(kind, (28, 16))
            entries.append((f'<g class="{kind}">{shape(kind, Box(18, 0, *small))}</g>', words))
    if EdgeKind.ERROR in lines or EdgeKind.NO in lines:
        entries.append(('<path class="edge error" d="M2 0H34"/>', "an error, a no, or past a condition"))
    if path is not None:
        entries.append(('<path class="edge taken" d="M2 0H34"/>', "the way that the ticket took"))
        states = {visit.state for visit in path.visits.values()}
        if State.CURRENT in states:
            entries.append(('<rect class="pulse" x="6" y="-8" width="24" height="16" rx="6"/>', "now"))
        if states & {State.PASSED, State.NOT_NEEDED}:
            faded = f'<g class="{NodeKind.CHECK} passed">{shape(NodeKind.CHECK, Box(18, 0, 28, 16))}</g>'
            entries.append((faded, "pale: the ticket did not come here"))
    for number, (drawing, words) in enumerate(entries):
        x = _MARGIN + (number % columns) * _LEGEND_COLUMN
        y = top + 26 + (number // columns) * _LEGEND_ROW
        yield (
            f'<g transform="translate({x:.0f} {y:.0f})">{drawing}'
            f'<text class="fact" x="44" y="4">{_text(words)}</text></g>'
        )
