"""All scenarios: freezes and the language have modules of their own; the rest follows here."""

from domain.lifecycle import TicketState
from domain.notices import Channel
from domain.review import ReviewKind, Verb
from tests.fakes.core_bank import Failure
from tests.replay import clocks, finance, freezes, language, rollouts
from tests.replay.scenario import SCENARIOS, close, scenario
from tests.replay.stage import DAY, NIGHT, PAST_CUT_OFF, Stage
from tests.support.ticket_world import Ticket

__all__ = ["SCENARIOS", "clocks", "finance", "freezes", "language", "rollouts"]


@scenario()
async def unfreeze_low(stage: Stage) -> Ticket:
    """Low risk by day: runs by itself."""
    return await stage.ends(await stage.submit("unfreeze"))


@scenario()
async def unfreeze_medium_by_night(stage: Stage) -> Ticket:
    """Medium risk by night: drawn for a spot check."""
    return await stage.ends(await stage.submit("unfreeze", NIGHT, holder="entity"))


@scenario()
async def unfreeze_high_rejected(stage: Stage) -> Ticket:
    """High risk: compliance rejects, the freeze stays."""
    ticket = await stage.submit("unfreeze", amount="900000.00")
    await stage.decide(ticket, Verb.REJECT)
    return await stage.ends(ticket, TicketState.REJECTED)


@scenario()
async def unfreeze_falls_back_to_manual(stage: Stage) -> Ticket:
    """The bank refuses the release, and so does the person who should do it by hand."""
    stage.world.bank.fail_next(Failure.REFUSED)
    ticket = await stage.submit("unfreeze")
    await stage.decide(ticket, Verb.REJECT)
    return await stage.ends(ticket, TicketState.REJECTED)


@scenario()
async def complaint_answered(stage: Stage) -> Ticket:
    """Investigated by one person, decided by a second, answered, closed with four eyes."""
    ticket = await stage.submit("complaint")
    await stage.decide(ticket)
    await stage.decide(ticket, second=True)
    return await close(stage, ticket)


@scenario()
async def complaint_answer_fails_once(stage: Stage) -> Ticket:
    """The answer cannot be sent: the ticket fails, an operator retries."""
    ticket = await stage.submit("complaint", NIGHT)
    await stage.decide(ticket)
    stage.world.outbox.refusing.add(Channel.EMAIL)
    await stage.decide(ticket, second=True)
    await ticket.until(lambda view: view.state is TicketState.FAILED, seconds=60)
    stage.world.outbox.refusing.clear()
    await stage.command(ticket, "retry_step")
    return await close(stage, ticket)


@scenario()
async def complaint_late(stage: Stage) -> Ticket:
    """The investigation is overdue: people are told again, the ticket waits on; then it is not possible."""
    ticket = await stage.submit("complaint")
    await ticket.review()
    await stage.pass_to_level(ticket, "91min", "orange")
    await stage.decide(ticket, Verb.REJECT)
    return await stage.ends(ticket, TicketState.REJECTED)


@scenario()
async def compliance_clear(stage: Stage) -> Ticket:
    """No list hit: an analyst works, another decides, a third closes."""
    ticket = await stage.submit("compliance")
    await stage.decide(ticket)
    await stage.decide(ticket, second=True)
    return await close(stage, ticket)


@scenario()
async def compliance_hit(stage: Stage) -> Ticket:
    """A list hit: compliance first, then the analyst, then the reporting decision."""
    ticket = await stage.submit("compliance", NIGHT, beneficiary="Dravoska Industrial Group")
    await stage.decide(ticket)
    await stage.decide(ticket)
    await stage.decide(ticket, second=True)
    return await close(stage, ticket)


@scenario()
async def payment_low(stage: Stage) -> Ticket:
    """Complete, in time, no hit, low risk: released by itself."""
    return await stage.ends(await stage.submit("payment", amount="1250.50"))


@scenario()
async def payment_incomplete(stage: Stage) -> Ticket:
    """A field is missing: a person completes the instruction, and the payment goes out."""
    ticket = await stage.submit("payment", amount="1250.50", purpose_code=None)
    await stage.decide(ticket)
    return await close(stage, ticket)


@scenario()
async def payment_past_cut_off(stage: Stage) -> Ticket:
    """Too late for its value date: the customer agreed to the next one."""
    ticket = await stage.submit("payment", PAST_CUT_OFF, amount="1250.50")
    await stage.decide(ticket)
    return await close(stage, ticket)


@scenario()
async def payment_past_cut_off_undecided(stage: Stage) -> Ticket:
    """Too late for its value date and nobody asks the customer in time: the safe answer is no."""
    ticket = await stage.submit("payment", PAST_CUT_OFF)
    await ticket.review()
    await stage.pass_time(ticket, "61min", lambda view: view.state is TicketState.REJECTED)
    return await stage.ends(ticket, TicketState.REJECTED)


@scenario()
async def payment_hit_cleared_twice(stage: Stage) -> Ticket:
    """A list hit: two people clear it one after the other, and a high amount needs a third."""
    ticket = await stage.submit(
        "payment", currency="CNY", amount="9000000.00", beneficiary="Tessaly Night Bank"
    )
    await stage.decide(ticket)
    await stage.decide(ticket, second=True)
    return await close(stage, ticket)


@scenario()
async def payment_hit_confirmed(stage: Stage) -> Ticket:
    """A list hit that the first reviewer does not clear: nothing is paid."""
    ticket = await stage.submit("payment", beneficiary="Tessaly Night Bank")
    await stage.decide(ticket, Verb.REJECT)
    return await stage.ends(ticket, TicketState.REJECTED)


@scenario()
async def payment_falls_back_to_manual(stage: Stage) -> Ticket:
    """The bank refuses: settled by hand, closed with four eyes."""
    stage.world.bank.fail_next(Failure.REFUSED)
    ticket = await stage.submit("payment", amount="1250.50")
    await stage.decide(ticket)
    return await close(stage, ticket)


@scenario()
async def break_of_timing(stage: Stage) -> Ticket:
    """The other side follows: nothing to book."""
    ticket = await stage.submit(
        "break", our_amount="500.00", their_amount="500.00", our_date="2026-11-23", their_date="2026-11-24"
    )
    return await stage.ends(ticket)


@scenario()
async def break_of_amount(stage: Stage) -> Ticket:
    """The amounts differ: booked by a person, and large enough for four eyes."""
    ticket = await stage.submit(
        "break", our_amount="90012.00", their_amount="90000.00", amount="90012.00", our_date="2026-11-23"
    )
    await stage.decide(ticket)
    return await close(stage, ticket)


@scenario()
async def break_booked_twice(stage: Stage) -> Ticket:
    """A duplicate: reversed by a person."""
    ticket = await stage.submit("break", our_amount="1000.00", their_amount="500.00")
    await stage.decide(ticket)
    return await close(stage, ticket)


@scenario()
async def break_unexplained(stage: Stage) -> Ticket:
    """Nobody knows: traced by a person, by night."""
    ticket = await stage.submit("break", NIGHT)
    await stage.decide(ticket)
    return await close(stage, ticket)


@scenario()
async def general_done(stage: Stage) -> Ticket:
    """No rule knows it: a person handles it after another group took over."""
    ticket = await stage.submit("other")
    await ticket.review()
    await stage.command(ticket, "reassign", group="Customer Experience")
    await ticket.until(lambda view: view.open_reviews[0].group == "Customer Experience")
    await stage.decide(ticket)
    return await close(stage, ticket)


@scenario()
async def general_not_possible(stage: Stage) -> Ticket:
    """The person answers that the bank cannot do it."""
    ticket = await stage.submit("other")
    await stage.decide(ticket, Verb.REJECT)
    return await stage.ends(ticket, TicketState.REJECTED)


@scenario("definitions/seed")
async def seed_freeze_approved(stage: Stage) -> Ticket:
    """The article's own set: every freeze is high, compliance approves."""
    ticket = await stage.submit("freeze")
    await stage.decide(ticket)
    return await stage.ends(ticket)


@scenario("definitions/seed")
async def seed_freeze_check_fails(stage: Stage) -> Ticket:
    """The article's check has no fallback: failed, retried, failed again, skipped, so compliance decides."""
    ticket = await stage.submit("freeze", identity_verified=None)
    await ticket.until(lambda view: view.state is TicketState.FAILED)
    seen = (await ticket.view()).last_seq
    await stage.command(ticket, "retry_step")
    await ticket.until(lambda view: view.state is TicketState.FAILED and view.last_seq > seen + 4)
    await stage.command(ticket, "skip_step")
    await stage.decide(ticket, Verb.REJECT)
    return await stage.ends(ticket, TicketState.REJECTED)


@scenario("definitions/seed")
async def seed_unknown_ticket(stage: Stage) -> Ticket:
    """The article's own set: a ticket that no SOP serves goes to people."""
    ticket = await stage.submit("other")
    await stage.decide(ticket)
    return await close(stage, ticket)


@scenario("mixed")
async def mixed_freeze_without_route(stage: Stage) -> Ticket:
    """The article's SOP under our risk criteria: medium has no route, so a person picks one."""
    ticket = await stage.submit("freeze", DAY, holder="entity")
    request = await ticket.review()
    assert request.kind is ReviewKind.ROUTE
    assert not (await ticket.decide(stage.people(request)[0])).accepted
    await stage.decide(ticket, choice="low")
    return await stage.ends(ticket)
