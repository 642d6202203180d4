"""What activities need of the outside world, as Protocols: adapters implement them, tests fake them."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Protocol

from activities.messages import CodeCheck, CodeVerdict, Progress
from definitions.book import Rulebook
from definitions.releases import ChangeSet, InForce, Publication, Release, Version
from definitions.rollout import Candidate, Rollout, RolloutMove
from domain.audit import AuditEntry
from domain.dispatch.answer import DispatchAnswer
from domain.http_services import HttpService, ServiceReply, ServiceRequest
from domain.notices import Channel, Delivery, Notice
from domain.orders import BankOrder, OrderReceipt
from domain.outcomes import TicketOutcome
from domain.review import ReviewRequest
from domain.shadow import ShadowReport, ShadowTally
from domain.task import OpsTask
from domain.ticket import TicketEvent, TicketSummary, TicketView


class CoreBank(Protocol):
    """The core banking system."""

    def place(self, order: BankOrder) -> OrderReceipt:
        """Carries the order out at most once per key.

        Raises `OrderRefused` (definite no), `BankUnavailable` (not taken) or `OutcomeUnknown`
        (sent, no answer).
        """

    def find(self, key: str) -> OrderReceipt | None:
        """The bank's record of a key; None when it has none. Raises `BankUnavailable`."""

    def revoke(self, key: str) -> OrderReceipt:
        """Settles a key for good: its receipt if executed, else fences it off. Raises `BankUnavailable`."""

    def contact(self, customer_ref: str, channel: Channel) -> str:
        """A customer's address on a channel, or `""`. Raises `BankUnavailable`."""


class ServiceCaller(Protocol):
    """Services of `policies/http.yaml`."""

    def call(self, name: str, service: HttpService, request: ServiceRequest) -> ServiceReply:
        """Sends the request once, to the service's own host.

        Raises `ServiceUnavailable` (not sent) or `OutcomeUnknown` (sent, and no answer).
        """


class ChannelSender(Protocol):
    """One way out for messages."""

    def send(self, notice: Notice, address: str) -> str:
        """Hands the message over; returns the channel's own words. Raises `ChannelFailed`."""


class NoticeLog(Protocol):
    """Remembers which notices went out, so that a retry does not send them again."""

    def delivered(self, notice_id: str) -> bool:
        """Whether this notice was taken by its channel."""

    def record(self, notice: Notice, delivery: Delivery) -> None:
        """Keeps the outcome of an attempt. The same notice may be recorded many times."""


class TicketStore(Protocol):
    """The read model of tickets, and the audit that goes with every change of it."""

    def record(self, progress: Progress) -> None:
        """Writes events, audit rows and the view in one transaction; repeats change nothing."""


class CodeVerifier(Protocol):
    """Tells whose a decision code is."""

    def verify(self, check: CodeCheck) -> CodeVerdict:
        """The principal behind the code, or what is wrong with it. Never raises for a bad code."""


class RulebookSource(Protocol):
    """Where the definitions in force come from."""

    def current(self) -> Rulebook:
        """The last good rulebook."""

    def is_working_day(self, day: date) -> bool:
        """Whether the bank works on this day (weekends, holidays, make-up days)."""

    def dispatch(self, task: OpsTask) -> DispatchAnswer:
        """The answer of the current tables, compiled once per rulebook."""


class AddressBook(Protocol):
    """How groups and staff are reached."""

    def addresses(self, to: str, channel: Channel) -> Sequence[str]:
        """All addresses of a principal id or group name on a channel; empty when there is none."""


class IntakeRegister(Protocol):
    """Makes a hand-in happen once: one ticket per source and external id."""

    def reserve(self, *, task: OpsTask, maker: str, body_digest: str, received_at: datetime) -> datetime:
        """Reserves the ticket's place and returns when it was first received.

        A repeat with the same body returns the first instant. Raises `Conflict` on another body.
        """

    def acknowledge(self, task_id: str) -> None:
        """Notes that the ticket's workflow is durable."""

    def acknowledged(self, task_id: str) -> bool:
        """Whether the ticket's workflow is known to be durable."""


class TicketReader(Protocol):
    """Lists and searches over the read model."""

    def view(self, task_id: str) -> TicketView | None:
        """The last recorded state of a ticket."""

    def timeline(self, task_id: str) -> Sequence[TicketEvent]:
        """All recorded events of a ticket, in order."""

    def tickets(
        self,
        *,
        state: str | None = None,
        group: str | None = None,
        category: str | None = None,
        open_only: bool = False,
        limit: int = 50,
        offset: int = 0,
    ) -> Sequence[TicketSummary]:
        """Tickets, the most urgent deadline first among the open ones, then the latest closed."""

    def open_reviews(self, *, group: str | None = None) -> Sequence[ReviewRequest]:
        """Reviews that wait for a decision, the oldest first."""

    def review(self, review_id: str) -> ReviewRequest | None:
        """A review, open or decided."""


class AuditLog(Protocol):
    """Who did, or was refused, what. Rows are only ever added."""

    def write(self, entry: AuditEntry) -> None:
        """Adds an entry of its own transaction (refusals at the door, sign-ins)."""

    def entries(self, *, task_id: str | None = None, limit: int = 200) -> Sequence[AuditEntry]:
        """The latest entries, the oldest of them first."""


class RulesLibrary(Protocol):
    """Every version of every definition, what waits for its release, and what is in force.

    A change is made onto the latest release that its maker knew: `Conflict` when another one came in between.
    """

    def last_release(self) -> int:
        """The number of the latest release, 0 while there is none. Cheap: it is asked every second."""

    def in_force(self) -> InForce:
        """All files in force after the latest release: of one release, never a mixture of two."""

    def versions(self, path: str | None = None) -> Sequence[Version]:
        """The versions of one file or of all, by path and number."""

    def content(self, path: str, version: int) -> str | None:
        """A version's text; None for one that removes the file. Raises `NotFound`."""

    def change_sets(self) -> Sequence[ChangeSet]:
        """Every change set, in the order of publication."""

    def releases(self) -> Sequence[Release]:
        """Every release and rollback, in order."""

    def publish(self, changes: Mapping[str, str | None], *, note: str, by: str, onto: int) -> Publication:
        """Keeps new contents by path (None removes the file) as one change set that waits, with its audit."""

    def release(self, change_set: ChangeSet, *, by: str, onto: int) -> Release:
        """Puts a change set in force, with its audit. Raises `Conflict` for its publisher."""

    def withdraw(self, number: int, *, reason: str, by: str) -> ChangeSet:
        """Takes back a change set that waits, with its audit.

        Raises `Conflict` when it was released or withdrawn, or when one of its versions is being rolled out.
        """

    def roll_back(self, versions: Mapping[str, int], *, reason: str, by: str, onto: int) -> Release:
        """Puts older versions by path back in force, with its audit."""


class RolloutStore(Protocol):
    """Rollouts of SOPs, the shadow runs of their candidates, and the outcomes of each version's tickets."""

    def candidates(self) -> Sequence[Candidate]:
        """Those of open rollouts, the oldest first. Cheap: they are asked for every second."""

    def rollouts(self, sop_id: str | None = None) -> Sequence[Rollout]:
        """Every rollout of one SOP or of all, in order."""

    def start(self, candidate: Candidate, version: Version, why: str) -> Rollout:
        """Opens a rollout under the next number, with its audit.

        Raises `Conflict` when one of this SOP is open.
        """

    def move(self, rollout: Rollout, move: RolloutMove, report: Mapping[str, Any] | None = None) -> Rollout:
        """Adds a move, with its audit, and the run report where the move ends the rollout.

        Raises `Conflict` when somebody else moved it meanwhile, or when it has ended.
        """

    def report(self, number: int) -> Mapping[str, Any] | None:
        """The run report that a rollout ended with."""

    def record_shadow(self, report: ShadowReport) -> None:
        """Keeps a shadow run; the same again changes nothing."""

    def shadow_tally(self, number: int) -> ShadowTally:
        """How many shadow runs of a rollout agreed."""

    def shadows(self, number: int, *, differing: bool = False, limit: int = 1000) -> Sequence[ShadowReport]:
        """Shadow runs of a rollout, the oldest first; only those that do not agree, if so wanted."""

    def outcomes(self, sop_id: str, *, rollout: int | None = None) -> Sequence[TicketOutcome]:
        """All tickets of an SOP, and those that a rollout placed wherever they were served."""
