"""Puts the watch over handlers together: the store counts, and on-call is told."""

from collections.abc import Callable, Mapping

from temporalio.client import Client
from temporalio.worker import Interceptor

from activities.adapters.alert_desks import WorkflowAlertDesks
from activities.adapters.store import Store
from activities.handler_news import OnCallNews
from activities.handler_watch import HandlerWatch
from activities.ports import RulebookSource
from domain.alerts import Alert, AlertReceipt
from domain.clock import BankClock
from domain.handlers import HandlerSpec


def watch_over(
    handlers: Mapping[str, HandlerSpec],
    *,
    rulebook: RulebookSource,
    store: Store,
    send: Callable[[Alert], AlertReceipt],
    clock: BankClock | None,
) -> Callable[[Client], Interceptor]:
    """What makes a worker's watch from its client. Without a clock on-call is told without a desk."""

    def watch(client: Client) -> Interceptor:
        desks = None if clock is None else WorkflowAlertDesks(clock, client=client)
        news = OnCallNews(rulebook, desks, send)
        return HandlerWatch(
            store.handler_health, handlers, lambda: rulebook.current().degraded, store.database.now, news
        )

    return watch
