"""What the watch over handlers needs of the outside world."""

from collections.abc import Callable, Sequence
from typing import Protocol

from domain.handler_health import HandlerHealth

Change = Callable[[HandlerHealth], HandlerHealth]


class HandlerHealthBook(Protocol):
    """How each handler fares, over all workers. Every method raises `StoreUnavailable`."""

    def of(self, handler: str) -> HandlerHealth:
        """How a handler fares; one that never failed is healthy."""

    def all(self) -> Sequence[HandlerHealth]:
        """Every handler that ever failed or was degraded, by name."""

    def change(self, handler: str, change: Change, *, by: str = "opsloop", reason: str = "") -> HandlerHealth:
        """Applies a change to how the handler fares by now, one at a time over all workers.

        Where that degrades or restores it, the audit log says so, by whom and why. `change` may raise: then
        nothing is changed.
        """


class HandlerNews(Protocol):
    """Tells on-call that a handler was degraded, or works again."""

    async def tell(self, health: HandlerHealth, group: str) -> None:
        """Tells it, under an id that is the same for each repeat. `group` is that of the ticket at hand."""
