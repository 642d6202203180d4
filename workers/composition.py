"""The composition root: puts adapters behind ports and activities into workers.

The only place that knows every room. Nothing here decides anything.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

import structlog
from temporalio.client import Client
from temporalio.runtime import Runtime

from activities.adapters.alert_desks import WorkflowAlertDesks
from activities.adapters.channels import channel_senders
from activities.adapters.decision_codes import DecisionCodes
from activities.adapters.expiries import WorkflowExpiries
from activities.adapters.heartbeat import HttpHeartbeat
from activities.adapters.http_services import HttpxServices
from activities.adapters.page_links import SignedPageLinks
from activities.adapters.store import Store, open_store
from activities.ports import ChannelSender
from domain.errors import StoreUnavailable
from domain.notices import Channel
from domain.people import Directory
from workers.activity_set import ActivitySet, activity_set, handler_specs, sops_in_force
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
from workers.identity import Identity, key_from
from workers.page_workflows import PageWorkflows
from workers.releases import ReleaseDesk
from workers.rollout import RolloutDesk
from workers.rulebook import RulebookFiles, RulebookLibrary, ServedRulebook
from workers.settings import Settings, http_secret
from workers.tickets import TicketDesk
from workflows.payloads import data_converter

_RELOAD_S = 1.0
_log = structlog.get_logger(__name__)


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
            heartbeat=HttpHeartbeat(settings.heartbeat_url) if settings.heartbeat_url else None,
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
