"""The way a ticket took through its SOP: its timeline, laid over the graph of the SOP."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from definitions.graph_model import COMPLETED, REJECTED, START, EdgeKind, Graph, Node, NodeKind
from domain.lifecycle import ENDS, TicketState
from domain.ticket import TicketEvent, TicketView
from workers.pictures.record import Record, located, read_timeline
from workers.pictures.trace import Trace


class State(StrEnum):
    """What a ticket has to do with a node."""

    DONE = "done"
    CURRENT = "current"
    FAILED = "failed"
    """It failed, and something else took its place or an operator is waited for."""
    REFUSED = "refused"
    """A person said no, or the ticket ended here."""
    SKIPPED = "skipped"
    NOT_NEEDED = "not_needed"
    AHEAD = "ahead"
    """It can still come."""
    PASSED = "passed"
    """The ticket did not come here, and will not."""


@dataclass(frozen=True)
class Visit:
    """What happened at a node."""

    state: State
    order: int | None = None
    """Its place in the order in which nodes were reached."""
    lines: tuple[str, ...] = ()
    """When, with what outcome, by whom; short lines."""


@dataclass(frozen=True)
class Path:
    """A ticket's way."""

    task_id: str
    about: str
    """One line: state, times, zone."""
    visits: dict[str, Visit] = field(default_factory=dict)
    """For every node of the graph."""
    taken: frozenset[int] = frozenset()
    """Numbers of the edges that it went along."""


def path_of(graph: Graph, view: TicketView, events: Sequence[TicketEvent], zone: ZoneInfo) -> Path:
    """The way of a ticket through the graph of the SOP that it pinned. Times are shown in `zone`."""
    days = {event.at.astimezone(zone).date() for event in events}
    clock = _Clock(zone, with_day=len(days) > 1)
    trace = Trace(graph, read_timeline(events), view.state, _waiting(view))
    ended = view.state in ENDS
    still = _reachable(graph, trace.open_nodes) if not ended else frozenset[str]()
    visits = {node.id: _visit(node, trace, view, clock, still) for node in graph.nodes}
    began = sorted(
        (record.began_seq, name)
        for name, record in trace.records.items()
        if record.began_seq and graph.node[name].kind not in (NodeKind.GATE, NodeKind.FORK)
    )
    for order, (_, node_id) in enumerate(began, start=1):
        visit = visits[node_id]
        visits[node_id] = Visit(visit.state, order, visit.lines)
    opened, closed = clock.full(view.opened_at), view.closed_at
    about = (
        f"Ticket {view.task.task_id} · {view.state} · opened {opened}"
        f"{f' · closed {clock.full(closed)}' if closed else ''} · times in {zone.key}"
    )
    return Path(view.task.task_id, about, visits, frozenset(trace.taken))


@dataclass(frozen=True)
class _Clock:
    zone: ZoneInfo
    with_day: bool

    def __call__(self, at: datetime) -> str:
        """The time of day, with the day where the ticket took more than one."""
        return f"{at.astimezone(self.zone):{'%m-%d %H:%M' if self.with_day else '%H:%M'}}"

    def full(self, at: datetime) -> str:
        return f"{at.astimezone(self.zone):%Y-%m-%d %H:%M}"


def _visit(node: Node, trace: Trace, view: TicketView, clock: _Clock, still: frozenset[str]) -> Visit:
    record = trace.records[node.id]
    if node.kind in (NodeKind.START, NodeKind.COMPLETED, NodeKind.REJECTED):
        return _end(node, view, record, clock)
    if not record.touched:
        on_the_way = any(node.id in ends for ends in trace.taken_ends)
        if on_the_way:
            return Visit(State.DONE)
        return Visit(State.AHEAD if node.id in still else State.PASSED)
    lines = _lines(node, record, view, clock)
    if _waits_for_operator(node, view):
        lines.append("waits for an operator")
    return Visit(_state(node, record, view), None, tuple(lines))


def _end(node: Node, view: TicketView, record: Record, clock: _Clock) -> Visit:
    if node.id == START:
        return Visit(State.DONE, None, (clock(view.opened_at),))
    here = (node.id == COMPLETED and view.state is TicketState.COMPLETED) or (
        node.id == REJECTED and view.state is TicketState.REJECTED
    )
    lines = (*((clock(view.closed_at),) if here and view.closed_at else ()), *record.people)
    if here:
        return Visit(State.DONE, None, lines)
    return Visit(State.PASSED if view.state in ENDS else State.AHEAD, None, tuple(record.people))


def _state(node: Node, record: Record, view: TicketView) -> State:
    if record.is_open:
        if view.state in ENDS:
            return State.REFUSED
        return State.FAILED if _waits_for_operator(node, view) else State.CURRENT
    match record.last:
        case "failed":
            return State.FAILED
        case "skipped":
            return State.SKIPPED
        case "not_needed":
            return State.NOT_NEEDED
        case "no":
            return State.REFUSED
    return State.FAILED if node.kind is NodeKind.UNDO and record.last == "stuck" else State.DONE


def _lines(node: Node, record: Record, view: TicketView, clock: _Clock) -> list[str]:
    """What is written at a node, the most important first."""
    lines: list[str] = []
    outcomes = Counter(record.outcomes)
    if record.times > 1:
        counts = ", ".join(f"{outcome.replace('_', ' ')} ×{count}" for outcome, count in outcomes.items())
        lines.append(f"{record.times} times" + (f": {counts}" if counts else ""))
        if record.ended_at:
            lines.append(f"last {clock(record.ended_at)}")
    elif record.is_open and view.state not in ENDS:
        if record.began_at:
            lines.append(f"since {clock(record.began_at)}")
    else:
        at = record.ended_at or record.began_at
        outcome = next(iter(outcomes), "").replace("_", " ")
        lines.append(" · ".join(part for part in (clock(at) if at else "", outcome) if part))
    if record.rounds:
        what = "item" if node.word == "for each" else "round"
        lines.append(f"{record.rounds} {what}{'' if record.rounds == 1 else 's'}")
    lines += record.people
    if record.failures:
        codes = Counter(record.failures)
        counted = (f"{code}{f' ×{count}' if count > 1 else ''}" for code, count in codes.items())
        lines.append(f"error: {', '.join(counted)}")
    return lines


def _waits_for_operator(node: Node, view: TicketView) -> bool:
    return node.key in {key for key, _ in _waiting(view)}


def _waiting(view: TicketView) -> set[tuple[str, str]]:
    """The steps that wait for an operator, by key and place."""
    return set() if view.state in ENDS else {located(step) for step in view.steps_failed}


def _reachable(graph: Graph, nodes: Sequence[str]) -> frozenset[str]:
    """Everything that can still come after these nodes, on whatever belongs to them as well."""
    inside = {cluster.id: cluster for cluster in graph.clusters}
    found: set[str] = set()
    todo = list(nodes)
    while todo:
        at = todo.pop()
        ways = [edge for _, edge in graph.leaving(at) if edge.kind is not EdgeKind.LOOP]
        cluster = inside.get(graph.node[at].cluster)
        onward = [edge.target for edge in ways if edge.kind is not EdgeKind.UNDO]
        if at in nodes and cluster is not None:
            onward.append(cluster.exit)
        for target in onward:
            if target not in found:
                found.add(target)
                todo.append(target)
    return frozenset(found)
