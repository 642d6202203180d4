"""A journal goes on under another version of the SOP: what is done stays, what is mended is done anew."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from definitions.book import PinnedSop, pin
from definitions.schema import Sop
from domain.steps import StepOutput
from domain.ticket import EventKind
from tests.fakes.runtime import FakeRuntime
from tests.support.random_sops import seeded_play
from tests.support.scripted_handlers import CATALOGUE
from tests.support.sop_runs import pinned, play
from workflows.interpreter import Interpreter, Journal, StepFailure, TicketEnded
from workflows.interpreter.journal import Failure

REFUSED = StepFailure("order_refused", "no")
BEGUN = datetime(2026, 11, 23, 9, tzinfo=UTC)
REST = {"name": "Rest", "wait": {"duration": "5h"}}


def sop(*steps: dict[str, Any]) -> PinnedSop:
    return pin(Sop.model_validate({"name": "Test", "steps": list(steps)}), CATALOGUE)


def pay(text: str = "", **more: Any) -> dict[str, Any]:
    return {"name": "Pay", "handler": "pay", **({"with": {"text": text}} if text else {}), **more}


def loop(items: str, *steps: dict[str, Any]) -> dict[str, Any]:
    return {"name": "All", "foreach": {"items": items, "steps": list(steps)}}


async def stuck(test: PinnedSop, runtime: FakeRuntime) -> Journal:
    """Runs until an operator is asked, who does not answer."""
    interpreter = Interpreter(test, runtime)
    with pytest.raises(TicketEnded):
        await interpreter.run()
    return Journal.model_validate_json(interpreter.journal.model_dump_json())


class TestFailures:
    async def test_a_step_whose_fallback_failed_is_tried_anew(self) -> None:
        old, new = sop(pay(fallback="tell")), sop(pay(fallback="tell", retry=3))
        journal = await stuck(old, FakeRuntime({"pay": [REFUSED], "tell": [REFUSED]}, operator=["cancel"]))
        assert set(journal.failures) == {"pay", "tell"}
        journal.move(old, new, ["tell"])
        runtime = FakeRuntime()
        await Interpreter(new, runtime, journal).run()
        assert runtime.calls == [("pay", "pay", 2)]
        assert journal.failures == {}

    async def test_one_that_may_have_had_its_effect_waits_for_an_operator_who_looks(self) -> None:
        old, new = sop(pay()), sop(pay(retry=3))
        unknown = StepFailure("outcome_unknown", "no answer in time")
        journal = await stuck(old, FakeRuntime({"pay": [unknown]}, operator=["cancel"]))
        assert journal.move(old, new, ["pay"]) == ("pay",)
        runtime = FakeRuntime(operator=["cancel"])
        with pytest.raises(TicketEnded):
            await Interpreter(new, runtime, journal).run()
        assert runtime.calls == []

    async def test_where_it_fails_again_its_fallback_is_tried_anew_too(self) -> None:
        test = sop(loop("[1]", pay(fallback="tell")))
        journal = await stuck(test, FakeRuntime({"pay": [REFUSED], "tell": [REFUSED]}, operator=["cancel"]))
        journal.move(test, test, ["all.1.tell"])
        runtime = FakeRuntime({"pay": [REFUSED]})
        await Interpreter(test, runtime, journal).run()
        assert runtime.calls == [("all.1.pay", "pay", 2), ("all.1.tell", "tell", 2)]

    async def test_a_failure_whose_fallback_is_under_way_stays(self) -> None:
        test = sop(pay(fallback="by_hand"))
        failure = Failure(code="order_refused", message="no")
        journal = Journal(started={"pay": BEGUN}, failures={"pay": failure})
        journal.move(test, sop(pay(fallback="by_hand", retry=3)), [])
        assert set(journal.failures) == {"pay"}


class TestInputs:
    async def test_a_failed_step_is_given_what_the_new_version_says(self) -> None:
        old, new = sop(pay("as it was")), sop(pay("mended"))
        journal = await stuck(old, FakeRuntime({"pay": [REFUSED]}, operator=["cancel"]))
        assert journal.given == {"pay": {"text": "as it was"}}
        journal.move(old, new, ["pay"])
        assert journal.given == {}
        runtime = FakeRuntime()
        await Interpreter(new, runtime, journal).run()
        assert runtime.inputs["pay"] == {"text": "mended"}

    def test_so_is_one_that_has_begun_and_not_finished(self) -> None:
        old = sop(pay("as it was"))
        journal = Journal(started={"pay": BEGUN}, given={"pay": {"text": "as it was"}})
        journal.move(old, sop(pay("mended")), [])
        assert journal.given == {}
        assert journal.started == {"pay": BEGUN}

    def test_one_that_reads_the_same_keeps_what_was_asked_about(self) -> None:
        old = sop(pay("at ${ now }"))
        journal = Journal(started={"pay": BEGUN}, given={"pay": {"text": "at 9"}})
        journal.move(old, sop(pay("at ${ now }"), REST), [])
        assert journal.given == {"pay": {"text": "at 9"}}

    def test_a_finished_step_is_undone_with_what_it_was_told(self) -> None:
        old = sop(pay("one", compensate="pay_back"), REST)
        journal = Journal(
            started={"pay": BEGUN}, given={"pay": {"text": "one"}}, finished={"pay": StepOutput()}
        )
        journal.move(old, sop(pay("one", compensate="pay_back", retry=3), REST), [])
        assert journal.given == {"pay": {"text": "one"}}


class TestBlocks:
    async def test_a_loop_in_which_nothing_is_done_takes_the_new_items(self) -> None:
        old, new = sop(loop("[1]", pay("${ string(item) }"))), sop(loop("[2, 3]", pay("${ string(item) }")))
        journal = await stuck(old, FakeRuntime({"pay": [REFUSED]}, operator=["cancel"]))
        journal.move(old, new, ["all.1.pay"])
        runtime = FakeRuntime()
        await Interpreter(new, runtime, journal).run()
        assert runtime.calls == [("all.1.pay", "pay", 2), ("all.2.pay", "pay", 1)]
        assert [each["text"] for each in runtime.inputs.values()] == ["2", "3"]

    async def test_one_that_has_done_a_part_keeps_its_items_and_mends_the_rest(self) -> None:
        items = 'now < timestamp("2026-11-23T13:00:00Z") ? [1, 2] : [8, 9]'
        old = sop(loop(items, pay("${ string(item) }")))
        new = sop(loop(items, pay("number ${ string(item) }")))
        journal = await stuck(old, FakeRuntime({"pay": ["done", REFUSED]}, operator=["cancel"]))
        journal.move(old, new, ["all.2.pay"])
        runtime = FakeRuntime()
        runtime.clock += timedelta(hours=5)
        await Interpreter(new, runtime, journal).run()
        assert runtime.inputs == {"all.2.pay": {"text": "number 2"}}


class TestWaits:
    def test_a_wait_that_was_mended_ends_when_the_new_version_says(self) -> None:
        due = BEGUN + timedelta(hours=5)
        old, new = sop(REST), sop({"name": "Rest", "wait": {"duration": "1h"}})
        journal = Journal(started={"rest": BEGUN}, dues={"rest": due}, told={"rest": BEGUN})
        journal.move(old, old, [])
        assert (journal.dues, journal.told) == ({"rest": due}, {"rest": BEGUN})
        journal.move(old, new, [])
        assert (journal.started, journal.dues, journal.told) == ({"rest": BEGUN}, {}, {})

    @pytest.mark.parametrize("wait", [{"duration": "5h"}, {"event": "papers", "deadline": "1d"}])
    async def test_the_timeline_tells_of_a_wait_once(self, wait: dict[str, Any]) -> None:
        test = sop({"name": "Rest", "wait": wait})
        journal, runtime = Journal(started={"rest": BEGUN}), FakeRuntime(events={"papers": {}})
        runtime.clock = BEGUN
        await Interpreter(test, runtime, journal).run()
        assert runtime.notes[EventKind.WAITING] == ["rest"]
        journal.finished.clear()
        journal = Journal.model_validate_json(journal.model_dump_json())
        runtime.clock = BEGUN
        await Interpreter(test, runtime, journal).run()
        assert runtime.notes[EventKind.WAITING] == ["rest"]

    async def test_one_that_an_operator_tries_again_is_another(self) -> None:
        runtime = FakeRuntime(operator=["retry", "skip"])
        await Interpreter(sop({"name": "Papers", "wait": {"event": "papers"}}), runtime).run()
        assert runtime.notes[EventKind.WAITING] == ["papers", "papers"]


@pytest.mark.parametrize("seed", range(40))
def test_nothing_is_forgotten_where_the_version_says_the_same(seed: int) -> None:
    random = seeded_play(seed)
    test = pinned(random.sops())
    journal = play(test, random.script).journal
    before = journal.model_dump_json()
    journal.move(test, test, [])
    assert journal.model_dump_json() == before
