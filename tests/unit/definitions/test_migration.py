"""Whether a ticket can move to another version of its SOP, and which of its open questions still stand."""

from typing import Any

import pytest

from definitions.book import PinnedSop, pin
from definitions.migration import objections_to, owner_of, same_step
from definitions.schema import Sop
from domain.steps import StepOutput
from tests.support.scripted_handlers import CATALOGUE

DONE = StepOutput()
CALLED = {"name": "Other", "inputs": {"at": "text"}, "steps": [{"name": "Look", "handler": "look"}]}


def sop(*steps: dict[str, Any]) -> PinnedSop:
    sops = [Sop.model_validate({"name": "Test", "steps": list(steps)}), Sop.model_validate(CALLED)]
    return pin(sops[0], CATALOGUE, sops)


def pay(name: str = "Pay", **more: Any) -> dict[str, Any]:
    return {"name": name, "handler": "pay", **more}


def loop(items: str, *steps: dict[str, Any]) -> dict[str, Any]:
    return {"name": "All", "foreach": {"items": items, "steps": list(steps)}}


def call(at: str) -> dict[str, Any]:
    return {"name": "Call", "call": "other", "with": {"at": at}}


class TestFallbacks:
    def test_a_fallback_belongs_to_its_step(self) -> None:
        test = sop(pay(fallback="by_hand"), pay("Again"))
        assert owner_of(test, "by_hand") == "pay"
        assert owner_of(test, "again") == "again"
        assert owner_of(test, "closing") == "closing"

    def test_one_that_two_steps_have_goes_by_their_names(self) -> None:
        test = sop(*(pay(name, fallback="by_hand") for name in ("One", "Two")))
        assert owner_of(test, "one.by_hand") == "one"
        assert owner_of(test, "by_hand") == "by_hand"

    def test_it_is_found_inside_loops(self) -> None:
        test = sop(loop("fields.lines", pay(fallback="by_hand")))
        assert owner_of(test, "all.3.by_hand") == "all.3.pay"

    def test_its_question_stands_as_long_as_its_step_does(self) -> None:
        old = sop(pay(fallback="by_hand"))
        assert same_step(old, sop(pay(fallback="by_hand"), pay("More")), "by_hand")
        assert not same_step(old, sop(pay(fallback="by_hand", retry=3)), "by_hand")
        assert not same_step(old, sop(pay()), "by_hand")


class TestWhatIsGiven:
    @pytest.mark.parametrize(
        ("old", "new", "key"),
        [
            (loop("[1, 2]", pay()), loop("[2, 1]", pay()), "all.1.pay"),
            (call("one"), call("other"), "call.look"),
        ],
    )
    def test_a_step_is_another_where_it_is_given_something_else(
        self, old: dict[str, Any], new: dict[str, Any], key: str
    ) -> None:
        assert same_step(sop(old), sop(old), key)
        assert not same_step(sop(old), sop(new), key)

    @pytest.mark.parametrize(
        ("old", "new", "done", "objection"),
        [
            (
                loop("[1, 2]", pay()),
                loop("[2, 1]", pay()),
                "all.1.pay",
                "all has done a part, and has other items in the new version",
            ),
            (
                call("one"),
                call("other"),
                "call.look",
                "call has done a part, and has other inputs in the new version",
            ),
        ],
    )
    def test_what_has_done_a_part_cannot_go_on_with_something_else(
        self, old: dict[str, Any], new: dict[str, Any], done: str, objection: str
    ) -> None:
        begun = done.partition(".")[0]
        assert objections_to(sop(old), sop(new), {done: DONE}, [begun, done]) == [objection]
        assert objections_to(sop(old), sop(old), {done: DONE}, [begun, done]) == []
        assert objections_to(sop(old), sop(new), {}, [begun, done]) == []


class TestRoutesThatAPersonChose:
    def test_they_stand_only_where_there_is_the_same_choice(self) -> None:
        def check(**branch: list[str]) -> PinnedSop:
            return sop({"name": "Look", "handler": "look", "branch": branch}, pay())

        finished = {"look": StepOutput(outcome="odd")}
        old = check(good=["pay"], bad=[])
        assert objections_to(old, check(good=["pay"], bad=[]), finished, ["look"]) == []
        assert objections_to(old, check(good=["pay"], bad=["finish"]), finished, ["look"]) == [
            "look came out as odd, which leads elsewhere in the new version"
        ]

    def test_a_step_that_was_not_needed_took_none(self) -> None:
        def check(*good: str) -> PinnedSop:
            return sop({"name": "Look", "handler": "look", "when": "false", "branch": {"good": good}})

        finished = {"look": StepOutput(outcome="not_needed")}
        assert objections_to(check(), check("finish"), finished, ["look"]) == []
