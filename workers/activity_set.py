"""Which activities a worker has, on which queue, over which ports; and the catalogue of handlers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from temporalio.client import Client
from temporalio.worker import Interceptor

from activities.adapters.address_book import DirectoryAddressBook
from activities.adapters.http_services import HttpxServices
from activities.adapters.patrol_engine import TemporalPatrolEngine
from activities.adapters.store import Store
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
from activities.patrol import PatrolActivities
from activities.ports import ChannelSender, CodeVerifier, CoreBank, RulebookSource, ServiceCaller
from activities.ports.alerts import AlertDesks
from activities.ports.expiry import Expiries
from activities.ports.pages import PageLinks
from activities.ports.patrol import Heartbeat
from activities.record import RecordActivities
from activities.rescue import RescueActivities
from activities.shadow import ShadowHandlers, ShadowRecords
from activities.spot_checks import SpotCheckActivities
from activities.trends import TrendActivities
from definitions.book import PinnedSop, Rulebook, pin, with_people
from domain.clock import BankClock
from domain.handlers import HandlerSpec, Queue
from domain.notices import Channel
from workers.extensions import extensions
from workers.handler_watching import watch_over
from workers.settings import http_secret
from workflows.shadow_contract import READS


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
    heartbeat: Heartbeat | None = None,
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
            PatrolActivities(
                rulebook,
                store.patrols,
                TemporalPatrolEngine(),
                overrides=store.overrides,
                desks=desks,
                heartbeat=heartbeat,
            ),
            PageActivities(rulebook, store.pages, store.overrides, store.reader),
            ShadowRecords(store.rollouts),
            SpotCheckActivities(rulebook, store.spot_checks, store.intake),
            TrendActivities(rulebook, store.trends),
            RescueActivities(rulebook, store.rescues, store.alerts),
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
