"""The ticket desk: what signed-in people and services can do with tickets, over Temporal and the store.

API, CLI and web desk come through here, so authority, four eyes and the audit of refusals are in one
place: `workers/desk/`, one module a subject.
"""

from collections.abc import Callable, Mapping

from temporalio.client import Client

from activities.ports import AuditLog, IntakeRegister, TicketReader
from definitions.book import PinnedSop
from domain.clock import BankClock
from domain.people import Directory
from workers.desk.authority import CodeIssuer, Trail
from workers.desk.commands import Commands
from workers.desk.events import Events
from workers.desk.intake import Intake
from workers.desk.migration import Migration
from workers.desk.reading import Reading
from workers.desk.reviews import Reviews
from workers.ticket_workflows import TicketWorkflows


class TicketDesk:
    """Starts, shows, decides and commands tickets on behalf of a principal: one part for each subject."""

    def __init__(
        self,
        client: Client,
        *,
        reader: TicketReader,
        intake: IntakeRegister,
        audit: AuditLog,
        codes: CodeIssuer,
        clock: BankClock,
        directory: Callable[[], Directory],
        in_force: Callable[[], Mapping[str, PinnedSop]],
        archived: Callable[[str, str], PinnedSop | None],
    ) -> None:
        """`archived` finds an SOP by its name and digest, for tickets of which Temporal has no history."""
        workflows, trail = TicketWorkflows(client), Trail(audit, clock)
        self.intake = Intake(workflows, intake, trail, clock)
        self.reading = Reading(workflows, reader, archived)
        self.reviews = Reviews(workflows, self.reading, codes, trail)
        self.commands = Commands(workflows, self.reading, codes, trail, directory)
        self.migration = Migration(self.reading, reader, self.commands, trail, in_force=in_force)
        self.events = Events(workflows, self.reading, codes, trail)
