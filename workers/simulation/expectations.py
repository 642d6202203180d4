"""Holds a simulated run against what its case expects."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any, Final

from domain.duration import format_duration
from workers.simulation.cases import Asked
from workers.simulation.facts import Facts
from workers.simulation.record import Raised
from workers.simulation.run import Played

_SAME_MOMENT: Final = timedelta(seconds=2)
"""Timers that are due together fire in either order."""


def differences(played: Played) -> list[str]:
    """Everything in which the run is not as its case says: one line each, empty when all is well."""
    if played.trouble:
        return [played.trouble]
    if played.view is None:
        return ["the ticket was never opened"]
    return [*_preconditions(played), *_expectations(played), *_scripts(played)]


def _preconditions(played: Played) -> Iterator[str]:
    view, sop = played.view, played.sop
    if view is not None and sop.trigger is not None and view.sop != sop.name:
        why = view.dispatch.evidence.reason if view.dispatch else ""
        yield f"dispatch: expected the SOP {sop.name!r}, was {view.sop!r} ({why})"


def _expectations(played: Played) -> Iterator[str]:
    for name, expected, was, fits in _compared(played):
        if expected is not None and not fits:
            yield f"{name}: expected {expected}, was {was}"
    facts, expect = Facts(played), played.case.expect
    yield from (f"not: {step} ran" for step in expect.never if step in facts.ran)


def _compared(played: Played) -> Iterator[tuple[str, object, str, bool]]:
    """What was expected (None: nothing), what was, in words, and whether the two agree."""
    expect, view, facts, took = played.case.expect, played.view, Facts(played), played.took
    assert view is not None  # noqa: S101 - asked before
    why = view.result or (f"waits for {view.waiting_for}" if view.waiting_for else "")
    reasons = "; ".join(view.risk_reasons)
    yield "state", expect.state, f"{view.state} ({why})", view.state is expect.state
    yield "result", expect.result, view.result or "none", (expect.result or "") in view.result
    yield "risk", expect.risk, f"{view.risk} ({reasons})", view.risk is expect.risk
    yield "spot_check", expect.spot_check, str(view.spot_check), view.spot_check is expect.spot_check
    yield _of_lists("steps", expect.steps, facts.steps)
    yield _of_lists("effects", expect.effects, facts.effects)
    yield _of_lists("undone", expect.undone, facts.undone)
    alerts = None if expect.alerts is None else _listed(expect.alerts)
    yield "alerts", alerts, _listed(facts.alerts), _in_order(expect.alerts or (), played.record.alerts)
    for step, outcome in expect.outcomes.items():
        found = facts.outcomes.get(step, "not run")
        yield f"outcomes.{step}", outcome, found, found == outcome
    if expect.asked is not None:
        wanted = [" ".join(each.model_dump(exclude_none=True).values()) for each in expect.asked]
        asked = [
            f"{each['kind']} {each['step_id']} of {each['group']} as {each['role']}" for each in facts.asked
        ]
        yield "asked", _listed(wanted), _listed(asked), _as_asked(expect.asked, facts.asked)
    waiting = view.waiting_for or "nobody"
    yield "waiting_for", expect.waiting_for, waiting, (expect.waiting_for or "") in waiting
    if expect.within is not None:
        was = "no end" if took is None else format_duration(took)
        yield "within", format_duration(expect.within), was, took is not None and took <= expect.within


def _of_lists(
    name: str, expected: tuple[str, ...] | None, was: tuple[str, ...]
) -> tuple[str, str | None, str, bool]:
    return name, None if expected is None else _listed(expected), _listed(was), expected == was


def _scripts(played: Played) -> Iterator[str]:
    """A script that is not played tests nothing, and what nobody expected may hide a mistake."""
    used = played.record.used
    for script in played.play.scripts:
        if script not in used:
            yield f"{script} was never used"
    for sent in played.record.sent:
        if not sent.as_expected:
            wanted = f"refused with {sent.expected_refusal}" if sent.expected_refusal else "taken"
            was = f"{sent.code}: {sent.message}"
            yield f"{sent.what} by {sent.by or 'nobody'}: expected to be {wanted}, was {was}"


def _in_order(expected: Sequence[str], alerts: Sequence[Raised]) -> bool:
    """Whether these are the levels, in this order; alerts of the same moment may come in any."""
    if len(expected) != len(alerts):
        return False
    start = 0
    for index in range(1, len(alerts) + 1):
        if index == len(alerts) or alerts[index].at - alerts[index - 1].at > _SAME_MOMENT:
            if sorted(expected[start:index]) != sorted(each.level for each in alerts[start:index]):
                return False
            start = index
    return True


def _as_asked(wanted: Sequence[Asked], was: Sequence[dict[str, Any]]) -> bool:
    return len(wanted) == len(was) and all(
        (each.step or review["step_id"], each.kind or review["kind"], each.role or review["role"])
        == (review["step_id"], review["kind"], review["role"])
        and (each.group or review["group"]) == review["group"]
        for each, review in zip(wanted, was, strict=True)
    )


def _listed(names: Iterable[str]) -> str:
    return f"[{', '.join(names)}]"
