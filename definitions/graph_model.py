"""The parts of an SOP's graph: nodes, edges, clusters. Made by `definitions.graph`."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

START: Final = "start"
COMPLETED: Final = "completed"
REJECTED: Final = "rejected"


class NodeKind(StrEnum):
    """What stands at a place of the run."""

    START = "start"
    CHECK = "check"
    """A handler that changes nothing outside."""
    EFFECT = "effect"
    """A handler that changes something outside."""
    PERSON = "person"
    WAIT = "wait"
    CALL = "call"
    BLOCK = "block"
    """A step that holds other steps; they are in the cluster of its id."""
    LANE = "lane"
    """Where one sequence of a parallel step begins."""
    GATE = "gate"
    """Asks whether the condition of a step holds."""
    FORK = "fork"
    """Starts a step in the background and goes on."""
    JOIN = "join"
    """Where the steps of a block have ended."""
    PICK = "pick"
    """An outcome without a route: a person picks one."""
    UNDO = "undo"
    """The handler that undoes a step when the ticket ends badly."""
    COMPLETED = "completed"
    REJECTED = "rejected"


class EdgeKind(StrEnum):
    """Why the run goes from one node to the next."""

    NEXT = "next"
    ROUTE = "route"
    """An outcome leads there; its labels are the outcomes."""
    WHEN = "when"
    """The condition holds; its label is the condition."""
    OTHERWISE = "otherwise"
    ERROR = "error"
    """Fallback or `on_error`; its labels are error codes, or `failed` for a fallback."""
    NO = "no"
    """A person's no, or silence that counts as one."""
    PICK = "pick"
    """A person's pick; its labels are the outcomes whose routes lead there."""
    ASYNC = "async"
    LOOP = "loop"
    """The next item, or the next round."""
    UNDO = "undo"
    """From the handler that undoes, back to the step."""


@dataclass(frozen=True)
class Node:
    """One place of the run."""

    id: str
    kind: NodeKind
    name: str = ""
    word: str = ""
    """What it is, in one or two words: `control`, `decision`, `for each` …"""
    facts: tuple[str, ...] = ()
    """What the SOP says of it, one line each."""
    cluster: str = ""
    """The block or lane that it is in; empty for the SOP itself."""
    key: str = ""
    """What the ticket's events call the step, without the numbers of rounds; several nodes can share one."""
    owner: str = ""
    """The node that it belongs to: a fallback, an undoing, a pick or a background step to its step."""


@dataclass(frozen=True)
class Edge:
    """One way on."""

    source: str
    target: str
    kind: EdgeKind
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cluster:
    """Nodes that belong together: the steps inside a block, or one sequence of a parallel step."""

    id: str
    parent: str
    entry: str
    exit: str
    is_lane: bool = False


@dataclass(frozen=True)
class Graph:
    """An SOP as places and ways between them. Edges run forward, but for loops and undoing."""

    name: str
    about: str
    """One line: what it serves, its SLA, its version."""
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    clusters: tuple[Cluster, ...]

    @cached_property
    def node(self) -> dict[str, Node]:
        """Nodes by id."""
        return {node.id: node for node in self.nodes}

    @cached_property
    def ways(self) -> dict[str, tuple[int, ...]]:
        """For each node the numbers of the edges that leave it."""
        found: dict[str, list[int]] = {node.id: [] for node in self.nodes}
        for number, edge in enumerate(self.edges):
            found[edge.source].append(number)
        return {source: tuple(numbers) for source, numbers in found.items()}

    def leaving(self, node_id: str) -> Iterator[tuple[int, Edge]]:
        """The edges that leave a node, with their numbers."""
        for number in self.ways[node_id]:
            yield number, self.edges[number]
