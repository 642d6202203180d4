"""The composition root: puts adapters behind ports and activities into workers.

The only place that knows every room. Nothing here decides anything.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import structlog
from temporalio.client import Client
from temporalio.runtime import Runtime
from temporalio.worker import Interceptor

from activities.adapters.address_book import DirectoryAddressBook
from activities.adapters.alert_desks import WorkflowAlertDesks
from activities.adapters.channels import channel_senders
from activities.adapters.decision_codes import DecisionCodes
from activities.adapters.expiries import WorkflowExpiries
from activities.adapters.http_services import HttpxServices
from activities.adapters.page_links import SignedPageLinks
from activities.adapters.store import Store, open_store
from activities.alert_desk import AlertActivities, AlertRecords
from activities.catalogue import handlers_of
from activities.channel_tests import ChannelTestActivities
from activities.checks import CheckActivities
from activities.codes import CodeActivities
from activities.core_bank import CoreBankActivities
from activities.expiry import ExpiryActivities
from activities.gate import GateActivities
from activities.http_call import HttpActivities
from activities.notices import NoticeActivities
from activities.on_call import OnCallLine
from activities.opening import OpeningActivities
from activities.paging import PageActivities, PageSending
from activities.ports import ChannelSender, CodeVerifier, CoreBank, RulebookSource, ServiceCaller
from activities.ports.alerts import AlertDesks
from activities.ports.expiry import Expiries
from activities.ports.pages import PageLinks
from activities.record import RecordActivities
from activities.shadow import ShadowHandlers, ShadowRecords
from activities.spot_checks import SpotCheckActivities
from definitions.book import PinnedSop, Rulebook, pin, with_people
from domain.clock import BankClock
from domain.errors import StoreUnavailable
from domain.handlers import HandlerSpec, Queue
from domain.notices import Channel
from domain.people import Directory
from workers.archive import SopArchive
from workers.candidates import RulebookWithCandidates
from workers.core_bank import core_bank
from workers.desk.alerts import AlertOffice
from workers.desk.authority import Trail
from workers.desk.channels import ChannelDesk
from workers.desk.duty import DutyDesk
from workers.desk.handlers import HandlerDesk
from workers.desk.paging import PageDesk
from workers.desk.roster import RosterDesk
from workers.desk.spot_checks import SpotCheckDesk
from workers.extensions import extensions
from workers.handler_watching import watch_over
from workers.identity import Identity, key_from
from workers.page_workflows import PageWorkflows
from workers.releases import ReleaseDesk
from workers.rollout import RolloutDesk
from workers.rulebook import RulebookFiles, RulebookLibrary, ServedRulebook
from workers.settings import Settings, http_secret
from workers.tickets import TicketDesk
from workflows.payloads import data_converter
from workflows.shadow_contract import READS

_RELOAD_S = 1.0
_log = structlog.get_logger(__name__)


def handler_specs() -> dict[str, HandlerSpec]:
    """The catalogue of all handlers that are code, the bank's own among them; connects to nothing.

    Raises `DefinitionError` where a bank's own cannot be used.
    """
    ours = _own_handlers()
    brought = {name: spec for each in extensions(frozenset(ours)) for name, spec in each.handlers.items()}
    return {**ours, **brought}


def sops_in_force(book: Rulebook) -> dict[str, PinnedSop]:
    """Every SOP as a ticket that opens now would pin it, by id."""
    handlers = with_people(handler_specs(), book.human_tasks)
    return {sop.id: pin(sop, handlers, book.sops) for sop in book.sops}


def _own_handlers() -> dict[str, HandlerSpec]:
    return handlers_of((CheckActivities, CoreBankActivities, NoticeActivities, HttpActivities))


@dataclass(frozen=True)
class ActivitySet:
    """All activities of a worker, by the queue that they are served on."""

    by_queue: Mapping[Queue, tuple[object, ...]]
    watch: Callable[[Client], Interceptor] | None = None
    """What counts the failures of handlers, over the worker's client."""


def activity_set(
    *,
    rulebook: RulebookSource,
    bank: CoreBank,
    senders: Mapping[Channel, ChannelSender],
    store: Store,
    codes: CodeVerifier,
    clock: BankClock | None = None,
    services: ServiceCaller | None = None,
    links: PageLinks | None = None,
    desks: AlertDesks | None = None,
    expiries: Expiries | None = None,
    watched: bool = False,
) -> ActivitySet:
    """The activities over these ports, and the bank's own.

    `clock` None takes tickets of any clock, for simulations; `services` None calls those of
    `policies/http.yaml` as they stand there; without `links` a page names the command that acknowledges it;
    without `desks` each alert is sent at once;
    without `expiries` nobody watches what outlives its ticket. Only what is `watched` can become degraded.
    """
    notices = NoticeActivities(
        senders=senders,
        log=store.notices,
        addresses=DirectoryAddressBook(rulebook),
        bank=bank,
        rulebook=rulebook,
        on_call=OnCallLine(rulebook, store.overrides, store.database.now),
    )
    ours: dict[Queue, tuple[object, ...]] = {
        Queue.TICKETS: (
            OpeningActivities(rulebook, handler_specs(), clock),
            GateActivities(rulebook, store.duty),
            CodeActivities(codes),
            RecordActivities(store.tickets),
            AlertRecords(store.alerts),
            ExpiryActivities(expiries, store.expiries),
            PageActivities(rulebook, store.pages, store.overrides, store.reader),
            ShadowRecords(store.rollouts),
            SpotCheckActivities(rulebook, store.spot_checks, store.intake),
            CheckActivities(rulebook),
        ),
        Queue.CORE_BANK: (CoreBankActivities(bank),),
        Queue.CHANNELS: (
            PageSending(
                senders=senders,
                log=store.notices,
                addresses=DirectoryAddressBook(rulebook),
                rulebook=rulebook,
                pages=store.pages,
                links=links,
            ),
            notices,
            AlertActivities(desks, book=store.alerts, rulebook=rulebook, send=notices.deliver_alert),
            ChannelTestActivities(senders, store.notices, DirectoryAddressBook(rulebook)),
        ),
        Queue.SERVICES: (HttpActivities(rulebook, services or HttpxServices(http_secret)),),
    }
    brought = extensions(frozenset(_own_handlers()))
    by_queue = {
        queue: (*owners, *(owner for each in brought for owner in each.on(queue)))
        for queue, owners in ours.items()
    }
    for queue in READS:
        by_queue[queue] = (*by_queue[queue], ShadowHandlers(by_queue[queue]))

    clock_of_desks = None if desks is None else clock or BankClock()
    watch = watch_over(
        handler_specs(), rulebook=rulebook, store=store, send=notices.deliver_alert, clock=clock_of_desks
    )
    return ActivitySet(by_queue=by_queue, watch=watch if watched else None)


@dataclass(frozen=True)
class Installation:
    """What every process of one installation shares: rulebook, store, keys."""

    settings: Settings
    rulebook: ServedRulebook
    store: Store
    codes: DecisionCodes

    def directory(self) -> Directory:
        """Who there is, as of now."""
        return self.rulebook.directory()

    def identity(self) -> Identity:
        """Sign-in of people and services."""
        return Identity(
            key_from(self.settings, "identity"),
            self.directory,
            timedelta(seconds=self.settings.session_ttl_s),
        )

    def activities(self) -> ActivitySet:
        """The activities over the adapters that the settings name."""
        settings = self.settings
        return activity_set(
            rulebook=self.rulebook,
            bank=core_bank(settings),
            senders=self._senders(),
            store=self.store,
            codes=self.codes,
            clock=settings.clock,
            services=HttpxServices(http_secret, https_only=settings.environment == "production"),
            links=self.page_links(),
            desks=WorkflowAlertDesks(settings.clock),
            expiries=WorkflowExpiries(),
            watched=True,
        )

    def _senders(self) -> Mapping[Channel, ChannelSender]:
        """The channels that the settings name. Whoever sends announces by which providers."""
        settings = self.settings
        senders = channel_senders(
            email_url=settings.email_url,
            email_from=settings.email_from,
            sms_url=settings.sms_url,
            wecom_url=settings.wecom_url,
            webhook_url=settings.webhook_url,
            webhook_secret=settings.webhook_secret,
            timeout_s=settings.channel_timeout_s,
            health=self.store.channels,
        )
        try:
            self.store.channels.announce({channel: each.names for channel, each in senders.items()})
        except StoreUnavailable as error:
            _log.warning("channels.not_announced", error=str(error))
        return senders

    def channels(self, client: Client) -> ChannelDesk:
        """The desk of channels."""
        return ChannelDesk(
            client,
            health=self.store.channels,
            audit=self.store.audit,
            clock=self.settings.clock,
            directory=self.directory,
            policy=lambda: self.rulebook.current().alerts,
        )

    def desk(self, client: Client) -> TicketDesk:
        """What API and CLI work through."""
        return TicketDesk(
            client,
            reader=self.store.reader,
            intake=self.store.intake,
            audit=self.store.audit,
            codes=self.codes,
            clock=self.settings.clock,
            directory=self.directory,
            in_force=lambda: sops_in_force(self.rulebook.current()),
            archived=SopArchive(self.store.library, self.rulebook.current, handler_specs()).find,
        )

    def duty(self) -> DutyDesk:
        """The desk of the duty mode and of authority."""
        return DutyDesk(self.store.duty, self.rulebook, audit=self.store.audit, clock=self.settings.clock)

    def spot_checks(self, client: Client) -> SpotCheckDesk:
        """The desk of spot checks."""
        return SpotCheckDesk(
            client,
            self.store.spot_checks,
            audit=self.store.audit,
            codes=self.codes,
            clock=self.settings.clock,
        )

    def page_links(self) -> SignedPageLinks:
        """Links with which people acknowledge pages."""
        settings = self.settings
        ttl = timedelta(seconds=settings.page_link_ttl_s)
        return SignedPageLinks(key_from(settings, "decision"), settings.link_base, ttl)

    def pages(self, client: Client) -> PageDesk:
        """The desk of pages."""
        return PageDesk(
            PageWorkflows(client),
            self.store.pages,
            links=self.page_links(),
            codes=self.codes,
            trail=Trail(self.store.audit, self.settings.clock),
            rulebook=self.rulebook.current,
            clock=self.settings.clock,
        )

    def handlers(self) -> HandlerDesk:
        """The desk of handlers."""
        return HandlerDesk(
            self.store.handler_health,
            handlers=handler_specs,
            policy=lambda: self.rulebook.current().degraded,
            trail=Trail(self.store.audit, self.settings.clock),
        )

    def roster(self) -> RosterDesk:
        """The desk of the roster."""
        return RosterDesk(
            self.rulebook.current,
            self.store.overrides,
            self.store.shifts,
            self.store.pages,
            Trail(self.store.audit, self.settings.clock),
        )

    def alerts(self, client: Client) -> AlertOffice:
        """The alert log, and the way to the desks."""
        return AlertOffice(
            client,
            self.store.alerts,
            audit=self.store.audit,
            codes=self.codes,
            clock=self.settings.clock,
        )

    def releases(self) -> ReleaseDesk:
        """The desk of the rules library."""
        return ReleaseDesk(
            self.store.library,
            audit=self.store.audit,
            handlers=handler_specs(),
            serving=self.rulebook.serving,
            folder=self.settings.definitions_dir,
            clock=self.settings.clock,
        )

    def rollouts(self) -> RolloutDesk:
        """The desk of rollouts."""
        return RolloutDesk(
            self.store.rollouts,
            self.store.library,
            self.releases(),
            audit=self.store.audit,
            handlers=handler_specs(),
            serving=self.rulebook.serving,
            reload=self.rulebook.reload,
            folder=self.settings.definitions_dir,
            clock=self.settings.clock,
            least_runs=self.settings.rollout_shadow_runs,
            least_agreement=self.settings.rollout_agreement,
        )

    @contextlib.asynccontextmanager
    async def kept_fresh(self) -> AsyncIterator[None]:
        """While open, edited definitions serve the next ticket, or those that were released since."""
        keeper = asyncio.create_task(self._reload_for_ever())
        try:
            yield
        finally:
            keeper.cancel()

    async def _reload_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_RELOAD_S)
            try:
                await asyncio.to_thread(self.rulebook.reload)
            except Exception:
                # Whatever it is, the last good definitions go on serving, and the next second tries again.
                _log.exception("definitions.reload_failed")


def install(settings: Settings) -> Installation:
    """Opens the store and reads the definitions.

    Raises `DefinitionError` listing what is wrong with a folder. An empty rules library is no error.
    """
    store = open_store(settings.store_url, clock=settings.clock)
    rulebook = _served(settings, store)
    codes = DecisionCodes(key_from(settings, "decision"), rulebook.directory, settings.decision_code_ttl)
    return Installation(settings=settings, rulebook=rulebook, store=store, codes=codes)


def _served(settings: Settings, store: Store) -> ServedRulebook:
    folder, handlers = settings.definitions_dir, handler_specs()
    if settings.serves_library:
        library = RulebookLibrary(store.library, handlers, folder, settings.clock)
        return RulebookWithCandidates(library, store.rollouts)
    return RulebookWithCandidates(RulebookFiles(folder, handlers, settings.clock), store.rollouts)


async def connect(settings: Settings, *, lazy: bool = False, runtime: Runtime | None = None) -> Client:
    """A Temporal client with opsloop's payload format; a lazy one connects at its first call."""
    return await Client.connect(
        settings.temporal_address,
        namespace=settings.temporal_namespace,
        data_converter=data_converter,
        lazy=lazy,
        runtime=runtime,
    )
