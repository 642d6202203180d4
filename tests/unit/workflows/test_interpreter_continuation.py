"""Runs that are cut in the middle, and what must not be lost, doubled or changed by it; keys of what runs."""

from typing import Any

from definitions.book import PinnedSop, pin
from definitions.schema import Sop
from domain.ticket import EventKind
from tests.support.scripted_handlers import CATALOGUE
from tests.support.scripts import FAILURES, Script
from tests.support.sop_runs import Run, broken_laws, pinned, play

SMOOTH = Script()
"""Everything works, people approve, events come."""
FAILS = Script(failing=100)


def sop(*steps: dict[str, Any], **more: Any) -> PinnedSop:
    return pinned([Sop.model_validate({"name": "Test", "steps": list(steps), **more})])


def pay(name: str = "Pay", **more: Any) -> dict[str, Any]:
    return {"name": name, "handler": "pay", **more}


def beside(step: dict[str, Any]) -> dict[str, Any]:
    """The step, and something else that goes on meanwhile: the run can be cut while the step is under way."""
    rest = {"name": "Short", "wait": {"duration": "20s"}}
    return {"name": "Both", "parallel": {"one": [step], "other": [rest]}}


def calls(run: Run) -> list[tuple[str, str]]:
    return [(call.key, call.handler) for call in run.record.calls]


def cut_anywhere(test: PinnedSop, script: Script) -> list[Run]:
    """The same run, cut at each moment at which it can be."""
    whole = play(test, script)
    assert whole.rests
    return [play(test, script, cuts=[moment]) for moment in range(whole.rests)]


def script_where(test: PinnedSop, holds: Any, **shares: int) -> Script:
    """The first script under which the run is as wanted."""
    scripts = (Script(seed=seed, **shares) for seed in range(3_000))
    return next(script for script in scripts if holds(play(test, script)))


class TestKeys:
    def test_two_steps_with_one_fallback_share_no_idempotency_key(self) -> None:
        steps = [pay(name, retry=0, fallback="tell") for name in ("One", "Two")]
        test = sop(*steps)
        script = script_where(
            test, lambda run: len(run.record.calls) == 4 and not run.journal.occurrences, failing=50
        )
        keys = [(call.key, call.occurrence) for call in play(test, script).record.calls]
        assert keys == [("one", 1), ("one.tell", 1), ("two", 1), ("two.tell", 1)]

    def test_a_fallback_that_no_other_step_has_goes_by_its_handlers_name(self) -> None:
        run = play(sop(pay(fallback="tell")), FAILS)
        assert ("tell", "tell") in calls(run)

    def test_two_failures_side_by_side_ask_two_questions_of_the_same_human_task(self) -> None:
        both = {name: [pay(name, retry=0, fallback="by_hand")] for name in ("one", "two")}
        run = play(sop({"name": "Both", "parallel": both}), FAILS)
        assert {"one.by_hand", "two.by_hand"} <= set(run.record.asked)
        assert run.state == "completed"

    def test_a_handler_that_two_sequences_lead_to_runs_once(self) -> None:
        ways = {"good": ["tell"], "bad": ["tell"], "odd": ["tell"]}
        both = {name: [{"name": name, "handler": "look", "branch": ways}] for name in ("one", "two")}
        run = play(sop({"name": "Both", "parallel": both}), SMOOTH)
        assert calls(run).count(("tell", "tell")) == 1

    def test_a_person_whom_two_sequences_lead_to_is_asked_once(self) -> None:
        ways = {"good": ["ask_lead"], "bad": ["ask_lead"], "odd": ["ask_lead"]}
        both = {name: [{"name": name, "handler": "look", "branch": ways}] for name in ("one", "two")}
        run = play(sop({"name": "Both", "parallel": both}), SMOOTH)
        assert run.record.asked.count("ask_lead") == 1


class TestGoingOn:
    def test_a_block_that_failed_still_knows_what_its_steps_did(self) -> None:
        loop = {"until": "has(fields.missing)", "limit": 2, "steps": [pay(compensate="pay_back")]}
        test = sop({"name": "Poll", "repeat": loop}, {"name": "Ask", "handler": "ask_lead"})
        script = script_where(test, lambda run: len(run.undone) == 2, impatient=100)
        for run in cut_anywhere(test, script):
            assert run.undone == ("poll.2.pay", "poll.1.pay")

    def test_rounds_of_an_earlier_try_are_undone_too(self) -> None:
        loop = {"until": "has(fields.missing)", "limit": 1, "steps": [pay(compensate="pay_back")]}
        test = sop({"name": "Poll", "repeat": loop}, {"name": "Ask", "handler": "ask_lead"})
        wanted = ("poll~2.1.pay", "poll.1.pay")
        script = script_where(test, lambda run: run.undone == wanted, impatient=50)
        for run in cut_anywhere(test, script):
            assert run.undone == wanted

    def test_a_background_step_of_a_block_that_is_over_is_still_replaced(self) -> None:
        tell = {"name": "Tell", "handler": "tell", "async": True, "fallback": "acknowledge"}
        test = sop(
            {
                "name": "All",
                "foreach": {"items": "[1]", "steps": [tell, {"name": "Ask", "handler": "ask_lead"}]},
            },
            {"name": "Rest", "wait": {"duration": "3h"}},
        )
        replaced = ("all.1.acknowledge", "acknowledge")
        script = script_where(test, lambda run: replaced in calls(run), failing=50)
        for run in cut_anywhere(test, script):
            assert calls(run) == calls(play(test, script))

    def test_what_follows_a_failed_background_step_is_still_undone(self) -> None:
        tell = {"name": "Tell", "handler": "tell", "async": True}
        body = [tell, {"name": "Ask", "handler": "ask_lead"}, pay(compensate="pay_back")]
        test = sop(
            {"name": "All", "foreach": {"items": "[1]", "steps": body}},
            {"name": "Rest", "wait": {"duration": "3h"}},
            {"name": "Last", "handler": "ask_lead"},
        )

        def wanted(run: Run) -> bool:
            return run.undone == ("all.1.pay",) and "all.1.tell" in run.journal.failures

        script = script_where(test, wanted, failing=50, refusing=30)
        for run in cut_anywhere(test, script):
            assert run.undone == ("all.1.pay",)

    def test_what_a_called_sop_did_before_it_finished_early_is_still_undone(self) -> None:
        paid = pay(compensate="pay_back", branch={"done": ["finish"], "withheld": []})
        loop = {"until": "has(fields.missing)", "limit": 1, "steps": [paid]}
        called = {"name": "Other", "steps": [{"name": "Poll", "repeat": loop}]}
        main = {
            "name": "Test",
            "steps": [
                {"name": "Call", "call": "other"},
                {"name": "Rest", "wait": {"duration": "3h"}},
                {"name": "Ask", "handler": "ask_lead"},
            ],
        }
        sops = [Sop.model_validate(each) for each in (main, called)]
        test = pin(sops[0], CATALOGUE, sops)
        wanted = ("call.poll.1.pay",)
        script = script_where(test, lambda run: run.undone == wanted, refusing=50)
        for run in cut_anywhere(test, script):
            assert run.undone == wanted

    def test_a_late_fallback_that_fails_goes_to_an_operator_and_not_to_a_block_that_is_over(self) -> None:
        tell = {"name": "Tell", "handler": "tell", "async": True, "fallback": "acknowledge"}
        block = {"name": "All", "foreach": {"items": "[1]", "steps": [tell]}, "on_error": {"any": []}}
        run = play(sop(block), FAILS)
        assert run.record.answered["all.1.acknowledge", 1] in FAILURES
        assert run.state == "completed"

    def test_what_follows_a_background_step_that_could_not_even_begin_is_still_undone(self) -> None:
        tell = {"name": "Tell", "handler": "tell", "async": True, "when": "fields.missing > 1"}
        both = {"one": [tell, pay(compensate="pay_back")], "other": [{"name": "Look", "handler": "look"}]}
        test = sop(
            {"name": "Both", "parallel": both},
            {"name": "Rest", "wait": {"duration": "3h"}},
            {"name": "Ask", "handler": "ask_lead"},
        )
        script = script_where(test, lambda run: run.undone == ("pay",), refusing=50)
        for run in cut_anywhere(test, script):
            assert run.undone == ("pay",)

    def test_late_fallbacks_run_in_the_order_in_which_their_steps_began(self) -> None:
        tell = {"name": "Tell", "handler": "tell", "async": True, "fallback": "acknowledge"}
        test = sop(
            {"name": "All", "foreach": {"items": "[1, 2, 3]", "limit": 3, "steps": [tell]}},
            {"name": "Rest", "wait": {"duration": "3h"}},
        )
        late = [f"all.{number}.acknowledge" for number in (1, 2, 3)]
        for run in (play(test, FAILS), *cut_anywhere(test, FAILS)):
            assert list(dict.fromkeys(key for key, _ in calls(run) if key in late)) == late

    def test_what_a_background_step_brings_after_its_loop_is_not_seen_outside(self) -> None:
        look = {"name": "Look", "handler": "look", "async": True}
        loop = {"until": "true", "limit": 1, "steps": [look]}
        test = sop(
            {"name": "Poll", "repeat": loop},
            {"name": "Rest", "wait": {"duration": "3h"}},
            pay(when="has(steps.look)"),
        )
        for run in (play(test, SMOOTH), *cut_anywhere(test, SMOOTH)):
            assert ("poll.1.look", "look") in calls(run)
            assert ("pay", "pay") not in calls(run)

    def test_the_items_are_those_that_it_began_with(self) -> None:
        items = 'now > timestamp("2026-11-23T02:30:00Z") ? ["late"] : ["early", "too"]'
        body = [{"name": "Rest", "wait": {"duration": "1h"}}, pay(**{"with": {"text": "${ item }"}})]
        test = sop({"name": "All", "foreach": {"items": items, "steps": body}})
        whole = play(test, SMOOTH)
        assert len(whole.record.calls) == 2
        for run in cut_anywhere(test, SMOOTH):
            assert run.record.calls == whole.record.calls

    def test_a_called_sop_keeps_the_inputs_that_it_began_with(self) -> None:
        called = {
            "name": "Other",
            "inputs": {"at": "text"},
            "steps": [
                {"name": "Rest", "wait": {"duration": "1h"}},
                {"name": "Jot", "handler": "jot", "with": {"text": "${ inputs.at }"}},
            ],
        }
        call = {"name": "Call", "call": "other", "with": {"at": "${ string(now) }"}}
        main = {"name": "Test", "steps": [beside(call)]}
        sops = [Sop.model_validate(each) for each in (main, called)]
        test = pin(sops[0], CATALOGUE, sops)
        whole = play(test, SMOOTH)
        for run in cut_anywhere(test, SMOOTH):
            assert run.record.calls == whole.record.calls

    def test_what_was_asked_about_is_what_runs(self) -> None:
        test = sop(beside(pay(**{"with": {"text": "at ${ now }"}})))
        whole = play(test, SMOOTH)
        assert whole.record.asked == ["pay/gate/1"]
        for run in cut_anywhere(test, SMOOTH):
            assert run.record.calls == whole.record.calls

    def test_a_step_is_undone_with_what_it_was_told(self) -> None:
        test = sop(
            pay(compensate="pay_back", **{"with": {"text": "at ${ now }"}}),
            {"name": "Ask", "handler": "ask_lead"},
        )
        script = script_where(test, lambda run: run.undone == ("pay",), refusing=50)
        run = play(test, script)
        told = {call.key: call.inputs for call in run.record.calls}
        assert told["pay.compensation"] == told["pay"]


class TestFailures:
    def test_a_condition_that_failed_is_asked_again_before_the_step_runs(self) -> None:
        test = sop(pay(when="fields.missing > 1"))
        script = script_where(test, lambda run: run.journal.occurrence("pay") > 1)
        run = play(test, script)
        assert run.record.calls == []

    def test_a_background_step_that_cannot_begin_does_not_hold_the_run(self) -> None:
        test = sop(
            {"name": "Tell", "handler": "tell", "when": "fields.missing > 1", "async": True},
            {"name": "Next", "handler": "jot"},
        )
        run = play(test, SMOOTH)
        assert run.state == "completed"
        assert calls(run) == [("next", "jot")]
        assert [entry.key for entry in run.record.notes if entry.kind is EventKind.ESCALATED] == ["tell"]

    def test_where_late_is_the_only_route_a_yes_goes_on(self) -> None:
        review = {"question": "May we?", "deadline": "1h", "on_late": "go_on"}
        test = sop(
            {"name": "Ask", "review": review, "branch": {"late": ["tell"]}},
            {"name": "Next", "handler": "jot"},
        )
        run = play(test, SMOOTH)
        assert calls(run) == [("next", "jot")]
        assert list(broken_laws(test, run)) == []
