"""The bodies that the API takes and gives beyond the models of the domain."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from domain.audit import AuditEntry
from domain.model import Model, Record
from domain.people import Principal, Role
from domain.review import ReviewRequest, Verb
from domain.task import Identifier
from domain.ticket import TicketSummary
from workers.desk.intake import Receipt
from workers.desk.reading import TicketAsOf

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
Links = dict[str, str]


class TicketAccepted(Receipt):
    """The ticket is durable: its workflow runs, whatever happens to this process."""

    links: Links


class TicketShown(TicketAsOf):
    """A ticket's state, how fresh it is, and where to read on."""

    links: Links


class TicketFilter(Model):
    """Which tickets to list."""

    state: str | None = Field(default=None, max_length=20, description="only tickets in this state")
    group: str | None = Field(default=None, max_length=100, description="only tickets of this group")
    category: str | None = Field(default=None, max_length=64, description="only tickets of this category")
    open_only: bool = Field(default=False, description="only tickets that have not ended")
    limit: int = Field(default=50, ge=1, le=500, description="how many at most")
    offset: int = Field(default=0, ge=0, le=1_000_000, description="how many to pass over")


class TicketList(Record):
    """Tickets, the most urgent deadline first among the open ones, then the latest closed."""

    tickets: tuple[TicketSummary, ...]


class CommandRequest(Model):
    """An operator's command."""

    reason: Reason = Field(description="why; it is kept in the ticket's timeline")


class ReassignRequest(CommandRequest):
    """Gives the ticket to another group."""

    group: str = Field(min_length=1, max_length=100, description="name of the group in the directory")


class StepRequest(CommandRequest):
    """A command on a step that failed."""

    step: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="which one, as `steps_failed` of the ticket names it; needed where several have failed",
    )


class EventRequest(Model):
    """Something that happened outside and that the ticket may wait for."""

    name: Identifier = Field(description="what happened, in snake case, as the SOP's `wait` names it")
    event_id: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$",
        description="its id at the source, the same for repeats; no account, phone or identity numbers",
    )
    data: dict[str, Any] = Field(
        default_factory=dict, max_length=50, description="what later steps find in the step that waited"
    )


class ReviewFilter(Model):
    """Which reviews to list."""

    group: str | None = Field(default=None, max_length=100, description="only reviews of this group")
    mine: bool = Field(default=False, description="only reviews of my groups and roles")


class ReviewShown(Record):
    """Everything that is shown to whoever decides, and the digest that binds the decision to it."""

    review: ReviewRequest
    digest: str = Field(description="SHA-256 of the review as shown; send it back with the decision")


class ReviewList(Record):
    """Reviews that wait for a decision, the oldest first."""

    reviews: tuple[ReviewShown, ...]


class DecisionRequest(Model):
    """A person's answer to a review."""

    verb: Verb
    choice: str | None = Field(default=None, max_length=64, description="for a route: one of its choices")
    reason: str = Field(default="", max_length=2000, description="needed to reject")
    form: dict[str, Any] = Field(
        default_factory=dict, max_length=50, description="answers to the review's form, with an approval"
    )
    digest: str = Field(
        pattern="^[0-9a-f]{64}$", description="the digest that came with the review when it was read"
    )


class CodeShown(ReviewShown):
    """A decision code and what it is bound to."""

    code: str = Field(description="goes into the field `code` of the Update `decide` or its Signal")
    expires_in_s: int = Field(description="real seconds for which the code is good")


class MigrationFilter(Model):
    """Which running tickets to look at."""

    sop: str | None = Field(default=None, max_length=100, description="only of this SOP, by id or name")
    limit: int = Field(default=200, ge=1, le=1000, description="how many tickets to ask at most")


class AuditPage(Record):
    """The latest audit entries, the oldest of them first."""

    entries: tuple[AuditEntry, ...]


class AuditFilter(Model):
    """Which audit entries to list."""

    task_id: str | None = Field(default=None, max_length=64, description="only entries of this ticket")
    limit: int = Field(default=200, ge=1, le=1000, description="how many at most")


class WhoAmI(Record):
    """The principal behind the token. Addresses are not shown."""

    id: str
    name: str
    roles: tuple[Role, ...]
    groups: tuple[str, ...]

    @classmethod
    def of(cls, principal: Principal) -> "WhoAmI":
        """What a principal may see of itself."""
        return cls(
            id=principal.id,
            name=principal.name,
            roles=tuple(sorted(principal.roles)),
            groups=tuple(sorted(principal.groups)),
        )


class Health(Record):
    """Whether the service can work."""

    status: str = Field(examples=["ok"])
