"""Where things stand in a picture: nothing on top of anything, no line through a box."""

from collections.abc import Iterator
from itertools import pairwise

from hypothesis import given, settings

from definitions.book import called_by
from definitions.graph import graph_of
from definitions.graph_model import Graph
from definitions.loader import read_sop
from definitions.schema import Sop
from definitions.sources import CASES
from tests.fakes.catalogue import CATALOGUE
from tests.fakes.sops import everything, sops
from workers.pictures.faces import faces, label_size
from workers.pictures.geometry import Box, Plan, Point
from workers.pictures.layout import lay_out
from workers.settings import PROJECT


def plan_of(graph: Graph) -> Plan:
    return lay_out(graph, {name: face.size for name, face in faces(graph, None).items()}, label_size)


def overlap(one: Box, other: Box) -> bool:
    return (
        min(one.right, other.right) - max(one.left, other.left) > 0.5
        and min(one.bottom, other.bottom) - max(one.top, other.top) > 0.5
    )


def segments(points: tuple[Point, ...]) -> Iterator[Box]:
    for (x1, y1), (x2, y2) in pairwise(points):
        yield Box.between(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))


def crosses(line: Box, box: Box) -> bool:
    """Whether a straight line runs through the inside of a box."""
    return (
        line.left < box.right - 1
        and line.right > box.left + 1
        and line.top < box.bottom - 1
        and line.bottom > box.top + 1
    )


def faults(graph: Graph) -> list[str]:
    plan = plan_of(graph)
    solid = {**plan.boxes, **{f"end {number}": box for number, box in plan.stubs.items()}}
    labels = {number: line.label for number, line in plan.lines.items() if line.label}
    names = sorted(solid)
    found = [
        f"{one} lies on {other}"
        for index, one in enumerate(names)
        for other in names[index + 1 :]
        if overlap(solid[one], solid[other])
    ]
    for number, line in plan.lines.items():
        found += [
            f"edge {graph.edges[number]} runs through {name}"
            for name, box in solid.items()
            if box.width > 30 and any(crosses(piece, box) for piece in segments(line.points))
        ]
    for number, label in labels.items():
        found += [
            f"label of {graph.edges[number]} lies on {name}"
            for name, box in solid.items()
            if overlap(label, box)
        ]
        found += [
            f"labels of {number} and {other} overlap"
            for other, box in labels.items()
            if other > number and overlap(label, box)
        ]
    return found


def test_the_shipped_sops_are_drawn_without_a_fault():
    paths = [
        path for path in (PROJECT / "definitions" / "sops").glob("*.yaml") if not path.name.endswith(CASES)
    ]
    shipped = [sop for path in paths if (sop := read_sop(path, None)[0])]
    assert len(shipped) >= 7
    for sop in shipped:
        assert faults(graph_of(sop, CATALOGUE, called_by(sop, shipped))) == [], sop.name


def test_an_sop_with_everything_is_drawn_without_a_fault():
    sop, called = everything()
    graph = graph_of(sop, CATALOGUE, called)
    plan = plan_of(graph)
    assert faults(graph) == []
    assert set(plan.boxes) == {node.id for node in graph.nodes} - {"rejected"}
    assert set(plan.lines) | set(plan.stubs) == set(range(len(graph.edges)))
    assert set(plan.frames) == {cluster.id for cluster in graph.clusters}


@settings(max_examples=60, deadline=None)
@given(sops())
def test_any_sop_is_drawn_without_a_fault(sop: Sop):
    graph = graph_of(sop, CATALOGUE)
    assert faults(graph) == []


@settings(max_examples=30, deadline=None)
@given(sops())
def test_steps_inside_a_block_stand_inside_its_frame(sop: Sop):
    graph = graph_of(sop, CATALOGUE)
    plan = plan_of(graph)
    for node in graph.nodes:
        if node.cluster and node.id in plan.boxes:
            frame, box = plan.frames[node.cluster], plan.boxes[node.id]
            assert frame.left < box.left
            assert box.right < frame.right
            assert frame.top < box.top
            assert box.bottom < frame.bottom
