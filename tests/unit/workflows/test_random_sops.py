"""Laws of the interpreter, held against random SOPs in a world that fails, refuses, is late and gives up."""

import asyncio
from random import Random

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.support.random_sops import Play, plays, seeded_play
from tests.support.scripted_runtime import UNDOING, Call
from tests.support.sop_runs import Run, broken_laws, pinned, play
from tests.support.virtual_loop import StuckError, VirtualLoop

QUICK = settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
FULL = settings(QUICK, max_examples=10_000)
SEVERAL = st.integers(0, 2**32)


def cuts_of(run: Run, seed: int) -> list[int]:
    """Up to three of the moments at which nothing was under way."""
    random = Random(seed)  # noqa: S311 - nothing is kept secret
    return sorted(random.sample(range(run.rests), min(run.rests, random.randint(1, 3))))


def settled_calls(run: Run) -> list[Call]:
    """All but those that began at the very instant at which the ticket ended: which of two comes first there
    is nobody's promise, where two sequences waited for the same step."""
    end = run.record.ended_at
    return sorted(call for call in run.record.calls if call.at != end or call.key.endswith(UNDOING))


def hold_all_laws(each: Play, seed: int) -> None:
    note(str(each))
    sop = pinned(each.sops())
    whole = play(sop, each.script)
    assert list(broken_laws(sop, whole)) == []

    again = play(sop, each.script)
    assert (again.record.calls, again.record.notes) == (whole.record.calls, whole.record.notes)

    cuts = cuts_of(whole, seed)
    note(f"cut at {cuts}")
    cut = play(sop, each.script, cuts=cuts)
    assert list(broken_laws(sop, cut)) == []
    assert settled_calls(cut) == settled_calls(whole)
    assert (cut.state, cut.undone, cut.stuck) == (whole.state, whole.undone, whole.stuck)

    drained = play(sop, each.script, cuts=cuts, drained=True)
    assert list(broken_laws(sop, drained)) == []


@QUICK
@given(plays())
def test_every_sop_runs_to_an_end_and_breaks_no_law(each: Play) -> None:
    note(str(each))
    sop = pinned(each.sops())
    run = play(sop, each.script)
    assert run.state in ("completed", "rejected", "cancelled")
    assert list(broken_laws(sop, run)) == []


@QUICK
@given(plays())
def test_the_same_world_gives_the_same_run(each: Play) -> None:
    note(str(each))
    sop = pinned(each.sops())
    first, second = play(sop, each.script), play(sop, each.script)
    assert first.record == second.record


@QUICK
@given(plays(), SEVERAL)
def test_a_run_that_goes_on_over_its_journal_makes_the_calls_of_one_that_was_never_cut(
    each: Play, seed: int
) -> None:
    hold_all_laws(each, seed)


@pytest.mark.full
@pytest.mark.timeout(1800)
@FULL
@given(plays(), SEVERAL)
def test_all_laws_hold_for_ten_thousand(each: Play, seed: int) -> None:
    hold_all_laws(each, seed)


def test_random_sops_use_the_whole_language() -> None:
    """Otherwise the laws above would say little."""
    seen: set[str] = set()
    for seed in range(300):
        each = seeded_play(seed)
        for text in each.texts:
            seen.update(word.strip(" -").split(":")[0] for word in text.splitlines())
        run = play(pinned(each.sops()), each.script)
        seen.add(run.state)
        seen.update(str(entry.kind) for entry in run.record.notes)
    kinds = {"handler", "review", "manual", "wait", "call", "parallel", "foreach", "repeat"}
    fields = {"when", "with", "branch", "on_error", "on_reject", "compensate", "fallback", "async", "every"}
    more = {"quorum", "four_eyes", "form", "deadline", "on_late", "duration", "until", "event", "limit"}
    ends = {"completed", "rejected", "cancelled", "compensated", "compensation_failed", "step_not_needed"}
    assert kinds | fields | more | ends <= seen


def test_a_run_that_waits_for_ever_is_noticed() -> None:
    async def waits() -> None:
        await asyncio.Event().wait()

    with pytest.raises(StuckError, match="nothing is ready"):
        VirtualLoop().play(waits())


def test_a_run_that_goes_round_for_ever_is_noticed() -> None:
    async def spins() -> None:
        while True:
            await asyncio.sleep(0)

    with pytest.raises(StuckError, match="no end"):
        VirtualLoop(most_turns=1_000).play(spins())
