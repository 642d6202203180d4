"""The language on Temporal: several open questions, events, waits, undoing, mending and moving."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

from definitions.schema import Sop
from domain.digest import digest_of
from domain.lifecycle import TicketState
from domain.review import Verb
from domain.ticket import EventKind
from tests.fakes.core_bank import Failure
from tests.fakes.rulebook import FakeRulebook
from tests.support.ticket_world import Ticket, World, ticket_world

ACCOUNTS = "Account Operations"
ASSESS = {"name": "Assess", "handler": "risk_assessor"}
FREEZE = {"name": "Freeze", "handler": "core_system_freeze", "retry": 0, "timeout": "5s"}
SETTLED = {"name": "Settled", "handler": "risk_assessor"}


def sop(action: str, *steps: Mapping[str, Any], **more: Any) -> Sop:
    return Sop.model_validate(
        {
            "name": action.replace("_", " "),
            "trigger": {"category": "accounts", "action": action},
            "steps": [ASSESS, *steps],
            "sla": "8h",
            **more,
        }
    )


def ask(name: str, group: str = "Compliance Review", **more: Any) -> dict[str, Any]:
    fields = {key: more.pop(key) for key in ("branch", "on_reject", "when") if key in more}
    return {"name": name, "review": {"question": f"{name}?", "group": group, **more}, **fields}


SOPS = (
    sop(
        "two_questions",
        {
            "name": "Both",
            "parallel": {
                "law": [ask("Legal")],
                "money": [
                    ask("Funds", "Account Operations"),
                    {"name": "Work", "manual": {"instructions": "do"}},
                ],
            },
        },
        SETTLED,
    ),
    sop("quorum", ask("Ask", quorum=2, branch={"yes": [], "maybe": []})),
    sop("form", ask("Ask", form={"limit": {"type": "money"}, "note": {"required": False}}), SETTLED),
    sop("refused", ask("Ask", on_reject=["settled"]), FREEZE, SETTLED),
    sop("escalates", ask("Ask", deadline="10min", on_late="escalate")),
    sop("goes_on", ask("Ask", deadline="10min", on_late="go_on"), SETTLED),
    sop("waits", {"name": "Cool Down", "wait": {"duration": "2h"}}, SETTLED),
    sop(
        "papers",
        {"name": "Papers", "wait": {"event": "papers", "deadline": "1h", "on_late": "go_on"}},
        {**SETTLED, "when": 'steps.papers.outcome == "received" && steps.papers.data.pages == 3'},
    ),
    sop(
        "undone",
        {**FREEZE, "compensate": "core_system_unfreeze"},
        ask("Ask"),
    ),
    sop("two_failures", {"name": "Both", "parallel": {"a": [FREEZE], "b": [{**FREEZE, "name": "Again"}]}}),
    sop("both_fail", {**FREEZE, "fallback": "core_system_unfreeze"}),
    sop("fixed", {**SETTLED, "name": "Before"}, FREEZE, ask("After")),
)


@pytest.fixture(scope="module")
async def world(env: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    rulebook = FakeRulebook(SOPS, all_day="daytime")
    async with ticket_world(env.client, tmp_path_factory.mktemp("world"), rulebook) as made:
        yield made


async def of(ticket: Ticket, kind: EventKind) -> list[str]:
    return [event.step_id for event in await ticket.timeline() if event.kind is kind]


async def test_two_people_are_asked_at_the_same_time_and_answer_in_any_order(world: World) -> None:
    ticket = await world.submit(action="two_questions")
    view = await ticket.until(lambda view: len(view.open_reviews) == 2)
    assert view.state is TicketState.REVIEWING
    assert view.waiting_for == "Account Operations, Compliance Review"
    await ticket.decide("wang.fang", step="funds")
    await ticket.decide("duty.liu", step="work")
    view = await ticket.until(lambda view: len(view.open_reviews) == 1)
    assert (view.state, view.waiting_for) == (TicketState.REVIEWING, "Compliance Review")
    await ticket.decide("zhao.min", step="legal")
    await ticket.ends(TicketState.COMPLETED)


async def test_a_no_to_one_of_two_questions_ends_the_ticket(world: World) -> None:
    ticket = await world.submit(action="two_questions")
    await ticket.until(lambda view: len(view.open_reviews) == 2)
    await ticket.decide("zhao.min", Verb.REJECT, step="legal")
    result = await ticket.ends(TicketState.REJECTED)
    assert result.result == "rejected by zhao.min: looked at it"


async def test_two_different_people_make_a_quorum(world: World) -> None:
    ticket = await world.submit(action="quorum")
    request = await ticket.review()
    first = await ticket.decide("zhao.min", choice="maybe")
    assert (first.accepted, first.message) == (True, "1 of 2 approvals recorded")
    again = await ticket.decide("zhao.min", choice="maybe")
    assert (again.accepted, again.code) == (False, "conflict")
    other = await ticket.decide("sun.lei", choice="yes")
    assert (other.accepted, other.code) == (False, "conflict")
    # A code that was given before the first approval is still good: the question has not changed.
    assert (await ticket.decide("sun.lei", choice="maybe", request=request)).accepted
    await ticket.ends(TicketState.COMPLETED)


async def test_a_form_is_checked_and_kept(world: World) -> None:
    ticket = await world.submit(action="form")
    wrong = await ticket.decide("zhao.min", form={"limit": "much", "colour": "red"})
    assert wrong.code == "form_invalid"
    assert wrong.message == (
        "colour: there is no such field in the form; limit: is not an amount such as 1200.50"
    )
    assert (await ticket.decide("zhao.min", form={"limit": "500.00"})).accepted
    await ticket.ends(TicketState.COMPLETED)


async def test_a_no_with_a_route_does_not_end_the_ticket(world: World) -> None:
    ticket = await world.submit(action="refused")
    await ticket.decide("zhao.min", Verb.REJECT)
    await ticket.ends(TicketState.COMPLETED)
    assert "freeze" not in await of(ticket, EventKind.STEP_STARTED)


async def test_silence_hands_the_question_to_on_call(env: WorkflowEnvironment, world: World) -> None:
    ticket = await world.submit(action="escalates")
    await ticket.review()
    await env.fast_forward(ticket.handle, timedelta(minutes=11))
    await ticket.until(lambda view: view.open_reviews[0].role == "oncall")
    refused = await ticket.decide("zhao.min")
    assert refused.code == "not_permitted"
    await ticket.decide("duty.liu")
    await ticket.ends(TicketState.COMPLETED)


async def test_silence_can_go_on_and_approves_nothing(env: WorkflowEnvironment, world: World) -> None:
    ticket = await world.submit(action="goes_on")
    await ticket.review()
    await env.fast_forward(ticket.handle, timedelta(minutes=11))
    await ticket.ends(TicketState.COMPLETED)
    done = [event for event in await ticket.timeline() if event.kind is EventKind.STEP_DONE]
    assert [event.data["outcome"] for event in done] == ["low", "late", "low"]


async def test_a_wait_takes_its_time_and_not_a_day_of_ours(env: WorkflowEnvironment, world: World) -> None:
    ticket = await world.submit(action="waits")
    await ticket.until(lambda view: view.waiting_for.endswith("UTC"))
    await env.fast_forward(ticket.handle, timedelta(hours=1))
    assert (await ticket.view()).state is TicketState.PROCESSING
    await env.fast_forward(ticket.handle, timedelta(hours=1, seconds=1))
    await ticket.ends(TicketState.COMPLETED)


async def test_an_event_is_waited_for_and_counts_once(world: World) -> None:
    ticket = await world.submit(action="papers")
    await ticket.until(lambda view: view.waiting_for == "event papers")
    assert (await ticket.event("other", "E0")).accepted
    nobody = await ticket.event("papers", "E1", by="zhao.min", pages=3)
    assert nobody.code == "not_permitted"
    first = await ticket.event("papers", "E1", pages=3)
    assert first.code == "accepted"
    await ticket.ends(TicketState.COMPLETED)
    assert await of(ticket, EventKind.STEP_DONE) == ["assess", "papers", "settled"]


async def test_an_event_that_does_not_come_is_late(env: WorkflowEnvironment, world: World) -> None:
    ticket = await world.submit(action="papers")
    await ticket.until(lambda view: view.waiting_for == "event papers")
    await env.fast_forward(ticket.handle, timedelta(minutes=61))
    await ticket.ends(TicketState.COMPLETED)
    assert await of(ticket, EventKind.STEP_NOT_NEEDED) == ["settled"]


async def test_a_rejected_ticket_undoes_what_it_did(world: World) -> None:
    ticket = await world.submit(action="undone")
    await ticket.decide("zhao.min", Verb.REJECT)
    result = await ticket.ends(TicketState.REJECTED)
    assert result.result == "rejected by zhao.min: looked at it; undone: freeze"
    assert [key for key in world.bank.effects if key.startswith(f"{ticket.task_id}/")] == [
        f"{ticket.task_id}/freeze/1",
        f"{ticket.task_id}/freeze.compensation/1",
    ]


async def test_what_could_not_be_undone_is_named_and_told(world: World) -> None:
    ticket = await world.submit(action="undone")
    await ticket.review()
    world.bank.fail_next(Failure.REFUSED)
    await ticket.decide("zhao.min", Verb.REJECT)
    result = await ticket.ends(TicketState.REJECTED)
    assert "could not be undone: freeze; effects that took place before stay" in result.result


async def test_an_operator_decides_on_each_of_several_failed_steps(world: World) -> None:
    world.bank.fail_next(Failure.REFUSED, Failure.REFUSED)
    ticket = await world.submit(action="two_failures")
    view = await ticket.until(lambda view: len(view.steps_failed) == 2)
    assert view.state is TicketState.FAILED
    unclear = await ticket.command("retry_step")
    # Which of the two fails first is the server's to say.
    assert unclear.message == f"several steps have failed, name one: {', '.join(view.steps_failed)}"
    assert (await ticket.command("retry_step", step="freeze")).accepted
    await ticket.until(lambda view: view.steps_failed == ("again",))
    assert (await ticket.command("skip_step", step="again")).accepted
    await ticket.decide("duty.liu", step="closing")
    result = await ticket.ends(TicketState.COMPLETED)
    assert result.result == "two failures completed, without again"


async def test_a_failed_step_goes_on_after_its_sop_was_mended(world: World) -> None:
    world.bank.fail_next(Failure.REFUSED)
    ticket = await world.submit(action="fixed")
    before = await ticket.until(lambda view: view.steps_failed == ("freeze",))
    rulebook = world.rulebook
    assert isinstance(rulebook, FakeRulebook)
    mended = sop("fixed", {**SETTLED, "name": "Before"}, {**FREEZE, "retry": 3}, ask("After"), ask("New"))
    kept = rulebook.book
    try:
        rulebook.book = FakeRulebook((mended,), all_day="daytime").book
        wrong = await ticket.command("migrate", sop_digest="0" * 64)
        assert (wrong.accepted, "the version in force is" in wrong.message) == (False, True)
        digest = digest_of([mended])
        assert (await ticket.command("migrate", sop_digest=digest)).accepted
        await ticket.decide("zhao.min", step="after")
    finally:
        rulebook.book = kept
    after = await ticket.view()
    assert after.sop_digest == digest != before.sop_digest
    assert after.opened_at == before.opened_at
    assert after.stopwatch == before.stopwatch
    await ticket.decide("sun.lei", step="new")
    await ticket.ends(TicketState.COMPLETED)


async def test_a_step_whose_fallback_failed_too_is_tried_anew_under_the_mended_sop(world: World) -> None:
    world.bank.fail_next(Failure.REFUSED, Failure.REFUSED)
    ticket = await world.submit(action="both_fail")
    await ticket.until(lambda view: view.steps_failed == ("core_system_unfreeze",))
    rulebook = world.rulebook
    assert isinstance(rulebook, FakeRulebook)
    mended = sop("both_fail", {**FREEZE, "fallback": "core_system_unfreeze", "retry": 1})
    kept = rulebook.book
    try:
        rulebook.book = FakeRulebook((mended,), all_day="daytime").book
        assert (await ticket.command("migrate", sop_digest=digest_of([mended]))).accepted
        await ticket.ends(TicketState.COMPLETED)
    finally:
        rulebook.book = kept
    effects = [key for key in world.bank.effects if key.startswith(f"{ticket.task_id}/")]
    assert effects == [f"{ticket.task_id}/freeze/2"]


async def test_a_ticket_does_not_move_to_a_version_in_which_its_finished_steps_do_not_stand(
    world: World,
) -> None:
    ticket = await world.submit(action="fixed")
    await ticket.review("after")
    rulebook = world.rulebook
    assert isinstance(rulebook, FakeRulebook)
    other = sop("fixed", {**SETTLED, "name": "Sooner"}, {**SETTLED, "name": "Before"}, ask("After"))
    kept = rulebook.book
    try:
        rulebook.book = FakeRulebook((other,), all_day="daytime").book
        refused = await ticket.command("migrate", sop_digest=digest_of([other]))
    finally:
        rulebook.book = kept
    assert not refused.accepted
    assert refused.message == (
        "freeze is finished, and the new version has no such step; "
        "sooner is new, and stands before before, which is finished"
    )
    await ticket.command("cancel")
    await ticket.ends(TicketState.CANCELLED)
