"""An SOP as a graph: what can run after what, on every route. Pure; it knows nothing of drawing.

The walk follows the interpreter's own rules: targets run in the order listed, the run goes on behind the
last one where that is a step of the sequence, and a step that ran does not run again.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from definitions.graph_model import (
    COMPLETED,
    REJECTED,
    START,
    Cluster,
    Edge,
    EdgeKind,
    Graph,
    Node,
    NodeKind,
)
from definitions.graph_words import about, facts_of, handler_kind, handler_outcomes, kind_of, outcomes_of
from definitions.schema import FINISH, LATE, REJECT, Sop, Step
from domain.handlers import HandlerSpec

_MOST_STATES: Final = 5_000
"""Beyond this many the walk of a sequence forgets which steps ran before their turn."""
_MOST_NODES: Final = 1_500
"""Beyond this many, called SOPs are drawn as one step."""


def graph_of(sop: Sop, handlers: Mapping[str, HandlerSpec], called: Mapping[str, Sop] | None = None) -> Graph:
    """The graph of an SOP. `called` has the SOPs that it calls, by id; others are drawn as one step.

    A handler that is not in the catalogue is drawn without what only the catalogue knows.
    """
    draft = _Draft(handlers, called or {})
    draft.add(Node(START, NodeKind.START, "Start"))
    sequence = _Sequence(draft, sop.steps, end=COMPLETED, finish=COMPLETED, calling=(sop.id,))
    draft.join(START, sequence.walk(), EdgeKind.NEXT)
    draft.add(Node(COMPLETED, NodeKind.COMPLETED, "Completed"))
    if any(target == REJECTED for _, target, _ in draft.edges):
        draft.add(Node(REJECTED, NodeKind.REJECTED, "Rejected"))
    return Graph(
        name=sop.name,
        about=about(sop),
        nodes=tuple(draft.nodes.values()),
        edges=tuple(Edge(*ends, tuple(labels)) for ends, labels in draft.edges.items()),
        clusters=tuple(draft.clusters),
    )


@dataclass
class _Draft:
    handlers: Mapping[str, HandlerSpec]
    called: Mapping[str, Sop]
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[tuple[str, str, EdgeKind], dict[str, None]] = field(default_factory=dict)
    clusters: list[Cluster] = field(default_factory=list)

    def add(self, node: Node) -> None:
        self.nodes[node.id] = node

    def join(self, source: str, target: str, kind: EdgeKind, *labels: str) -> None:
        """Adds an edge, or its labels to the one that is there."""
        self.edges.setdefault((source, target, kind), {}).update(dict.fromkeys(labels))


@dataclass(frozen=True)
class _Do:
    """To be run: a target of the step `by`. After one that `goes_on` the walk continues behind it."""

    target: str
    by: str
    goes_on: bool = False


@dataclass(frozen=True)
class _GoOn:
    """To be run: whatever comes in order from this position on."""

    at: int


_Agenda = tuple[_Do | _GoOn, ...]


@dataclass(frozen=True)
class _State:
    """A step that is reached, and all on which it depends what comes after it."""

    step: Step = field(compare=False)
    node: str
    follow: _Agenda
    goes_on: bool
    done: frozenset[str]
    """Steps that ran before their turn."""


class _Sequence:
    """Walks one sequence of steps on every route, without recursion: an SOP can have a thousand steps."""

    def __init__(
        self,
        draft: _Draft,
        steps: Iterable[Step],
        *,
        end: str,
        finish: str,
        calling: tuple[str, ...],
        prefix: str = "",
        cluster: str = "",
    ) -> None:
        self._draft = draft
        self._steps = tuple(steps)
        self._position = {step.id: index for index, step in enumerate(self._steps)}
        self._end = end
        self._finish = finish
        self._calling = calling
        self._prefix = prefix
        self._cluster = cluster
        self._open: deque[_State] = deque()
        self._seen: set[_State] = set()
        self._copies: dict[tuple[str, str, _Agenda], str] = {}

    def walk(self) -> str:
        """Adds all that can run; returns the node with which it begins."""
        first = self._enter((_GoOn(0),), frozenset())
        for step in self._steps:
            # A step that no route reaches is drawn all the same, with nothing leading to it.
            self._settle()
            if self._prefix + step.id not in self._draft.nodes:
                self._enter((_GoOn(self._position[step.id]),), frozenset())
        self._settle()
        return first

    def _settle(self) -> None:
        while self._open:
            self._expand(self._open.popleft())

    def _enter(self, agenda: _Agenda, done: frozenset[str]) -> str:
        """The node that comes first on the agenda. What follows it is expanded later."""
        while True:
            first, rest = agenda[0], agenda[1:]
            if isinstance(first, _GoOn):
                at = first.at
                while at < len(self._steps) and self._steps[at].id in done:
                    at += 1
                if at == len(self._steps):
                    return self._end
                step = self._steps[at]
                done = frozenset(each for each in done if self._position[each] > at)
                return self._reach(_State(step, self._prefix + step.id, (_GoOn(at + 1),), True, done))
            if first.target in (REJECT, FINISH):
                return REJECTED if first.target == REJECT else self._finish
            place = self._position.get(first.target)
            if place is None:
                return self._reach_handler(first, rest, done)
            follow: _Agenda = (_GoOn(place + 1),) if first.goes_on else rest
            if first.target not in done:
                step = self._steps[place]
                ran = done | {step.id}
                return self._reach(_State(step, self._prefix + step.id, follow, first.goes_on, ran))
            agenda = follow

    def _reach_handler(self, do: _Do, rest: _Agenda, done: frozenset[str]) -> str:
        """A route can name a handler that no step has. It stands beside the step, once for each way on."""
        known = (do.by, do.target, rest)
        if known not in self._copies:
            number = sum((by, target) == known[:2] for by, target, _ in self._copies) + 1
            self._copies[known] = f"{self._prefix}{do.by}/{do.target}{f'/{number}' if number > 1 else ''}"
        step = Step(name=do.target.replace("_", " ").capitalize(), id=do.target, handler=do.target)
        return self._reach(_State(step, self._copies[known], rest, False, done))

    def _reach(self, state: _State) -> str:
        if len(self._seen) > _MOST_STATES:
            state = replace(state, done=frozenset())
        if state not in self._seen:
            self._seen.add(state)
            self._open.append(state)
        if state.step.when is not None:
            return f"{state.node}/when"
        return f"{state.node}/fork" if state.step.is_async else state.node

    def _expand(self, state: _State) -> None:
        """Adds the step's nodes, and the edges to all that can follow it."""
        draft, step, node = self._draft, state.step, state.node
        spec = draft.handlers.get(step.handler or "")
        if node not in draft.nodes:
            self._add(state, spec)
        if step.when is not None:
            draft.join(f"{node}/when", self._enter(state.follow, state.done), EdgeKind.OTHERWISE)
        if step.is_async:
            draft.join(f"{node}/fork", self._enter(state.follow, state.done), EdgeKind.NEXT)
        else:
            leaves = f"{node}/end" if f"{node}/end" in draft.nodes else node
            self._lead_on(state, leaves, outcomes_of(step, spec))
            for code, targets in (step.on_error or {}).items():
                draft.join(node, self._route(state, targets), EdgeKind.ERROR, code)
        self._refuse(state, node, spec)
        if step.wait is not None and step.wait.on_late == "reject":
            draft.join(node, REJECTED, EdgeKind.NO, LATE)
        if step.fallback is not None:
            fallback = draft.handlers.get(step.fallback)
            if not step.is_async:
                self._lead_on(state, f"{node}/fallback", handler_outcomes(fallback))
            self._refuse(state, f"{node}/fallback", fallback)

    def _lead_on(self, state: _State, source: str, outcomes: tuple[str, ...]) -> None:
        """The ways on from a step, or from its fallback, whose outcome counts as the step's."""
        draft, branch = self._draft, state.step.branch
        if branch is None:
            draft.join(source, self._enter(state.follow, state.done), EdgeKind.NEXT)
            return
        own = source != f"{state.node}/fallback"
        for outcome, targets in branch.items():
            if own or outcome in outcomes:
                draft.join(source, self._route(state, targets), EdgeKind.ROUTE, outcome)
        unrouted = [outcome for outcome in outcomes if outcome not in branch]
        if not unrouted:
            return
        pick = f"{source}/route"
        draft.add(
            Node(
                pick,
                NodeKind.PICK,
                "A person picks a route",
                "no route",
                cluster=self._cluster,
                key=draft.nodes[state.node].key,
                owner=source,
            )
        )
        draft.join(source, pick, EdgeKind.ROUTE, *unrouted)
        for outcome, targets in branch.items():
            if outcome != LATE:
                draft.join(pick, self._route(state, targets), EdgeKind.PICK, outcome)

    def _refuse(self, state: _State, source: str, spec: HandlerSpec | None) -> None:
        """Where the no of the person who does this step leads."""
        step = state.step
        person = step.review or step.manual or (spec.human if spec else None)
        if person is None:
            return
        by_hand = step.manual is not None or bool(spec and spec.human and spec.human.kind == "manual")
        labels = ["not possible" if by_hand else "no"]
        if person.deadline is not None and person.on_late == "reject":
            labels.append(LATE)
        target = REJECTED if step.on_reject is None else self._route(state, step.on_reject)
        self._draft.join(source, target, EdgeKind.NO, *labels)

    def _route(self, state: _State, targets: tuple[str, ...]) -> str:
        """The node to which a list of targets leads."""
        by = state.step.id
        agenda: _Agenda = tuple(_Do(target, by) for target in targets)
        if state.goes_on and targets and targets[-1] in self._position:
            agenda = (*agenda[:-1], _Do(targets[-1], by, goes_on=True))
        else:
            agenda = (*agenda, *state.follow)
        return self._enter(agenda, state.done)

    def _add(self, state: _State, spec: HandlerSpec | None) -> None:
        """The step's node, those that belong to it, and the steps inside it."""
        draft, step, node = self._draft, state.step, state.node
        kind, word = kind_of(step, spec)
        inside = self._cluster
        if step.kind in ("parallel", "foreach", "repeat") or self._opens(step):
            inside = node
        key = self._prefix + step.id
        owner = f"{node}/fork" if step.is_async else ""
        if step.when is not None:
            first = owner or node
            draft.add(Node(f"{node}/when", NodeKind.GATE, step.when, "when", cluster=self._cluster, key=key))
            draft.join(f"{node}/when", first, EdgeKind.WHEN, step.when)
        if step.is_async:
            draft.add(Node(owner, NodeKind.FORK, "", "in the background", cluster=self._cluster, key=key))
            draft.join(owner, node, EdgeKind.ASYNC)
        draft.add(Node(node, kind, step.name, word, facts_of(step, spec), inside, key, owner))
        if inside == node:
            self._add_inside(step, node)
        if step.fallback is not None:
            stand_in = draft.handlers.get(step.fallback)
            kind, word = handler_kind(stand_in)
            as_step = Step(name=step.fallback.replace("_", " ").capitalize(), handler=step.fallback)
            facts = facts_of(as_step, stand_in)
            key = f"{self._prefix}{step.id}.{step.fallback}"
            fallback = f"{node}/fallback"
            draft.add(Node(fallback, kind, as_step.name, word, facts, self._cluster, key, owner=node))
            draft.join(node, fallback, EdgeKind.ERROR, "failed")
        if step.compensate is not None and step.compensate.handler is not None:
            undo, how = f"{node}/undo", step.compensate.handler
            name = how.replace("_", " ").capitalize()
            draft.add(Node(undo, NodeKind.UNDO, name, "undoes", (how,), self._cluster, owner=node))
            draft.join(undo, node, EdgeKind.UNDO)

    def _opens(self, step: Step) -> bool:
        """Whether a called SOP is drawn with its steps."""
        known = step.call in self._draft.called and step.call not in self._calling
        return known and len(self._draft.nodes) < _MOST_NODES

    def _add_inside(self, step: Step, node: str) -> None:
        """The cluster of a block, from its node to the join at its end."""
        draft, end = self._draft, f"{node}/end"
        draft.clusters.append(Cluster(node, self._cluster, node, end))
        draft.add(Node(end, NodeKind.JOIN, cluster=node))

        def sequence(steps: Iterable[Step], cluster: str, end: str) -> str:
            called = draft.called.get(step.call or "")
            inner = _Sequence(
                draft,
                steps,
                end=end,
                finish=f"{node}/end" if called else self._finish,
                calling=(*self._calling, called.id) if called else self._calling,
                prefix=f"{node}." if called else self._prefix,
                cluster=cluster,
            )
            return inner.walk()

        if step.call is not None:
            draft.join(node, sequence(draft.called[step.call].steps, node, end), EdgeKind.NEXT)
        for (kind, name), steps in step.sequences():
            if kind != "parallel":
                draft.join(node, sequence(steps, node, end), EdgeKind.NEXT)
                draft.join(end, node, EdgeKind.LOOP)
                continue
            lane, lane_end = f"{node}/{name}", f"{node}/{name}/end"
            draft.clusters.append(Cluster(lane, node, lane, lane_end, is_lane=True))
            draft.add(Node(lane, NodeKind.LANE, name.replace("_", " "), "sequence", cluster=lane))
            draft.add(Node(lane_end, NodeKind.JOIN, cluster=lane))
            draft.join(node, lane, EdgeKind.NEXT)
            draft.join(lane, sequence(steps, lane, lane_end), EdgeKind.NEXT)
            draft.join(lane_end, end, EdgeKind.NEXT)
