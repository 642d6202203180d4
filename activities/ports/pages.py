"""What paging needs of the store and of the links that it sends."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from domain.page_views import LinkUse, PageProgress, PageView, SheetLine
from domain.paging import PageRequest
from domain.roster import Override


class PageStore(Protocol):
    """Pages, who was told of them, and the links that were used. Every method raises `StoreUnavailable`."""

    def record(self, progress: PageProgress) -> None:
        """Writes a page's progress with its audit rows in one transaction; repeats change nothing."""

    def page(self, page_id: str) -> PageView | None:
        """A page with all its steps."""

    def pages(self, *, open_only: bool = False, limit: int = 50) -> Sequence[PageView]:
        """Pages without their steps, the latest first."""

    def may_ring(self, page_id: str) -> bool:
        """Whether nobody has acknowledged the page, as far as the store knows."""

    def claim_link(self, link_id: str, page_id: str, by: str) -> LinkUse | None:
        """Uses a link up, in one transaction. None: it is ours; else when it was used before, and by whom."""

    def link_use(self, link_id: str) -> LinkUse | None:
        """When a link was used and by whom; None while it was not."""

    def release_link(self, link_id: str) -> None:
        """Gives back a link whose acknowledgement did not come about."""


class RosterOverrides(Protocol):
    """Overrides that were given by API or CLI. Every method raises `StoreUnavailable`."""

    def in_force(self, since: datetime) -> Sequence[Override]:
        """Those that end after this instant and were not withdrawn, in the order in which they were given."""

    def add(self, override: Override) -> Override:
        """Keeps an override with its audit row, and returns it with its id."""

    def withdraw(self, override_id: str, *, by: str, why: str) -> Override:
        """Ends an override now, with its audit row. Raises `NotFound`, and `Conflict` when it is over."""


class ShiftFacts(Protocol):
    """What a hand-over sheet tells of tickets. Raises `StoreUnavailable`."""

    def lines(
        self, since: datetime, at: datetime, *, groups: Sequence[str], most: int
    ) -> tuple[dict[str, tuple[SheetLine, ...]], dict[str, int]]:
        """`ran_alone`, `waiting`, `holds`, `expiries` and `measures` of these groups (none named: of all).

        At most `most` lines each, the most urgent first, and how many each list has beyond them.
        """


class PageLinks(Protocol):
    """Links that show a page and let one person acknowledge it."""

    def url(self, page: PageRequest, to: str, step: int) -> str:
        """The link for one notification, or `""` where no public address is known."""
