"""The outlines of nodes: each kind has its own, so that colour is never all that tells."""

from definitions.graph_model import NodeKind
from workers.pictures.geometry import Box


def shape(kind: NodeKind, box: Box) -> str:
    """The outline of a node of this kind, as SVG."""
    match kind:
        case NodeKind.EFFECT:
            band = f'<path class="band" d="M{_at(box.left, box.top)}h7v{box.height:.1f}h-7z"/>'
            return _rectangle(box, 0) + band
        case NodeKind.PERSON | NodeKind.PICK:
            return _rectangle(box, min(box.height / 2, 24))
        case NodeKind.WAIT:
            return _polygon(box, min(12.0, box.height / 2))
        case NodeKind.CALL:
            lines = "".join(f"M{_at(x, box.top)}v{box.height:.1f}" for x in (box.left + 6, box.right - 6))
            return _rectangle(box, 0) + f'<path class="shape inner" d="{lines}"/>'
        case NodeKind.BLOCK:
            return _cut_corners(box, min(12.0, box.height / 3))
        case NodeKind.GATE:
            return _polygon(box, box.width / 2)
        case NodeKind.FORK | NodeKind.JOIN:
            return f'<rect class="band" {_sides(box)} rx="{min(box.width, box.height) / 2:.1f}"/>'
        case NodeKind.START | NodeKind.COMPLETED | NodeKind.REJECTED | NodeKind.LANE:
            return _rectangle(box, box.height / 2)
    return _rectangle(box, 7)


def _rectangle(box: Box, rounded: float) -> str:
    return f'<rect class="shape" {_sides(box)} rx="{rounded:.1f}"/>'


def _sides(box: Box) -> str:
    return f'x="{box.left:.1f}" y="{box.top:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'


def _polygon(box: Box, point: float) -> str:
    """A box with a point on its left and its right."""
    across = max(box.width - 2 * point, 0.0)
    return (
        f'<path class="shape" d="M{_at(box.left, box.y)}L{_at(box.left + point, box.top)}h{across:.1f}'
        f'L{_at(box.right, box.y)}L{_at(box.right - point, box.bottom)}h{-across:.1f}z"/>'
    )


def _cut_corners(box: Box, cut: float) -> str:
    """A box whose upper corners are cut off."""
    return (
        f'<path class="shape" d="M{_at(box.left, box.bottom)}V{box.top + cut:.1f}'
        f"L{_at(box.left + cut, box.top)}"
        f'H{box.right - cut:.1f}L{_at(box.right, box.top + cut)}V{box.bottom:.1f}z"/>'
    )


def _at(x: float, y: float) -> str:
    return f"{x:.1f} {y:.1f}"
