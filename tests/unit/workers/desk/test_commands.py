"""Commands at the desk: who gives them, what they name, and what became of them."""

import pytest

from activities.messages import CodeCheck
from domain.digest import digest_of
from domain.errors import Conflict, InvalidInput, NotFound, NotPermitted
from domain.lifecycle import TicketState
from tests.fakes.store import NIGHT
from workflows.contract import Command, CommandOutcome, command_content


def done(**changes: object) -> CommandOutcome:
    outcome = CommandOutcome(accepted=True, code="accepted", message="held", state=TicketState.PROCESSING)
    return outcome.model_copy(update=changes)


async def give(office, verb, name="op.chen", task_id="T1", **command) -> CommandOutcome:
    said = Command(reason="call back", **command)
    return await office.desk.commands.give(verb, task_id, said, principal=office.who(name))


async def hold(office, name="op.chen", task_id="T1") -> CommandOutcome:
    return await give(office, "hold", name, task_id)


def failing(office, *steps: str) -> None:
    """T1 runs and these steps wait for an operator."""
    office.running(state=TicketState.FAILED, steps_failed=steps)
    for verb in ("retry_step", "skip_step"):
        office.temporal.on_update[verb] = lambda _: done()


async def test_a_command_carries_a_code_for_exactly_this(office):
    office.running()
    office.temporal.on_update["hold"] = lambda _: done()
    assert (await hold(office)).accepted
    _, name, command = office.temporal.updates[0]
    content = command_content("hold", "T1", Command(reason="call back"))
    check = CodeCheck(code=command.code, purpose="command:hold", subject="T1", digest=digest_of(content))
    assert name == "hold"
    assert office.codes.verify(check).principal == office.who("op.chen")


async def test_only_operators_command(office):
    office.running()
    for name in ("wang.fang", "intake", "audit.guo", "duty.liu"):
        with pytest.raises(NotPermitted, match="operator"):
            await hold(office, name)
        assert office.audit.rows[-1].action == "command.hold.refused"
    assert office.temporal.updates == []


@pytest.mark.parametrize("group", [None, "Nobody"])
async def test_a_ticket_goes_to_a_group_that_there_is(office, group):
    office.running()
    with pytest.raises(InvalidInput, match="expected one of: Account Operations") as refused:
        await give(office, "reassign", group=group)
    assert refused.value.field == "group"


async def test_a_group_or_verb_that_means_nothing_is_refused(office):
    with pytest.raises(InvalidInput, match="reassign only"):
        await give(office, "hold", group="Reconciliation")
    with pytest.raises(InvalidInput, match="expected one of hold"):
        await give(office, "explode", group=None)


async def test_a_command_after_the_end_says_how_it_ended(office):
    office.running(state=TicketState.COMPLETED, closed_at=NIGHT)
    office.temporal.ended.add("ticket-T1")
    with pytest.raises(Conflict, match="ended as completed"):
        await hold(office)
    assert office.audit.rows[-1].accepted is False


async def test_a_command_to_nothing_is_not_found(office):
    with pytest.raises(NotFound, match="T9"):
        await hold(office, task_id="T9")


@pytest.mark.parametrize("verb", ["retry_step", "skip_step"])
async def test_the_one_failed_step_needs_no_name(office, verb):
    failing(office, "pay")
    assert (await give(office, verb)).accepted


@pytest.mark.parametrize("verb", ["retry_step", "skip_step"])
async def test_where_several_steps_failed_one_must_be_named(office, verb):
    failing(office, "book.3.pay", "book.4.pay")
    with pytest.raises(InvalidInput, match=r"2 steps .*name one of: book\.3\.pay, book\.4\.pay") as refused:
        await give(office, verb)
    assert refused.value.field == "step"
    assert office.temporal.updates == []
    assert office.audit.rows[-1].action == f"command.{verb}.refused"
    assert (await give(office, verb, step="book.4.pay")).accepted
    command = office.temporal.updates[0][2]
    content = command_content(verb, "T1", Command(reason="call back", step="book.4.pay"))
    check = CodeCheck(code=command.code, purpose=f"command:{verb}", subject="T1", digest=digest_of(content))
    assert office.codes.verify(check).principal == office.who("op.chen")


@pytest.mark.parametrize(
    ("step", "hint"), [("book.3.pya", "did you mean 'book.3.pay'"), ("zzz", "expected one of: book.3.pay")]
)
async def test_a_step_that_has_not_failed_is_refused_with_those_that_have(office, step, hint):
    failing(office, "book.3.pay")
    with pytest.raises(InvalidInput, match=hint):
        await give(office, "retry_step", step=step)


async def test_a_copy_without_failed_steps_refuses_nothing_because_it_may_be_old(office):
    office.running()
    office.temporal.on_update["retry_step"] = lambda _: done()
    assert (await give(office, "retry_step")).accepted


async def test_a_step_is_for_retry_and_skip(office):
    office.running()
    with pytest.raises(InvalidInput, match="retry and skip only") as refused:
        await give(office, "hold", step="pay")
    assert refused.value.field == "step"


@pytest.mark.parametrize(("verb", "digest"), [("hold", "0" * 64), ("migrate", None)])
async def test_a_version_is_for_migrate_which_needs_one(office, verb, digest):
    office.running()
    with pytest.raises(InvalidInput, match="migrate") as refused:
        await give(office, verb, sop_digest=digest)
    assert refused.value.field == "sop_digest"
