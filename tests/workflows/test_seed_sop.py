"""The article's own set of definitions, read from its files, with its SOP unchanged."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from domain.lifecycle import TicketState
from domain.review import Verb
from tests.support.ticket_world import CUSTOMER_ORDER, World, ticket_world
from workers.activity_set import handler_specs
from workers.rulebook import RulebookFiles
from workers.settings import PROJECT

SEED = PROJECT / "definitions" / "seed"


@pytest.fixture(scope="module")
async def world(env: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder: Path = tmp_path_factory.mktemp("seed")
    async with ticket_world(env.client, folder, RulebookFiles(SEED, handler_specs())) as made:
        yield made


async def test_the_articles_freeze_runs_from_its_own_file(world: World) -> None:
    ticket = await world.submit(
        title="Customer asks to freeze the account", category=None, action=None, fields=CUSTOMER_ORDER
    )
    request = await ticket.review()
    view = await ticket.view()
    assert view.sop == "Account Freeze Process"
    assert view.dispatch is not None
    assert view.dispatch.evidence.rule == "Account Freeze"
    assert request.step_id == "escalate_to_compliance"
    assert (await ticket.decide("zhou.qiang")).accepted
    await ticket.ends(TicketState.COMPLETED)
    assert list(world.bank.effects.values()) == [1]


async def test_a_ticket_that_the_article_leaves_to_people_goes_to_people(world: World) -> None:
    ticket = await world.submit(title="Good morning", category=None, action=None)
    request = await ticket.review()
    assert request.step_id == "handle_ticket"
    operator = next(
        person.id
        for person in world.rulebook.current().directory.principals
        if "reviewer" in person.roles and request.group in person.groups
    )
    assert (await ticket.decide(operator, Verb.REJECT, reason="only a greeting")).accepted
    await ticket.ends(TicketState.REJECTED)
