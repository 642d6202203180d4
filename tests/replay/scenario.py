"""What a scenario is, and the list that the corpus is recorded from.

A scenario is one ticket, played as an async function: its name is that of the recording, the first line of
its docstring says what it shows.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.replay.stage import Stage, filled, is_settled
from tests.support.ticket_world import Ticket

Play = Callable[[Stage], Awaitable[Ticket]]


@dataclass(frozen=True)
class Scenario:
    """A ticket to record, and the definitions that it runs under."""

    name: str
    about: str
    play: Play
    definitions: str


SCENARIOS: dict[str, Scenario] = {}


def scenario(definitions: str = "definitions") -> Callable[[Play], Play]:
    """Adds a play to the corpus."""

    def add(play: Play) -> Play:
        name = play.__name__.replace("_", "-")
        about = (play.__doc__ or "").strip().splitlines()[0]
        SCENARIOS[name] = Scenario(name, about, play, definitions)
        return play

    return add


async def close(stage: Stage, ticket: Ticket) -> Ticket:
    """Further reviews are approved by whoever may, until the ticket ends."""
    while True:
        view = await ticket.until(lambda view: bool(view.open_reviews) or view.closed_at is not None)
        if view.closed_at is not None:
            return await stage.ends(ticket)
        await _approve_by_anybody(stage, ticket)


async def _approve_by_anybody(stage: Stage, ticket: Ticket) -> None:
    request = await ticket.review()
    for person in stage.people(request):
        if (await ticket.decide(person, request=request, form=filled(request))).accepted:
            break
    await ticket.until(lambda view: is_settled(view, request))
