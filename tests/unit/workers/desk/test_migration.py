"""Migration at the desk: what could move to the version in force, what is moved, and what stays and why."""

import pytest

from activities.messages import CodeCheck
from domain.digest import digest_of
from domain.errors import Conflict, NotFound, NotPermitted
from domain.lifecycle import TicketState
from tests.fakes.store import NIGHT, a_view
from workers.desk.migration import MigrationPlan
from workers.ticket_workflows import EngineUnavailable
from workflows.contract import Command, CommandOutcome, command_content


@pytest.fixture
def released(office, pinned_sop):
    """Freeze 2 is in force; T1 is on 1 and T2 on 2; T3 follows another SOP, which nobody changed."""
    office.in_force = {"freeze": pinned_sop("2"), "unfreeze": pinned_sop("1", "Unfreeze")}
    office.pinned_to("T1", "1", "check", "pay")
    office.pinned_to("T2", "2")
    office.pinned_to("T3", "1", sop="Unfreeze")
    office.temporal.on_update["migrate"] = lambda _: CommandOutcome(
        accepted=True, code="accepted", message="migrate done", state=TicketState.PROCESSING
    )
    return office


async def plan(office, sop=None, limit=200) -> MigrationPlan:
    return await office.desk.migration.plan(sop, limit)


async def move(office, task_id="T1", name="op.chen") -> CommandOutcome:
    return await office.desk.migration.move(task_id, "the form was fixed", principal=office.who(name))


def ids(found: MigrationPlan) -> list[str]:
    return [each.task_id for each in found.candidates]


class TestPlan:
    async def test_it_shows_who_runs_what_what_is_in_force_and_what_was_done(self, released):
        found = await plan(released)
        (one,) = found.candidates
        assert (one.task_id, one.sop, one.pinned.version, one.target.version) == ("T1", "freeze", "1", "2")
        assert [step.key for step in one.finished] == ["check", "pay"]
        assert one.stands
        assert (found.current, found.left_out) == (2, 0)

    async def test_what_speaks_against_a_move_is_told(self, released, pinned_sop):
        released.in_force["freeze"] = pinned_sop("2", "Freeze", "Check", "Tell")
        one = next(each for each in (await plan(released)).candidates if each.task_id == "T1")
        assert one.objections == ("pay is finished, and the new version has no such step",)
        assert not one.stands
        assert one.model_dump()["stands"] is False

    @pytest.mark.parametrize("sop", ["freeze", "Freeze"])
    async def test_one_sop_is_named_by_id_or_name(self, released, pinned_sop, sop):
        released.in_force["unfreeze"] = pinned_sop("2", "Unfreeze")
        assert ids(await plan(released)) == ["T1", "T3"]
        found = await plan(released, sop)
        assert ids(found) == ["T1"]
        assert found.current == 1

    async def test_an_unknown_sop_is_answered_with_the_nearest(self, released):
        with pytest.raises(NotFound, match="did you mean 'freeze'"):
            await plan(released, "freezze")
        with pytest.raises(NotFound, match="expected one of: freeze, unfreeze"):
            await plan(released, "xyz")

    async def test_an_sop_that_is_gone_or_has_another_name_is_found_by_the_ticket_itself(
        self, released, pinned_sop
    ):
        released.in_force = {"freeze": pinned_sop("2", "Freeze").model_copy(deep=True)}
        renamed = pinned_sop("2", "Freeze")
        released.in_force["freeze"] = renamed.model_copy(
            update={"sop": renamed.sop.model_copy(update={"name": "Freeze an account"})}
        )
        found = {each.task_id: each for each in (await plan(released)).candidates}
        assert found["T1"].stands
        assert found["T3"].objections == ("the SOP 'unfreeze' is not in force any more",)
        assert "T3" not in ids(await plan(released, "freeze"))

    async def test_ended_tickets_have_nothing_to_move(self, released):
        released.pinned_to("T1", "1", state=TicketState.COMPLETED, closed_at=NIGHT)
        assert ids(await plan(released)) == []

    async def test_tickets_that_have_no_sop_yet_are_left_alone(self, released):
        released.reader.views["T4"] = a_view("T4", state=TicketState.CREATED)
        assert "T4" not in ids(await plan(released))

    async def test_a_ticket_that_does_not_answer_is_listed_and_does_not_hide_the_others(self, released):
        released.pinned_to("T0", "1")
        del released.temporal.started["ticket-T0"]
        found = {each.task_id: each for each in (await plan(released)).candidates}
        assert found["T0"].objections == ("it runs under no SOP now",)
        assert found["T1"].stands

    async def test_beyond_the_limit_tickets_are_counted_and_not_asked(self, released):
        released.pinned_to("T4", "1")
        found = await plan(released, limit=1)
        assert (len(found.candidates), found.left_out) == (1, 1)

    async def test_without_temporal_nothing_is_pretended(self, released):
        released.temporal.down = True
        with pytest.raises(EngineUnavailable):
            await plan(released)


class TestMove:
    async def test_the_ticket_is_told_exactly_which_version(self, released, pinned_sop):
        assert (await move(released)).accepted
        workflow, verb, command = released.temporal.updates[0]
        assert (workflow, verb, command.sop_digest) == ("ticket-T1", "migrate", pinned_sop("2").digest)
        content = command_content(
            "migrate", "T1", Command(reason="the form was fixed", sop_digest=command.sop_digest)
        )
        check = CodeCheck(
            code=command.code, purpose="command:migrate", subject="T1", digest=digest_of(content)
        )
        assert released.codes.verify(check).principal == released.who("op.chen")

    @pytest.mark.parametrize("name", ["wang.fang", "intake", "audit.guo"])
    async def test_only_operators_move_tickets(self, released, name):
        with pytest.raises(NotPermitted, match="operator"):
            await move(released, name=name)
        row = released.audit.rows[-1]
        assert (row.action, row.actor, row.accepted) == ("command.migrate.refused", name, False)
        assert released.temporal.updates == []

    async def test_what_does_not_stand_stays_with_every_reason(self, released, pinned_sop):
        released.in_force["freeze"] = pinned_sop("2", "Freeze", "Ask", "Check", "Tell")
        with pytest.raises(Conflict, match=r"stays on version 1: pay is .* no such step; ask is new"):
            await move(released)
        assert released.audit.rows[-1].action == "command.migrate.refused"
        assert released.temporal.updates == []

    async def test_a_ticket_on_the_version_in_force_has_nowhere_to_go(self, released):
        with pytest.raises(Conflict, match="on version 2 already"):
            await move(released, "T2")

    async def test_an_sop_that_is_not_in_force_any_more_is_no_target(self, released):
        del released.in_force["freeze"]
        with pytest.raises(Conflict, match="not in force any more"):
            await move(released)

    async def test_a_ticket_that_ended_says_how(self, released):
        released.pinned_to("T1", "1", state=TicketState.REJECTED, closed_at=NIGHT)
        with pytest.raises(Conflict, match="ended as rejected"):
            await move(released)

    async def test_an_unknown_ticket_is_not_found(self, released):
        with pytest.raises(NotFound, match="T9"):
            await move(released, "T9")

    async def test_a_workflow_that_does_not_answer_is_not_moved_blindly(self, released):
        released.temporal.no_worker = True
        with pytest.raises(EngineUnavailable):
            await move(released)
