"""Pages at the desk: shown, acknowledged by link or by name, and rehearsed."""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from typing import Final

from activities.adapters.page_links import LinkClaim, SignedPageLinks
from activities.ports.pages import PageStore
from definitions.book import Rulebook
from definitions.findings import listed, suggestion
from domain.clock import BankClock
from domain.errors import InvalidInput, NoDecisionCode, NotFound, NotPermitted
from domain.model import Record
from domain.page_views import LinkUse, PageView
from domain.paging import PageRequest
from domain.people import Principal, Role
from domain.task import Priority
from workers.desk.authority import CodeIssuer, Trail, require
from workers.page_workflows import PageWorkflows
from workers.ticket_workflows import LATE, MessageRefused
from workflows.page_contract import ACK_PURPOSE, Acknowledgement, AckOutcome, PageInput

_DRILL: Final = "this is a drill: acknowledge it, nothing has happened"


class LinkShown(Record):
    """What opening a link shows. Opening it changes nothing."""

    view: PageView
    person: str
    used: LinkUse | None = None


class LinkActed(Record):
    """What pressing the button came to."""

    view: PageView
    person: str
    outcome: AckOutcome | None = None
    """None: the link had been used before."""
    used: LinkUse | None = None


class PageDesk:
    """What people can do with pages."""

    def __init__(
        self,
        workflows: PageWorkflows,
        store: PageStore,
        *,
        links: SignedPageLinks,
        codes: CodeIssuer,
        trail: Trail,
        rulebook: Callable[[], Rulebook],
        clock: BankClock,
    ) -> None:
        self._workflows = workflows
        self._store = store
        self._links = links
        self._codes = codes
        self._trail = trail
        self._rulebook = rulebook
        self._clock = clock

    async def pages(self, *, open_only: bool, limit: int) -> Sequence[PageView]:
        """Pages, the latest first. Raises `StoreUnavailable`."""
        return await asyncio.to_thread(self._store.pages, open_only=open_only, limit=limit)

    async def page(self, page_id: str) -> PageView:
        """A page with everybody whom it told. Raises `NotFound` and `StoreUnavailable`."""
        view = await asyncio.to_thread(self._store.page, page_id)
        if view is None:
            raise NotFound(f"there is no page {page_id}")
        return view

    async def acknowledge(self, page_id: str, principal: Principal, via: str = "api") -> AckOutcome:
        """Acknowledges as this principal; the desk adds the code.

        A refusal is an outcome with `accepted` false and a stable code (`not_permitted`, `conflict`, `late`).
        Raises `NotFound`, `EngineUnavailable` and `StoreUnavailable`.
        """
        view = await self.page(page_id)
        code = self._codes.issue(principal.id, ACK_PURPOSE, page_id, view.page.digest)
        try:
            return await self._workflows.acknowledge(page_id, Acknowledgement(code=code, via=via))
        except MessageRefused as error:
            late = error.refusal == LATE
            outcome = (await self.page(page_id)).state.outcome if late else ""
            message = f"the page is over{f': {outcome}' if outcome else ''}" if late else str(error)
            await self._trail.refused(
                "page.acknowledgement.refused",
                principal,
                message,
                task_id=view.page.task_id,
                page_id=page_id,
                code=error.refusal,
            )
            return AckOutcome(page_id=page_id, accepted=False, code=error.refusal, message=message)

    async def open_link(self, token: str) -> LinkShown:
        """What a link is about. However often it is opened, nothing changes.

        Raises `NoDecisionCode` for a link that is not ours, has expired or was made for other content,
        `NotFound` and `StoreUnavailable`.
        """
        claim, view = await self._read(token)
        used = await asyncio.to_thread(self._store.link_use, claim.link_id)
        return LinkShown(view=view, person=claim.person, used=used)

    async def use_link(self, token: str) -> LinkActed:
        """Acknowledges as the person whom the link was made for, once.

        Raises as `open_link` does, and `EngineUnavailable`: then the link can be used again.
        """
        claim, view = await self._read(token)
        principal = self._rulebook().directory.principal(claim.person)
        if principal is None:
            raise NoDecisionCode("the person whom this link was made for is no longer in the directory")
        used = await asyncio.to_thread(self._store.claim_link, claim.link_id, claim.page_id, claim.person)
        if used is not None:
            await self._trail.refused(
                "page.link.refused",
                principal,
                "the link was used before",
                task_id=view.page.task_id,
                page_id=claim.page_id,
            )
            return LinkActed(view=view, person=claim.person, used=used)
        try:
            outcome = await self.acknowledge(claim.page_id, principal, "link")
        except Exception:
            await asyncio.to_thread(self._store.release_link, claim.link_id)
            raise
        return LinkActed(view=await self.page(claim.page_id), person=claim.person, outcome=outcome)

    async def drill(self, group: str, principal: Principal) -> PageRequest:
        """Starts a real page that is marked as a drill and over with its acknowledgement.

        It ends unanswered when the policy's `nobody_answers.after` has passed. Raises `NotPermitted`,
        `InvalidInput` (no such group), `EngineUnavailable` and `StoreUnavailable`.
        """
        try:
            require(principal, Role.ONCALL, "start drills", Role.OPERATOR)
            book = self._rulebook()
            names = [each.name for each in book.directory.groups]
            if group and group not in names:
                near = suggestion(group, names)
                raise InvalidInput(f"no group {group!r}{near}; expected {listed(names)}", field="group")
        except (NotPermitted, InvalidInput) as error:
            await self._trail.refused("page.drill.refused", principal, str(error))
            raise
        now = self._trail.now()
        after = book.paging.nobody_answers.after
        page = PageRequest(
            page_id=f"drill-{now:%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}",
            group=group,
            priority=Priority.P3,
            subject=_DRILL,
            choices=("acknowledge",),
            silence="the drill counts as not answered",
            opened_at=now,
            ends_at=now + after,
            deadline_at=now + after,
            asked_by=principal.id,
            drill=True,
        )
        await self._workflows.start(PageInput(page=page, clock=self._clock))
        await self._trail.noted("page.drill", principal, page_id=page.page_id, group=group)
        return page

    async def _read(self, token: str) -> tuple[LinkClaim, PageView]:
        claim = self._links.read(token)
        view = await self.page(claim.page_id)
        if not claim.shows(view.page):
            raise NoDecisionCode("this link was made for another content of the page")
        return claim, view
