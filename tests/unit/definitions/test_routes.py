"""The one pass over an SOP's routes sees what walking every single way would see."""

from collections.abc import Iterator
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from definitions.routes import Flow
from definitions.schema import FINISH, REJECT, Sop, Step, routes_of
from tests.fakes.catalogue import CATALOGUE

HANDLERS = ("risk_assessor", "core_system_freeze", "acknowledge_receipt", "auth_validator")


@st.composite
def flat_sops(draw: st.DrawFn) -> Sop:
    """Up to seven steps in a row, with routes forward, conditions and ends."""
    count = draw(st.integers(1, 7))
    plain = [index for index in range(count) if draw(st.booleans())]
    steps = []
    for index in range(count):
        handler = draw(st.sampled_from(HANDLERS))
        step = {"name": f"S{index}", "handler": handler}
        ahead = [f"s{each}" for each in range(index + 1, count)]
        # Only a route's last target branches itself.
        on_the_way = [f"s{each}" for each in range(index + 1, count) if each in plain]
        last = [*ahead, "core_system_freeze", "manual_freeze", FINISH, REJECT]
        if index not in plain:
            outcomes = ("low", "medium", "high") if handler == "risk_assessor" else ("done",)
            routes = {}
            for outcome in (*outcomes, "any"):
                way = draw(
                    st.lists(st.sampled_from(on_the_way or ["manual_freeze"]), max_size=2, unique=True)
                )
                end = draw(st.sampled_from(last))
                routes[outcome] = [*way, *([end] if end not in way and draw(st.booleans()) else [])]
            error = routes.pop("any")
            step["branch"] = routes
            if draw(st.booleans()):
                step["on_error"] = {"any": error}
        if draw(st.integers(0, 4)) == 0:
            step["when"] = "risk == 'low'"
        steps.append(step)
    return Sop.model_validate({"name": "Test", "trigger": {"category": "other"}, "steps": steps})


class Walk:
    """One run as the interpreter makes it, with every choice decided beforehand."""

    def __init__(self, sop: Sop, choices: dict[str, tuple[str, ...] | None]) -> None:
        self.steps = sop.steps
        self.order = {step.id: index for index, step in enumerate(sop.steps)}
        self.choices = choices
        self.ran: set[str] = set()
        self.assessed = False
        self.bare: set[str] = set()
        """Steps that changed something before the assessment."""
        self.without: dict[str, set[str]] = {}
        """By step, what had no result yet when it began."""
        self.after: dict[str, set[str]] = {}
        """By step, what had one."""

    def run(self) -> None:
        position = 0
        try:
            while position < len(self.steps):
                position = self._visit(self.steps[position])
        except StopIteration:
            return

    def _visit(self, step: Step) -> int:
        following = self.order[step.id] + 1
        if step.id in self.ran:
            return following
        self.without[step.id] = set(self.order) - self.ran
        self.after[step.id] = set(self.ran)
        self.ran.add(step.id)
        route = self.choices[step.id]
        if route is None:
            return following  # not needed
        self._do(step.handler or "", step.id, failed=route[:1] == ("on_error",))
        after = following
        for target in routes_of(step).get(route, ()):
            if target in (FINISH, REJECT):
                raise StopIteration
            if target in self.order:
                after = self._visit(self.steps[self.order[target]])
            else:
                self._do(target, step.id, failed=False)
                after = following
        return after

    def _do(self, handler: str, step_id: str, *, failed: bool) -> None:
        if CATALOGUE[handler].effect.gated and not self.assessed:
            self.bare.add(step_id)
        if CATALOGUE[handler].assesses_risk and not failed:
            self.assessed = True


def every_way(sop: Sop) -> Iterator[Walk]:
    ways = []
    for step in sop.steps:
        routes: list[tuple[str, ...] | None] = [
            place for place in routes_of(step) if isinstance(place, tuple)
        ]
        ways.append([*(routes if step.branch else [*routes, ("branch",)]), *([None] if step.when else [])])
    for choice in product(*ways):
        walk = Walk(sop, dict(zip((step.id for step in sop.steps), choice, strict=True)))
        walk.run()
        yield walk


@settings(max_examples=150, deadline=None)
@given(flat_sops())
def test_what_the_pass_says_is_true_of_every_way(sop: Sop) -> None:
    flow = Flow(sop, CATALOGUE)
    reached: set[str] = set()
    bare: set[str] = set()
    without: dict[str, set[str]] = {}
    after: dict[str, set[str]] = {}
    for walk in every_way(sop):
        reached |= walk.ran
        bare |= walk.bare
        for step_id, missing in walk.without.items():
            without.setdefault(step_id, set()).update(missing)
            after.setdefault(step_id, set()).update(walk.after[step_id])
    named = {step.id: ("steps", index) for index, step in enumerate(sop.steps)}
    # It may see ways that no run takes (a step that ran already is not run again), never fewer.
    assert reached.isdisjoint(step_id for step_id, place in named.items() if place in flow.unreached)
    seen_bare = {place[:2] for place, _ in flow.unassessed()}
    assert {named[step_id] for step_id in bare} <= seen_bare
    for step_id in reached:
        known = flow.at(named[step_id])
        assert known is not None
        certain = {each for each in named if known.certain & flow.bits[each]}
        possible = {each for each in named if known.possible & flow.bits[each]}
        assert certain.isdisjoint(without[step_id])
        assert after[step_id] <= possible
