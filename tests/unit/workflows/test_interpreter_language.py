"""The language beyond a row of steps: conditions, inputs, blocks, waits, calls, routes, compensation."""

from typing import Any

import pytest

from definitions.book import pin
from definitions.schema import Sop
from domain.fields import FieldSpec, FormField
from domain.handlers import Effect, HandlerSpec, HumanTask
from domain.lifecycle import TicketState
from domain.steps import StepOutput
from domain.ticket import EventKind
from tests.fakes.runtime import FakeRuntime
from workflows.interpreter import Interpreter, Journal, StepFailure, TicketEnded

REFUSED = StepFailure("order_refused", "no")
HANDLERS = {
    spec.name: spec
    for spec in (
        HandlerSpec(name="plain", summary="no effect", inputs={"amount": FieldSpec(), "text": FieldSpec()}),
        HandlerSpec(name="other", summary="no effect either"),
        HandlerSpec(name="pay", summary="an effect", effect=Effect.BANK, inputs={"amount": FieldSpec()}),
        HandlerSpec(name="pay_back", summary="undoes it", effect=Effect.BANK, inputs={"amount": FieldSpec()}),
        HandlerSpec(name="check", summary="a check", outcomes=("good", "bad")),
        HandlerSpec(
            name="ask_lead",
            summary="a person",
            human=HumanTask(kind="review", question="May we?", form={"limit": FormField()}),
        ),
    )
}


def step(name: str, handler: str | None = "plain", **more: Any) -> dict[str, Any]:
    return {"name": name, **({"handler": handler} if handler else {}), **more}


async def interpret(
    steps: list[dict[str, Any]],
    runtime: FakeRuntime,
    *others: dict[str, Any],
    journal: Journal | None = None,
) -> Interpreter:
    sops = [
        Sop.model_validate({"name": "Test", "version": "7", "steps": steps}),
        *map(Sop.model_validate, others),
    ]
    interpreter = Interpreter(pin(sops[0], HANDLERS, sops), runtime, journal)
    try:
        await interpreter.run()
    except TicketEnded:
        await interpreter.undo()
        raise
    return interpreter


class TestWhen:
    async def test_a_step_whose_condition_is_false_is_left_out(self) -> None:
        runtime = FakeRuntime(fields={"amount": 5})
        done = await interpret([step("Big", when="fields.amount > 100"), step("Next")], runtime)
        assert runtime.ran == ["next"]
        assert done.results["big"].outcome == "not_needed"
        assert runtime.notes[EventKind.STEP_NOT_NEEDED] == ["big"]

    async def test_it_takes_no_branch_then(self) -> None:
        runtime = FakeRuntime()
        steps = [
            step("Check", "check", when="false", branch={"good": ["last"]}),
            step("Middle"),
            step("Last"),
        ]
        await interpret(steps, runtime)
        assert runtime.ran == ["middle", "last"]

    async def test_a_condition_that_cannot_be_evaluated_fails_the_step(self) -> None:
        runtime = FakeRuntime(operator=["skip"])
        await interpret([step("Big", when="fields.amount > 100"), step("Next")], runtime)
        assert runtime.notes[EventKind.STEP_FAILED] == ["big"]
        assert runtime.ran == ["next"]

    async def test_it_sees_what_came_before(self) -> None:
        runtime = FakeRuntime({"check": ["bad"]})
        steps = [
            step("Check", "check"),
            step("Repair", when='steps.check.outcome == "bad" && risk == "medium" && sop.version == "7"'),
        ]
        await interpret(steps, runtime)
        assert runtime.ran == ["check", "repair"]


class TestInputs:
    async def test_expressions_keep_their_type_and_texts_are_filled_in(self) -> None:
        runtime = FakeRuntime(fields={"amount": 5, "name": "Li"})
        inputs = {"amount": "${ fields.amount * 2 }", "text": "for ${ fields.name }"}
        await interpret([step("One", **{"with": inputs})], runtime)
        assert runtime.inputs["one"] == {"amount": 10, "text": "for Li"}

    async def test_results_of_steps_before_can_be_used(self) -> None:
        runtime = FakeRuntime({"check": [StepOutput(outcome="good", data={"net": "12.50"})]})
        steps = [step("Check", "check"), step("Two", **{"with": {"amount": "${ steps.check.data.net }"}})]
        await interpret(steps, runtime)
        assert runtime.inputs["two"] == {"amount": "12.50"}

    async def test_an_approval_covers_an_effect_whose_inputs_are_known_only(self) -> None:
        runtime = FakeRuntime(
            {"check": [StepOutput(outcome="good", data={"net": "1"})]}, fields={"amount": "2"}
        )
        steps = [
            step("Ask", None, review={"question": "May we?"}),
            step("Known", "pay", **{"with": {"amount": "${ fields.amount }"}}),
            step("Check", "check"),
            step("Unknown", "pay", **{"with": {"amount": "${ steps.check.data.net }"}}),
        ]
        await interpret(steps, runtime)
        assert [call.key for call in runtime.asked[0].ahead] == ["known"]
        assert runtime.asked[0].ahead[0].inputs == {"amount": "2"}


class TestSkipping:
    NEVER = {"items": "fields.nothing"}

    @pytest.mark.parametrize(
        ("failing", "caution"),
        [
            (step("One", when="fields.nothing"), []),
            (step("One", "pay", when="fields.nothing"), ["the effect one was skipped"]),
            (
                step("One", None, review={"question": "?"}, when="fields.nothing"),
                ["the control one was skipped"],
            ),
            (step("One", "ask_lead", when="fields.nothing"), ["the control one was skipped"]),
            (
                step("One", None, foreach={**NEVER, "steps": [step("Two", "pay")]}),
                ["the effect one was skipped"],
            ),
            (
                step("One", None, foreach={**NEVER, "steps": [step("Two", None, review={"question": "?"})]}),
                ["the control one was skipped"],
            ),
            (step("One", None, foreach={**NEVER, "steps": [step("Two")]}), []),
        ],
    )
    async def test_leaving_out_a_control_or_an_effect_makes_the_ticket_high_risk(
        self, failing: dict[str, Any], caution: list[str]
    ) -> None:
        runtime = FakeRuntime(operator=["skip"])
        await interpret([failing], runtime)
        assert runtime.cautions == caution

    async def test_so_does_leaving_out_its_fallback(self) -> None:
        runtime = FakeRuntime({"pay": [REFUSED], "plain": [REFUSED]}, operator=["skip"])
        await interpret([step("One", "pay", fallback="plain")], runtime)
        assert runtime.cautions == ["the effect one was skipped"]


class TestRoutes:
    async def test_an_error_takes_the_route_of_its_code(self) -> None:
        runtime = FakeRuntime({"plain": [REFUSED]})
        steps = [
            step("One", on_error={"order_refused": ["last"], "any": ["middle"]}),
            step("Middle", "other"),
            step("Last", "other"),
        ]
        done = await interpret(steps, runtime)
        assert runtime.ran == ["one", "last"]
        assert done.results["one"].outcome == "failed"
        assert done.results["one"].data["code"] == "order_refused"

    async def test_any_takes_what_has_no_route_of_its_own(self) -> None:
        runtime = FakeRuntime({"plain": [REFUSED]})
        await interpret([step("One", on_error={"any": ["ask_lead"]}), step("Two", "other")], runtime)
        assert [question.step_id for question in runtime.asked] == ["ask_lead"]
        assert runtime.ran == ["one", "two"]

    async def test_reject_ends_the_ticket(self) -> None:
        with pytest.raises(TicketEnded) as end:
            await interpret([step("One", on_error={"any": ["reject"]})], FakeRuntime({"plain": [REFUSED]}))
        assert end.value.state is TicketState.REJECTED

    async def test_finish_leaves_the_rest_out(self) -> None:
        runtime = FakeRuntime({"check": ["good"]})
        steps = [step("Check", "check", branch={"good": ["finish"], "bad": []}), step("Two")]
        await interpret(steps, runtime)
        assert runtime.ran == ["check"]

    async def test_a_no_takes_its_route(self) -> None:
        runtime = FakeRuntime(answers={"ask": ["reject"]})
        steps = [
            step("Ask", None, review={"question": "May we?"}, on_reject=["tell"]),
            step("Pay", "pay"),
            step("Tell"),
        ]
        done = await interpret(steps, runtime)
        assert runtime.ran == ["tell"]
        assert done.results["ask"].outcome == "rejected"

    async def test_a_late_review_goes_on_without_approving(self) -> None:
        runtime = FakeRuntime(answers={"ask": ["late"]})
        review = {"question": "May we?", "deadline": "1h", "on_late": "go_on"}
        steps = [
            step("Ask", None, review=review, branch={"yes": [], "late": ["last"]}),
            step("One"),
            step("Last"),
        ]
        done = await interpret(steps, runtime)
        assert runtime.asked[0].choices == ("yes",)
        assert done.results["ask"].outcome == "late"
        assert runtime.ran == ["last"]


class TestParallel:
    STEPS = [
        step(
            "Checks",
            None,
            parallel={
                "first": [step("A"), step("B")],
                "second": [step("C", "other"), step("Ask", None, review={"question": "?"})],
            },
        ),
        step("After", when='steps.b.outcome == "done" && steps.c.outcome == "done"'),
    ]

    async def test_sequences_run_side_by_side_and_all_are_waited_for(self) -> None:
        runtime = FakeRuntime()
        await interpret(self.STEPS, runtime)
        assert runtime.ran == ["a", "c", "b", "after"]
        assert runtime.most_at_once == 2

    async def test_a_no_in_one_ends_the_other_before_its_next_step(self) -> None:
        runtime = FakeRuntime(answers={"no": ["reject"]})
        steps = [
            step(
                "Both",
                None,
                parallel={
                    "asks": [step("No", None, review={"question": "?"})],
                    "works": [step(f"W{number}", "other") for number in range(20)],
                },
            )
        ]
        with pytest.raises(TicketEnded):
            await interpret(steps, runtime)
        assert len(runtime.ran) < 20

    async def test_a_failure_inside_takes_the_route_of_the_block(self) -> None:
        runtime = FakeRuntime({"plain": [REFUSED]})
        steps = [
            step(
                "Both",
                None,
                parallel={"x": [step("A")], "y": [step("B", "other")]},
                on_error={"any": ["last"]},
            ),
            step("Between", "other"),
            step("Last", "other"),
        ]
        await interpret(steps, runtime)
        assert runtime.ran == ["a", "b", "last"]


class TestForeach:
    async def test_each_item_is_handled_under_a_key_of_its_own(self) -> None:
        runtime = FakeRuntime(fields={"lines": [{"net": 1}, {"net": 2}]})
        body = [step("Pay", "pay", **{"with": {"amount": "${ line.net }"}})]
        steps = [step("Book", None, foreach={"items": "fields.lines", "as": "line", "steps": body})]
        done = await interpret(steps, runtime)
        assert runtime.calls == [("book.1.pay", "pay", 1), ("book.2.pay", "pay", 1)]
        assert runtime.inputs["book.2.pay"] == {"amount": 2}
        assert done.results["book"].data == {"count": 2, "results": [{"pay": "done"}, {"pay": "done"}]}
        assert "pay" not in done.results

    @pytest.mark.parametrize(("limit", "most"), [(1, 1), (3, 3)])
    async def test_no_more_than_the_limit_run_at_once(self, limit: int, most: int) -> None:
        runtime = FakeRuntime(fields={"lines": list(range(10))})
        each = {"items": "fields.lines", "limit": limit, "steps": [step("One")]}
        await interpret([step("All", None, foreach=each)], runtime)
        assert runtime.most_at_once == most

    async def test_no_items_is_done(self) -> None:
        runtime = FakeRuntime(fields={"lines": []})
        each = {"items": "fields.lines", "steps": [step("One")]}
        done = await interpret([step("All", None, foreach=each)], runtime)
        assert done.results["all"].data["count"] == 0

    @pytest.mark.parametrize("lines", ["text", list(range(501))])
    async def test_what_is_no_list_or_too_long_fails_the_step(self, lines: Any) -> None:
        runtime = FakeRuntime(fields={"lines": lines}, operator=["skip"])
        each = {"items": "fields.lines", "steps": [step("One")]}
        await interpret([step("All", None, foreach=each)], runtime)
        assert runtime.notes[EventKind.STEP_FAILED] == ["all"]
        assert runtime.ran == []


class TestRepeat:
    async def test_rounds_go_on_until_the_condition_holds(self) -> None:
        runtime = FakeRuntime({"check": ["bad", "bad", "good"]})
        loop = {
            "until": 'steps.look.outcome == "good"',
            "limit": 5,
            "every": "10min",
            "steps": [step("Look", "check")],
        }
        start = runtime.clock
        done = await interpret([step("Poll", None, repeat=loop)], runtime)
        assert runtime.ran == ["poll.1.look", "poll.2.look", "poll.3.look"]
        assert (runtime.clock - start).total_seconds() == 1200
        assert done.results["poll"].data == {"rounds": 3}
        assert done.results["look"].outcome == "good"

    async def test_a_used_up_limit_is_an_error_that_can_be_routed(self) -> None:
        runtime = FakeRuntime({"check": ["bad"]})
        loop = {"until": 'steps.look.outcome == "good"', "limit": 2, "steps": [step("Look", "check")]}
        await interpret(
            [step("Poll", None, repeat=loop, on_error={"repeat_exhausted": ["ask_lead"]})], runtime
        )
        assert [question.step_id for question in runtime.asked] == ["ask_lead"]

    async def test_a_retry_by_an_operator_begins_rounds_of_their_own(self) -> None:
        runtime = FakeRuntime({"check": ["bad", "bad", "good"]}, operator=["retry"])
        loop = {"until": 'steps.look.outcome == "good"', "limit": 2, "steps": [step("Look", "check")]}
        await interpret([step("Poll", None, repeat=loop)], runtime)
        assert runtime.ran == ["poll.1.look", "poll.2.look", "poll~2.1.look"]


class TestWait:
    async def test_a_duration_passes_on_the_banks_clock(self) -> None:
        runtime = FakeRuntime()
        start = runtime.clock
        await interpret([step("Wait", None, wait={"duration": "2h"})], runtime)
        assert (runtime.clock - start).total_seconds() == 7200

    @pytest.mark.parametrize("until", ['timestamp("2026-11-24T01:00:00Z")', '"2026-11-24T09:00:00+08:00"'])
    async def test_an_instant_is_waited_for(self, until: str) -> None:
        runtime = FakeRuntime()
        await interpret([step("Wait", None, wait={"until": until})], runtime)
        assert runtime.clock.isoformat() == "2026-11-24T01:00:00+00:00"

    async def test_an_event_brings_its_data(self) -> None:
        runtime = FakeRuntime(events={"papers": {"pages": 3}})
        done = await interpret([step("Wait", None, wait={"event": "papers"})], runtime)
        assert (done.results["wait"].outcome, done.results["wait"].data) == ("received", {"pages": 3})

    async def test_a_missing_event_fails_unless_the_step_says_otherwise(self) -> None:
        wait = {"event": "papers", "deadline": "1h"}
        runtime = FakeRuntime(operator=["skip"])
        await interpret([step("Wait", None, wait=wait)], runtime)
        assert runtime.notes[EventKind.STEP_FAILED] == ["wait"]
        late = await interpret([step("Wait", None, wait={**wait, "on_late": "go_on"})], FakeRuntime())
        assert late.results["wait"].outcome == "late"
        with pytest.raises(TicketEnded):
            await interpret([step("Wait", None, wait={**wait, "on_late": "reject"})], FakeRuntime())


class TestCall:
    OTHER = {
        "name": "Screen It",
        "inputs": {"amount": "money"},
        "steps": [
            step("Check", "check", branch={"good": ["finish"], "bad": []}),
            step("Pay", "pay", **{"with": {"amount": "${ inputs.amount }"}}),
        ],
    }

    async def test_another_sop_runs_as_one_step_under_keys_of_its_own(self) -> None:
        runtime = FakeRuntime({"check": ["bad"]}, fields={"amount": "3"})
        steps = [
            step("Screening", None, call="screen_it", **{"with": {"amount": "${ fields.amount }"}}),
            step("End"),
        ]
        await interpret(steps, runtime, self.OTHER)
        assert runtime.ran == ["screening.check", "screening.pay", "end"]
        assert runtime.inputs["screening.pay"] == {"amount": "3"}

    async def test_finish_ends_the_called_sop_only(self) -> None:
        runtime = FakeRuntime({"check": ["good"]})
        steps = [step("Screening", None, call="screen_it", **{"with": {"amount": "3"}}), step("End")]
        await interpret(steps, runtime, self.OTHER)
        assert runtime.ran == ["screening.check", "end"]

    async def test_inputs_of_another_type_fail_the_step(self) -> None:
        runtime = FakeRuntime(operator=["skip"])
        steps = [step("Screening", None, call="screen_it", **{"with": {"amount": True}})]
        await interpret(steps, runtime, self.OTHER)
        assert runtime.notes[EventKind.STEP_FAILED] == ["screening"]


class TestCompensation:
    STEPS = [
        step("First", "pay", compensate="pay_back", **{"with": {"amount": "1"}}),
        step("Second", "pay", compensate={"handler": "pay_back", "with": {"amount": "${ fields.back }"}}),
        step("Third", "pay", compensate={"none": "it cannot be undone"}),
        step("Ask", None, review={"question": "All well?"}),
    ]

    async def test_a_bad_end_undoes_in_reverse_order(self) -> None:
        runtime = FakeRuntime(answers={"ask": ["reject"]}, fields={"back": "2"})
        with pytest.raises(TicketEnded):
            await interpret(self.STEPS, runtime)
        assert runtime.ran[3:] == ["second.compensation", "first.compensation"]
        assert runtime.inputs["second.compensation"] == {"amount": "2"}
        assert runtime.inputs["first.compensation"] == {"amount": "1"}
        assert runtime.notes[EventKind.COMPENSATED] == ["second", "first"]

    async def test_a_good_end_undoes_nothing(self) -> None:
        runtime = FakeRuntime(fields={"back": "2"})
        await interpret(self.STEPS, runtime)
        assert runtime.ran == ["first", "second", "third"]

    async def test_what_cannot_be_undone_is_told_and_the_rest_goes_on(self) -> None:
        runtime = FakeRuntime({"pay_back": [REFUSED, "done"]}, {"ask": ["reject"]}, fields={"back": "2"})
        with pytest.raises(TicketEnded):
            await interpret(self.STEPS, runtime)
        assert runtime.warned == ["second.compensation"]
        assert runtime.notes[EventKind.COMPENSATION_FAILED] == ["second"]
        assert runtime.notes[EventKind.COMPENSATED] == ["first"]


class TestPeople:
    async def test_answers_of_a_form_can_be_used_by_later_steps(self) -> None:
        form = {"net": {"type": "money"}}
        runtime = FakeRuntime(forms={"book": {"net": "5.00"}})
        steps = [
            step("Book", None, manual={"instructions": "Book it", "form": form}),
            step("Pay", "pay", **{"with": {"amount": "${ steps.book.data.net }"}}),
        ]
        await interpret(steps, runtime)
        assert runtime.inputs["pay"] == {"amount": "5.00"}
        assert runtime.asked[0].form["net"].type == "money"

    async def test_quorum_and_four_eyes_reach_the_question(self) -> None:
        runtime = FakeRuntime()
        await interpret(
            [step("Ask", None, review={"question": "?", "quorum": 2, "four_eyes": False})], runtime
        )
        assert (runtime.asked[0].quorum, runtime.asked[0].four_eyes) == (2, False)


async def test_a_run_over_its_journal_does_nothing_twice() -> None:
    loop = {
        "until": "now > timestamp('2026-11-23T12:15:00Z')",
        "limit": 9,
        "every": "10min",
        "steps": [step("Look")],
    }
    steps = [
        step("One", "pay", compensate="pay_back"),
        step("Poll", None, repeat=loop),
        step("Ask", None, review={"question": "?"}, on_reject=["last"]),
        step("Between"),
        step("Last"),
    ]
    first = FakeRuntime(answers={"ask": ["reject"]})
    done = await interpret(steps, first)
    again = FakeRuntime()
    again.clock = first.clock
    journal = Journal.model_validate_json(done.journal.model_dump_json())
    repeated = await interpret(steps, again, journal=journal)
    assert again.calls == [] and again.asked == []
    assert dict(repeated.results) == dict(done.results)


async def test_a_run_goes_on_where_its_journal_ends() -> None:
    steps = [step("One"), step("Two", "other"), step("Three", "check")]
    broken = FakeRuntime({"other": [REFUSED]}, operator=["cancel"])
    journal = Journal()
    with pytest.raises(TicketEnded):
        await interpret(steps, broken, journal=journal)
    runtime = FakeRuntime(operator=["retry"])
    await interpret(steps, runtime, journal=journal)
    assert runtime.calls == [("two", "other", 2), ("three", "check", 1)]
