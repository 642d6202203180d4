"""Follows a ticket's marks along the edges of its SOP's graph."""

from collections import deque
from collections.abc import Collection, Iterable
from typing import Final

from definitions.graph_model import COMPLETED, REJECTED, START, Edge, EdgeKind, Graph, NodeKind
from definitions.schema import ANY_ERROR
from domain.lifecycle import TicketState
from domain.review import ReviewKind
from workers.pictures.record import Mark, Record, Timeline

_LAST: Final = 1 << 60
_NEVER: Final = _LAST + 1
_BESIDES: Final = frozenset({NodeKind.GATE, NodeKind.FORK, NodeKind.PICK})
_AFTER: Final = frozenset({"asked", "undone", "stuck"})
"""What can still happen to a step that is over."""
_Reached = tuple[int, list[int]]
"""When a node was reached, and the edges on the way to it."""


class Trace:
    """The nodes that a ticket came to, and the edges that it took."""

    def __init__(
        self, graph: Graph, timeline: Timeline, state: TicketState, waiting: Collection[tuple[str, str]] = ()
    ) -> None:
        """`waiting` are the steps that wait for an operator, by key and place."""
        self._graph = graph
        self._waiting = waiting
        self._timeline = timeline
        self._state = state
        self.records: dict[str, Record] = {node.id: Record() for node in graph.nodes}
        self.taken: set[int] = set()
        self._opened_by = {cluster.id: cluster for cluster in graph.clusters if not cluster.is_lane}
        self._nodes: dict[str, list[str]] = {}
        self._claims: dict[int, str] = {}
        for node in graph.nodes:
            if node.key and node.kind not in _BESIDES and not node.id.endswith("/fallback"):
                self._nodes.setdefault(node.key, []).append(node.id)
        self._todo: deque[tuple[list[tuple[int, Edge]], int, str | None]] = deque()
        self._followed: set[str] = set()
        self._todo.append((list(graph.leaving(START)), 0, ""))
        for key, nodes in self._nodes.items():
            if len(nodes) == 1 and timeline.of(key):
                self._follow_node(nodes[0])
        self._settle()
        for name, record in self.records.items():
            if record.rounds > 1 and f"{name}/end" in {target for _, target in self.taken_ends}:
                self.taken.update(number for number, _ in self._ways(f"{name}/end", EdgeKind.LOOP))
        for mark in timeline.closing:
            if mark.by:
                self.records[COMPLETED].people.append(f"closing: {mark.word} by {mark.by}")

    @property
    def taken_ends(self) -> list[tuple[str, str]]:
        """The nodes at both ends of the edges that were taken."""
        return [(self._graph.edges[each].source, self._graph.edges[each].target) for each in self.taken]

    @property
    def open_nodes(self) -> list[str]:
        """Where the ticket is now; the start, before it is anywhere."""
        now = [name for name, record in self.records.items() if record.is_open]
        if now:
            return now
        return [name for name, record in self.records.items() if record.touched] or [START]

    def _settle(self) -> None:
        while self._todo:
            edges, since, place = self._todo.popleft()
            self._go(edges, since, place)

    def _go(self, edges: list[tuple[int, Edge]], since: int, place: str | None) -> None:
        """Takes the one of these edges whose end was reached first after `since`."""
        found: list[tuple[_Reached, int]] = []
        for number, edge in edges:
            reached = self._reach(edge.target, since, place)
            if reached is not None:
                found.append((reached, number))
        if not found:
            return
        (_, further), number = min(
            found, key=lambda each: (each[0][0], self._onward(each[0], each[1], place))
        )
        self.taken.update((number, *further))
        for each in (number, *further):
            self._arrive(self._graph.edges[each].target, since, place)

    def _onward(self, reached: _Reached, edge: int, place: str | None) -> int:
        """When what follows on an edge's end was reached: that tells copies of one target apart."""
        node_id = self._graph.edges[edge].target
        since, further = reached
        if further or len(self._nodes.get(self._graph.node[node_id].key, ())) < 2:
            return since
        following = [
            (onward, way)
            for way, leaving in self._graph.leaving(node_id)
            if (onward := self._reach(leaving.target, since, place)) is not None
        ]
        return min((self._onward(onward, way, place) for onward, way in following), default=_NEVER)

    def _arrive(self, node_id: str, since: int, place: str | None) -> None:
        """What follows from having come here: marks for a copy, ways on from what is no step."""
        node = self._graph.node[node_id]
        step = node_id.rsplit("/", 1)[0]
        if node.kind is NodeKind.GATE:
            left_out = self._first(step, since, place, "not_needed")
            began = self._first(step, since, place, "began")
            if left_out and not (began and began.seq < left_out.seq):
                self._todo.append((self._ways(node_id, EdgeKind.OTHERWISE), left_out.seq, place))
        elif node.kind is NodeKind.FORK:
            began = self._first(step, since, place, "began")
            if began:
                self._todo.append((self._ways(node_id, EdgeKind.NEXT), began.seq, place))
        elif node.kind is NodeKind.PICK:
            self._pick(node_id, node.key, since, place)
        elif node.key and len(self._nodes.get(node.key, ())) > 1:
            first = self._first(node_id, since, place, "began")
            if first is not None:
                self._claims.setdefault(first.seq, node_id)
            self._follow_node(node_id, since)

    def _reach(self, node_id: str, since: int, place: str | None) -> _Reached | None:
        """When the ticket came to this node after `since`; None when it did not."""
        node = self._graph.node[node_id]
        step = node_id.rsplit("/", 1)[0]
        if node_id in (COMPLETED, REJECTED):
            ended = TicketState.COMPLETED if node_id == COMPLETED else TicketState.REJECTED
            return (_LAST, []) if self._state is ended else None
        match node.kind:
            case NodeKind.GATE:
                left_out = self._first(step, since, place, "not_needed")
                began = self._first(step, since, place, "began")
                if began and not (left_out and left_out.seq < began.seq):
                    further = [number for number, _ in self._ways(node_id, EdgeKind.WHEN)]
                    return began.seq, [*further, *self._to_background(f"{step}/fork")]
                return (left_out.seq, []) if left_out else None
            case NodeKind.FORK:
                began = self._first(step, since, place, "began")
                return (began.seq, self._to_background(node_id)) if began else None
            case NodeKind.PICK:
                asked = self._asked(node.key, since, place)
                return (asked.seq, []) if asked else None
            case NodeKind.LANE | NodeKind.JOIN:
                return self._pass(node_id, since, place)
        first = self._first(node_id, since, place, "began")
        if first is not None and self._claims.get(first.seq, node_id) == node_id:
            return first.seq, []
        if len(self._nodes[node.key]) > 1 and self._first(node_id, 0, place, "began"):
            # A handler that a route names more than once runs once: the run passes by the second time.
            return self._pass(node_id, since, place)
        return None

    def _pass(self, node_id: str, since: int, place: str | None) -> _Reached | None:
        """What does nothing itself is reached with what comes next to it."""
        block = next((each for each in self._opened_by.values() if each.exit == node_id), None)
        if block is not None:
            ends = [mark.seq for mark in [self._first(block.entry, since, None, "done")] if mark]
            if self._ways(node_id, EdgeKind.LOOP):
                ends += [
                    first
                    for other, first in self._timeline.places.items()
                    if first > since and other != place and self._is_inside(block.entry, other)
                ]
            return (min(ends), []) if ends else None
        for number, edge in self._ways(node_id, EdgeKind.NEXT):
            reached = self._reach(edge.target, since, place)
            if reached is not None:
                return reached[0], [number, *reached[1]]
        return None

    def _to_background(self, fork: str) -> list[int]:
        return [number for number, _ in self._ways(fork, EdgeKind.ASYNC)] if fork in self._graph.node else []

    def _ways(self, node_id: str, *kinds: EdgeKind) -> list[tuple[int, Edge]]:
        return [(number, edge) for number, edge in self._graph.leaving(node_id) if edge.kind in kinds]

    def _first(self, node_id: str, since: int, place: str | None, what: str) -> Mark | None:
        marks = self._timeline.of(self._graph.node[node_id].key)
        return next(
            (
                mark
                for mark in marks
                if mark.what == what and mark.seq > since and place in (None, mark.place)
            ),
            None,
        )

    def _asked(self, key: str, since: int, place: str | None) -> Mark | None:
        return next(
            (
                mark
                for mark in self._timeline.of(key)
                if mark.review == ReviewKind.ROUTE and mark.seq > since and place in (None, mark.place)
            ),
            None,
        )

    def _pick(self, node_id: str, key: str, since: int, place: str | None) -> None:
        """A person was asked for a route, and perhaps picked one."""
        if node_id in self._followed:
            return
        self._followed.add(node_id)
        record = self.records[node_id]
        for mark in self._timeline.of(key):
            if mark.review != ReviewKind.ROUTE or mark.seq <= since or place not in (None, mark.place):
                continue
            if mark.by:
                record.end(mark)
                record.people.append(f"by {mark.by}")
                edges = [each for each in self._ways(node_id, EdgeKind.PICK) if mark.word in each[1].labels]
                self._todo.append((edges, mark.seq, place))
            elif not record.is_open:
                record.begin(mark)

    def _follow_node(self, node_id: str, since: int = 0) -> None:
        """Reads all marks of a step's node, and takes the ways on from it."""
        if node_id in self._followed:
            return
        self._followed.add(node_id)
        record = self.records[node_id]
        fallback = f"{node_id}/fallback"
        stands_in: set[str] = set()
        """Places in which the fallback has taken over."""
        for mark in self._timeline.of(self._graph.node[node_id].key):
            if mark.seq < since or self._claims.get(mark.seq, node_id) != node_id:
                continue
            if mark.what in ("asked", "no") and not record.touched:
                # Somebody was asked under this name where it is a fallback.
                continue
            taker = fallback if mark.place in stands_in and mark.what in ("done", "skipped") else node_id
            self._take(taker, mark)
            if mark.what == "failed" and mark.place not in stands_in and self._is_replaced(node_id, mark):
                stands_in.add(mark.place)
                self.records[fallback].begin(mark)
                self.taken.update(
                    number for number, edge in self._graph.leaving(node_id) if edge.target == fallback
                )
                self._read_people(fallback, mark.seq)
        if node_id in self._opened_by:
            self._enter_block(node_id, record)

    def _take(self, node_id: str, mark: Mark) -> None:
        """What one mark means for a node."""
        record = self.records[node_id]
        match mark.what:
            case "began":
                record.begin(mark)
            case "asked" | "no":
                if mark.review != ReviewKind.ROUTE or f"{node_id}/route" not in self.records:
                    self._note_person(record, mark)
                if mark.what == "no" and mark.review != ReviewKind.ROUTE:
                    record.last = "no"
                    self._todo.append((self._ways(node_id, EdgeKind.NO), mark.seq, mark.place))
            case "failed":
                record.failures.append(mark.word)
                record.last = "failed"
                if (mark.key, mark.place) not in self._waiting:
                    record.end(mark)
                if self._is_last(mark):
                    self._todo.append((self._error_ways(node_id, mark.word), mark.seq, mark.place))
            case "retried":
                record.begin_again()
            case "undone" | "stuck":
                self._undo(node_id, mark)
            case _:
                refused = record.last == "no" and mark.word == "rejected"
                record.end(mark, "no" if refused else "")
                if mark.what != "not_needed" and not refused:
                    self._todo.append((self._leaving(node_id, mark), mark.seq, mark.place))

    def _leaving(self, node_id: str, mark: Mark) -> list[tuple[int, Edge]]:
        """The ways that an end of a step allows."""
        block = self._opened_by.get(node_id)
        source = block.exit if block else node_id
        ways = self._ways(source, EdgeKind.NEXT, EdgeKind.ROUTE)
        fitting = [
            (number, edge)
            for number, edge in ways
            if edge.kind is EdgeKind.NEXT
            or mark.word in edge.labels
            or self._graph.node[edge.target].kind is NodeKind.PICK
        ]
        # For an outcome that the SOP does not foresee, as that of a skipped step, a person picked a route.
        return fitting or ways

    def _is_last(self, mark: Mark) -> bool:
        """Whether nothing more came of the step in this place, and nobody is waited for."""
        later = (
            each for each in self._timeline.of(mark.key) if each.place == mark.place and each.seq > mark.seq
        )
        return (mark.key, mark.place) not in self._waiting and all(each.what in _AFTER for each in later)

    def _is_replaced(self, node_id: str, failed: Mark) -> bool:
        """Whether the fallback has taken over: not where an operator had to be asked first."""
        fallback = f"{node_id}/fallback"
        if fallback not in self.records or (failed.key, failed.place) in self._waiting:
            return False
        marks = (each for each in self._timeline.of(failed.key) if each.place == failed.place)
        following = next(
            (each.what for each in marks if each.seq > failed.seq and each.what not in _AFTER), "done"
        )
        return following == "done" or bool(self._marks_of_fallback(fallback))

    def _marks_of_fallback(self, fallback: str) -> list[Mark]:
        """A fallback goes by its own name, or by its step's and its own where others have that name too."""
        *scope, step, name = self._graph.node[fallback].key.split(".")
        alone = ".".join([*scope, name])
        marks = self._timeline.of(".".join([*scope, step, name]))
        return marks or ([] if alone in self._nodes else self._timeline.of(alone))

    def _error_ways(self, node_id: str, code: str) -> list[tuple[int, Edge]]:
        ways = self._ways(node_id, EdgeKind.ERROR)
        own = [each for each in ways if code in each[1].labels]
        return own or [each for each in ways if ANY_ERROR in each[1].labels]

    def _note_person(self, record: Record, mark: Mark) -> None:
        if not mark.by:
            return
        if mark.what == "no":
            said = f"no by {mark.by}"
        elif mark.review in (ReviewKind.STEP, ReviewKind.MANUAL):
            said = f"by {mark.by}"  # The outcome is said already.
        elif mark.review == ReviewKind.ROUTE:
            said = f"route {mark.word} by {mark.by}"
        else:
            said = f"{mark.word} by {mark.by}"
        record.people.append(f"asked first: {said}" if mark.review == ReviewKind.GATE else said)

    def _read_people(self, fallback: str, since: int) -> None:
        """A fallback that is a person is asked under its own name, and answers under the step's."""
        record = self.records[fallback]
        for mark in self._marks_of_fallback(fallback):
            if mark.seq > since and mark.what in ("asked", "no", "failed"):
                if mark.what == "failed":
                    record.failures.append(mark.word)
                    record.last = "failed"
                    continue
                self._note_person(record, mark)
                if mark.what == "no":
                    record.last = "no"
                    self._todo.append((self._ways(fallback, EdgeKind.NO), mark.seq, mark.place))

    def _undo(self, node_id: str, mark: Mark) -> None:
        undo = f"{node_id}/undo"
        if undo not in self.records:
            return
        record = self.records[undo]
        record.begin(mark)
        record.end(mark)
        self.taken.update(number for number, _ in self._ways(undo, EdgeKind.UNDO))

    def _enter_block(self, node_id: str, record: Record) -> None:
        """The steps inside a block: the way in, once for each round."""
        rounds = 0
        for place in sorted(self._timeline.places):
            if self._is_inside(node_id, place):
                rounds += 1
                self._todo += [([way], record.began_seq, place) for way in self._ways_in(node_id)]
        if self._ways(f"{node_id}/end", EdgeKind.LOOP):
            record.rounds = rounds

    def _ways_in(self, node_id: str) -> Iterable[tuple[int, Edge]]:
        return self._ways(node_id, EdgeKind.NEXT)

    def _is_inside(self, node_id: str, place: str) -> bool:
        """Whether the steps at this place are those of this block."""
        key = self._graph.node[node_id].key
        kind = self._graph.node[node_id].kind
        if not self._ways(f"{node_id}/end", EdgeKind.LOOP) and kind is not NodeKind.CALL:
            return any(mark.place == place for mark in self._timeline.of(key))
        tokens = place.split(".")
        last = tokens[-2:-1] if tokens[-1].isdigit() else tokens[-1:]
        return bool(last) and last[0].split("~")[0] == key.rsplit(".", 1)[-1]
