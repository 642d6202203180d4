"""Pages in the store: their record with its audit, the fence, and links that work once."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select

from activities.adapters.store.audit import mask_digits
from activities.adapters.store.engine import Database, insert_into
from activities.adapters.store.page_tables import page_links, page_steps, pages
from activities.adapters.store.tables import audit
from domain.audit import AuditEntry
from domain.page_views import LinkUse, PageProgress, PageStep, PageView
from domain.paging import PagePhase, PageRequest, PageState

_LONGEST_FAILURE = 300


class SqlPageStore:
    """`PageStore` in the store's database. Every method raises `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, progress: PageProgress) -> None:
        """Writes a page's progress with its audit rows in one transaction; repeats change nothing."""
        with self._database.writing() as connection:
            before = connection.execute(
                select(pages.c.number, pages.c.state)
                .where(pages.c.page_id == progress.page.page_id)
                .with_for_update()
            ).one_or_none()
            if before is not None and before.number >= progress.number:
                return
            was = None if before is None else PageState.model_validate(before.state)
            self._write(connection, progress)
            entries = [*_changes(progress, was), *_refusals(progress)]
            if entries:
                connection.execute(insert(audit), [each.model_dump(mode="python") for each in entries])

    def page(self, page_id: str) -> PageView | None:
        """A page with all its steps."""
        with self._database.reading() as connection:
            row = connection.execute(select(pages).where(pages.c.page_id == page_id)).mappings().one_or_none()
            if row is None:
                return None
            steps = connection.execute(
                select(page_steps).where(page_steps.c.page_id == page_id).order_by(page_steps.c.step)
            ).mappings()
            return _view(row).model_copy(update={"steps": tuple(_step(each) for each in steps)})

    def pages(self, *, open_only: bool = False, limit: int = 50) -> Sequence[PageView]:
        """Pages without their steps, the latest first."""
        query = select(pages).order_by(pages.c.opened_at.desc(), pages.c.page_id).limit(limit)
        if open_only:
            query = query.where(pages.c.is_open)
        with self._database.reading() as connection:
            return [_view(row) for row in connection.execute(query).mappings()]

    def may_ring(self, page_id: str) -> bool:
        """Whether nobody has acknowledged the page, as far as the store knows."""
        query = select(pages.c.phase).where(pages.c.page_id == page_id)
        with self._database.reading() as connection:
            return connection.scalar(query) in (None, PagePhase.RINGING.value)

    def claim_link(self, link_id: str, page_id: str, by: str) -> LinkUse | None:
        """Uses a link up, in one transaction. None: it is ours; else when it was used before, and by whom."""
        row = {"link_id": link_id, "page_id": page_id, "used_by": by, "used_at": self._database.now()}
        with self._database.writing() as connection:
            statement = insert_into(connection.dialect.name, page_links).values(row).on_conflict_do_nothing()
            if connection.scalar(statement.returning(page_links.c.link_id)) is not None:
                return None
            return _use(connection, link_id)

    def link_use(self, link_id: str) -> LinkUse | None:
        """When a link was used and by whom; None while it was not."""
        with self._database.reading() as connection:
            return _use(connection, link_id)

    def release_link(self, link_id: str) -> None:
        """Gives back a link whose acknowledgement did not come about."""
        with self._database.writing() as connection:
            connection.execute(page_links.delete().where(page_links.c.link_id == link_id))

    def _write(self, connection: Connection, progress: PageProgress) -> None:
        page, state = progress.page, progress.state
        row = {
            "page_id": page.page_id,
            "task_id": page.task_id,
            "page_group": page.group,
            "phase": state.phase.value,
            "is_open": state.phase is not PagePhase.OVER,
            "drill": page.drill,
            "opened_at": page.opened_at,
            "acknowledged_by": state.acknowledged_by,
            "acknowledged_at": state.acknowledged_at,
            "closed_at": state.closed_at,
            "due_at": state.due_at,
            "outcome": state.outcome,
            "number": progress.number,
            "request": page.model_dump(mode="json"),
            "state": state.model_dump(mode="json"),
            "updated_at": self._database.now(),
        }
        steps = [
            {
                "page_id": page.page_id,
                "step": each.step,
                "person": each.to,
                "reason": each.reason,
                "at": each.at,
                "fate": each.fate,
                "sent": list(each.sent),
                "failed": [words[:_LONGEST_FAILURE] for words in each.failed],
            }
            for each in progress.steps
        ]
        _upsert(connection, pages, ("page_id",), [row])
        _upsert(connection, page_steps, ("page_id", "step"), steps)


def _use(connection: Connection, link_id: str) -> LinkUse | None:
    query = select(page_links.c.used_by, page_links.c.used_at).where(page_links.c.link_id == link_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else LinkUse(by=row.used_by, at=row.used_at)


def _upsert(connection: Connection, table: Any, key: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    statement = insert_into(connection.dialect.name, table)
    changed = {column.name: statement.excluded[column.name] for column in table.c if column.name not in key}
    statement = statement.on_conflict_do_update(index_elements=list(key), set_=changed)
    connection.execute(statement, rows)


def _changes(progress: PageProgress, was: PageState | None) -> list[AuditEntry]:
    """The audit rows of what this record changes."""
    page, state = progress.page, progress.state
    detail: dict[str, Any] = {
        "page_id": page.page_id,
        "group": page.group,
        "digest": page.digest,
        "drill": page.drill,
    }
    entries = []

    def note(at: Any, actor: str, action: str, **more: Any) -> None:
        entries.append(
            AuditEntry(at=at, actor=actor, action=action, task_id=page.task_id, detail={**detail, **more})
        )

    if was is None:
        note(page.opened_at, page.asked_by or "opsloop", "page.opened", priority=page.priority.value)
    if state.acknowledged_at is not None and (was is None or was.acknowledged_at != state.acknowledged_at):
        note(state.acknowledged_at, state.acknowledged_by, "page.acknowledged", notifications=state.step)
    if was is not None and was.acknowledged_by and not state.acknowledged_by:
        note(state.ringing_since, "opsloop", "page.rings_again", acknowledged_by=was.acknowledged_by)
    if state.silence and (was is None or was.silence != state.silence):
        note(state.closed_at or state.silence_at, "opsloop", "page.nobody_answered", then=state.silence)
    if state.closed_at is not None and (was is None or was.closed_at is None):
        note(state.closed_at, "opsloop", "page.closed", outcome=state.outcome, notifications=state.step)
    return entries


def _refusals(progress: PageProgress) -> list[AuditEntry]:
    return [
        AuditEntry(
            at=each.at,
            actor=each.actor,
            action="page.acknowledgement.refused",
            task_id=progress.page.task_id,
            accepted=False,
            reason=mask_digits(each.message),
            detail={"page_id": progress.page.page_id, "code": each.code},
        )
        for each in progress.refused
    ]


def _view(row: RowMapping) -> PageView:
    return PageView(
        page=PageRequest.model_validate(row["request"]), state=PageState.model_validate(row["state"])
    )


def _step(row: RowMapping) -> PageStep:
    values = {name: row[name] for name in ("step", "reason", "at", "fate")}
    return PageStep(**values, to=row["person"], sent=tuple(row["sent"]), failed=tuple(row["failed"]))
