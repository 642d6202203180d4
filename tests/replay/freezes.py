"""Freezes: duty and risk, decisions and commands, the bank's failures, the SLA."""

from datetime import timedelta

from domain.lifecycle import TicketState
from domain.notices import Channel
from domain.review import Decision, Verb
from tests.fakes.core_bank import Failure
from tests.replay.scenario import scenario
from tests.replay.stage import NIGHT, Stage
from tests.support.ticket_world import Ticket
from workflows.ticket import TicketWorkflow


@scenario()
async def freeze_low(stage: Stage) -> Ticket:
    """Low risk by day: runs by itself."""
    return await stage.ends(await stage.submit("freeze"))


@scenario()
async def freeze_with_an_end(stage: Stage) -> Ticket:
    """A freeze for thirty days: what outlives the ticket is watched by a workflow of its own."""
    return await stage.ends(await stage.submit("freeze", period="30d"))


@scenario()
async def unfreeze_what_was_watched(stage: Stage) -> Ticket:
    """A release: whatever was watched on the account is watched no more."""
    return await stage.ends(await stage.submit("unfreeze"))


@scenario()
async def freeze_medium_by_day(stage: Stage) -> Ticket:
    """Medium risk by day: a person confirms before the effect, and is not asked again at the end."""
    ticket = await stage.submit("freeze", holder="entity")
    await stage.decide(ticket)
    return await stage.ends(ticket)


@scenario()
async def freeze_medium_by_night(stage: Stage) -> Ticket:
    """Medium risk by night: runs by itself and is drawn for a spot check."""
    return await stage.ends(await stage.submit("freeze", NIGHT, holder="entity"))


@scenario()
async def freeze_high_approved(stage: Stage) -> Ticket:
    """High risk by day: compliance approves."""
    ticket = await stage.submit("freeze", amount="900000.00")
    await stage.decide(ticket)
    return await stage.ends(ticket)


@scenario()
async def freeze_high_rejected_by_night(stage: Stage) -> Ticket:
    """High risk by night: on-call is told, compliance rejects, nothing is frozen."""
    ticket = await stage.submit("freeze", NIGHT, amount="900000.00")
    await stage.decide(ticket, Verb.REJECT)
    return await stage.ends(ticket, TicketState.REJECTED)


@scenario()
async def freeze_refused_decisions(stage: Stage) -> Ticket:
    """Decisions without a code, by the maker, on another review do not count; a good one by signal does."""
    ticket = await stage.submit("freeze", maker="zhou.qiang", amount="900000.00")
    request = await ticket.review()
    assert not (await ticket.decide("wu.xia", code="")).accepted
    assert not (await ticket.decide("zhou.qiang", request=request)).accepted
    other = request.model_copy(update={"review_id": "R9-none"})
    assert not (await ticket.decide("wu.xia", request=other)).accepted
    code = stage.world.codes.issue("wu.xia", "decide", request.review_id, request.digest)
    decision = Decision(review_id=request.review_id, verb=Verb.APPROVE, reason="by signal", code=code)
    await ticket.handle.signal(TicketWorkflow.submit_decision, decision)
    return await stage.ends(ticket)


@scenario()
async def freeze_papers_incomplete(stage: Stage) -> Ticket:
    """The papers do not suffice: a person verifies the authority in place of the check."""
    ticket = await stage.submit("freeze", identity_verified=None)
    await stage.decide(ticket)
    return await stage.ends(ticket)


@scenario()
async def freeze_outcome_unknown(stage: Stage) -> Ticket:
    """The bank commits and the answer is lost: the next attempt asks and finds it done."""
    stage.world.bank.fail_next(Failure.LOST_AFTER_COMMIT)
    return await stage.ends(await stage.submit("freeze"))


@scenario()
async def freeze_outcome_settled(stage: Stage) -> Ticket:
    """All attempts end unknown: the bank is asked until it answers that the freeze is done."""
    stage.world.bank.fail_next(Failure.LOST_AFTER_COMMIT)
    ticket = await _until_the_bank_is_asked(stage)
    return await stage.ends(ticket)


@scenario()
async def freeze_outcome_not_executed(stage: Stage) -> Ticket:
    """All attempts end unknown, the bank fences the order off: a person freezes by hand."""
    stage.world.bank.fail_next(Failure.LOST_BEFORE_COMMIT)
    ticket = await _until_the_bank_is_asked(stage)
    await stage.decide(ticket)
    await stage.decide(ticket, second=True)
    return await stage.ends(ticket)


async def _until_the_bank_is_asked(stage: Stage) -> Ticket:
    ticket = await stage.submit("freeze", holder="entity")
    await stage.decide(ticket)
    await stage.until_placed()
    stage.world.bank.down = True
    await ticket.until(lambda view: view.waiting_for == "core bank", seconds=40)
    stage.world.bank.down = False
    return ticket


@scenario()
async def freeze_falls_back_to_manual(stage: Stage) -> Ticket:
    """The bank refuses: a person freezes by hand, another confirms."""
    stage.world.bank.fail_next(Failure.REFUSED)
    ticket = await stage.submit("freeze", holder="entity")
    await stage.decide(ticket)
    await stage.decide(ticket)
    await stage.decide(ticket, second=True)
    return await stage.ends(ticket)


@scenario()
async def freeze_customer_not_told(stage: Stage) -> Ticket:
    """The notice fails beside the run: that alerts, and the ticket closes without it."""
    stage.world.outbox.refusing.add(Channel.SMS)
    ticket = await stage.ends(await stage.submit("freeze"))
    stage.world.outbox.refusing.clear()
    return ticket


@scenario()
async def freeze_held_and_resumed(stage: Stage) -> Ticket:
    """On hold nothing fires and nothing runs, though a person decides; a second hold is refused."""
    ticket = await stage.submit("freeze", amount="900000.00")
    await ticket.review()
    await stage.command(ticket, "hold")
    await stage.pass_time(ticket, "2h", lambda view: view.held)
    await stage.decide(ticket)
    assert not (await ticket.command("hold", stage.operator())).accepted
    await stage.command(ticket, "resume")
    return await stage.ends(ticket)


@scenario()
async def freeze_held_and_late(stage: Stage) -> Ticket:
    """A hold moves the thresholds: an hour on hold, then half of the SLA, then the pre-alert."""
    ticket = await stage.submit("freeze", amount="900000.00")
    await ticket.review()
    await stage.command(ticket, "hold")
    await stage.pass_time(ticket, "1h", lambda view: view.held)
    await stage.command(ticket, "resume")
    await stage.pass_to_level(ticket, "31min", "pre_alert")
    await stage.decide(ticket)
    return await stage.ends(ticket)


@scenario()
async def freeze_reassigned(stage: Stage) -> Ticket:
    """Reassigned while a person is asked: the question moves along."""
    ticket = await stage.submit("freeze", holder="entity")
    await ticket.review()
    await stage.command(ticket, "reassign", group="Compliance Review")
    await ticket.until(lambda view: view.open_reviews[0].group == "Compliance Review")
    await stage.decide(ticket)
    return await stage.ends(ticket)


@scenario()
async def freeze_cancelled(stage: Stage) -> Ticket:
    """Cancelled by an operator while a person is asked."""
    ticket = await stage.submit("freeze", amount="900000.00")
    await ticket.review()
    await stage.command(ticket, "cancel")
    return await stage.ends(ticket, TicketState.CANCELLED)


@scenario()
async def freeze_cancelled_in_temporal(stage: Stage) -> Ticket:
    """Cancelled from the Temporal UI."""
    ticket = await stage.submit("freeze", amount="900000.00")
    await ticket.review()
    await ticket.handle.cancel()
    return await stage.ends(ticket, TicketState.CANCELLED)


@scenario()
async def freeze_sla_runs_out(stage: Stage) -> Ticket:
    """Nobody decides: reminders, all four thresholds and the SOP's escalation; then somebody does."""
    ticket = await stage.submit("freeze", amount="900000.00")
    await ticket.review()
    for time, level in (("31min", "pre_alert"), ("15min", "orange"), ("9min", "red"), ("3min", "critical")):
        await stage.pass_to_level(ticket, time, level)
    await stage.decide(ticket)
    return await stage.ends(ticket)


@scenario()
async def freeze_sla_nearly_gone(stage: Stage) -> Ticket:
    """Received 55 minutes before its workflow starts: of the thresholds passed, only the highest fires."""
    ticket = await stage.submit("freeze", waited=timedelta(minutes=55), amount="900000.00")
    await ticket.review()
    await ticket.until_told("red", [])
    await stage.decide(ticket)
    return await stage.ends(ticket)
