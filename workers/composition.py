"""The composition root: puts adapters behind ports and activities into workers.

The only place that knows every room. Nothing here decides anything.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import Client

from activities.adapters.address_book import DirectoryAddressBook
from activities.adapters.channels import channel_senders
from activities.adapters.core_bank import HttpCoreBank
from activities.adapters.decision_codes import DecisionCodes
from activities.adapters.pacing import Pace
from activities.adapters.store import Store, open_store
from activities.catalogue import handlers_of
from activities.checks import CheckActivities
from activities.codes import CodeActivities
from activities.core_bank import CoreBankActivities
from activities.gate import GateActivities
from activities.notices import NoticeActivities
from activities.opening import OpeningActivities
from activities.ports import ChannelSender, CodeVerifier, CoreBank, RulebookSource
from activities.record import RecordActivities
from domain.clock import BankClock
from domain.handlers import HandlerSpec, Queue
from domain.notices import Channel
from domain.people import Directory
from workers.identity import Identity, key_from
from workers.rulebook import RulebookFiles
from workers.settings import Settings
from workers.tickets import TicketDesk
from workflows.payloads import data_converter

_RELOAD_S = 1.0


def handler_specs() -> dict[str, HandlerSpec]:
    """The catalogue of all handlers that this code has, without connecting to anything."""
    return handlers_of((CheckActivities, CoreBankActivities, NoticeActivities))


@dataclass(frozen=True)
class ActivitySet:
    """All activities of a worker, by the queue that they are served on."""

    by_queue: Mapping[Queue, tuple[object, ...]]


def activity_set(
    *,
    rulebook: RulebookSource,
    bank: CoreBank,
    senders: Mapping[Channel, ChannelSender],
    store: Store,
    codes: CodeVerifier,
    clock: BankClock | None = None,
) -> ActivitySet:
    """The activities over these ports; `clock` None takes tickets of any clock, for simulations."""
    return ActivitySet(
        by_queue={
            Queue.TICKETS: (
                OpeningActivities(rulebook, handler_specs(), clock),
                GateActivities(rulebook),
                CodeActivities(codes),
                RecordActivities(store.tickets),
                CheckActivities(rulebook),
            ),
            Queue.CORE_BANK: (CoreBankActivities(bank),),
            Queue.CHANNELS: (
                NoticeActivities(
                    senders=senders,
                    log=store.notices,
                    addresses=DirectoryAddressBook(rulebook),
                    bank=bank,
                    rulebook=rulebook,
                ),
            ),
        }
    )


@dataclass(frozen=True)
class Installation:
    """What every process of one installation shares: rulebook, store, keys."""

    settings: Settings
    rulebook: RulebookFiles
    store: Store
    codes: DecisionCodes

    def directory(self) -> Directory:
        """Who there is, as of now."""
        return self.rulebook.current().directory

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
            bank=HttpCoreBank(
                settings.core_bank_url,
                timeout_s=settings.core_bank_timeout_s,
                pace=Pace(settings.core_bank_rate),
            ),
            senders=channel_senders(
                email_url=settings.email_url,
                email_from=settings.email_from,
                sms_url=settings.sms_url,
                wecom_url=settings.wecom_url,
            ),
            store=self.store,
            codes=self.codes,
            clock=settings.clock,
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
        )

    @contextlib.asynccontextmanager
    async def kept_fresh(self) -> AsyncIterator[None]:
        """While open, edited definitions serve the next ticket. Production serves what was released."""
        if self.settings.environment == "production":
            yield
            return
        keeper = asyncio.create_task(self._reload_for_ever())
        try:
            yield
        finally:
            keeper.cancel()

    async def _reload_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_RELOAD_S)
            await asyncio.to_thread(self.rulebook.reload)


def install(settings: Settings) -> Installation:
    """Reads the definitions and opens the store. Raises `DefinitionError` listing what is wrong."""
    rulebook = RulebookFiles(settings.definitions_dir, handler_specs())
    codes = DecisionCodes(
        key_from(settings, "decision"), lambda: rulebook.current().directory, settings.decision_code_ttl
    )
    store = open_store(settings.store_url, clock=settings.clock)
    return Installation(settings=settings, rulebook=rulebook, store=store, codes=codes)


async def connect(settings: Settings, *, lazy: bool = False) -> Client:
    """A Temporal client with opsloop's payload format; a lazy one connects at its first call."""
    return await Client.connect(
        settings.temporal_address,
        namespace=settings.temporal_namespace,
        data_converter=data_converter,
        lazy=lazy,
    )
