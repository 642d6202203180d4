"""Scenarios of tickets whose SOP is being rolled out."""

from definitions.schema import Sop
from domain.rollout import Stage as RolloutStage
from tests.fakes.rulebook import FakeRulebook
from tests.replay.language import LANGUAGE, SOPS
from tests.replay.scenario import scenario
from tests.replay.stage import Stage
from tests.support.rollouts import begun, moved, served_with
from tests.support.ticket_world import CUSTOMER_ORDER, Ticket

_MOVED = next(each for each in SOPS if each.id == "moved")
_CANDIDATE: Sop = _MOVED.model_copy(update={"version": "2", "steps": _MOVED.steps[:2]})


@scenario(LANGUAGE)
async def rollout_in_shadow(stage: Stage) -> Ticket:
    """A candidate runs in shadow when the ticket has ended."""
    return await _play(stage, percent=0)


@scenario(LANGUAGE)
async def rollout_by_the_candidate(stage: Stage) -> Ticket:
    """The candidate of a rollout serves the ticket, and asks nobody."""
    return await _play(stage, percent=100)


async def _play(stage: Stage, percent: int) -> Ticket:
    rulebook, store = stage.world.rulebook, stage.world.store
    assert isinstance(rulebook, FakeRulebook)
    before, rollout = rulebook.book, begun(store, _CANDIDATE)
    if percent:
        rollout = moved(store, rollout, RolloutStage.PERCENTAGE, percent)
    served_with(rulebook, store)
    ticket = await stage.world.submit(task_id=stage.name, action="moved", fields=CUSTOMER_ORDER)
    if not percent:
        await ticket.decide("zhao.min", step="well")
    await stage.ends(ticket)
    moved(store, rollout, RolloutStage.WITHDRAWN)
    rulebook.book = before
    return ticket
