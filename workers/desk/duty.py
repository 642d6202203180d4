"""The duty desk: which mode holds and why, an override with an end, and authority that was withdrawn.

What is refused here is audited here; what is done, the store audits itself.
"""

import contextlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from activities.adapters.store.audit import mask_digits
from activities.ports import AuditLog, RulebookSource
from activities.ports.duty import DutyBook
from domain.audit import AuditEntry
from domain.clock import BankClock
from domain.errors import InvalidInput, NotFound, NotPermitted
from domain.model import Record
from domain.people import Principal, Role
from domain.standing import DutyNow, DutyOverride, Withdrawal, check_override, duty_at
from workers.desk.authority import require

_LATEST = 10


class DutyShown(Record):
    """What the gate goes by."""

    now: DutyNow
    withdrawn: tuple[Withdrawal, ...]
    """Kinds of which nothing runs by itself."""
    overrides: tuple[DutyOverride, ...]
    """The latest overrides, the newest first."""


class DutyDesk:
    """Shows and changes the duty mode on behalf of a principal. Any thread may use it.

    Every method raises `StoreUnavailable`, and `DefinitionsMissing` while no policy is in force; those that
    change something raise `NotPermitted` for who may not.
    """

    def __init__(
        self, book: DutyBook, rulebook: RulebookSource, *, audit: AuditLog, clock: BankClock
    ) -> None:
        self._book = book
        self._rulebook = rulebook
        self._audit = audit
        self._clock = clock

    def show(self, at: datetime | None = None) -> DutyShown:
        """The mode at an instant (now without one), and all that changes it."""
        at = at or self._now()
        standing = self._book.standing(at)
        duty = self._rulebook.current().duty
        return DutyShown(
            now=duty_at(duty, at, self._rulebook.is_working_day, standing.override),
            withdrawn=standing.withdrawals,
            overrides=tuple(self._book.overrides(_LATEST)),
        )

    def set(
        self,
        mode: str,
        *,
        until: datetime | None = None,
        lasts: timedelta | None = None,
        reason: str,
        principal: Principal,
    ) -> DutyOverride:
        """Puts a mode in force until an instant, or for a time. One that holds gives way.

        Raises `InvalidInput` for an unknown mode, without one end or with one more than 7 days away, and
        without a reason.
        """
        with self._refusals("duty.set.refused", principal, mode=mode[:100]):
            require(principal, Role.ONCALL, "set the duty mode")
            now = self._now()
            if (until is None) == (lasts is None):
                raise InvalidInput(
                    "an override has one end: give `until`, or how long it `lasts`", field="until"
                )
            end = until if until is not None else now + (lasts or timedelta(0))
            check_override(self._rulebook.current().duty, mode, now, end, reason)
            return self._book.set_override(mode=mode, since=now, until=end, reason=reason, by=principal.id)

    def clear(self, *, reason: str, principal: Principal) -> DutyOverride:
        """Ends the override: the clock's mode holds again. Raises `NotFound` when there is none."""
        with self._refusals("duty.clear.refused", principal):
            require(principal, Role.ONCALL, "clear the duty mode")
            _check_reason(reason)
            return self._book.clear_override(at=self._now(), reason=reason, by=principal.id)

    def authority(self, *, open_only: bool = True) -> Sequence[Withdrawal]:
        """Kinds whose automatic authority is withdrawn, or all that ever were."""
        return self._book.withdrawals(open_only=open_only)

    def restore(self, kind: str, *, reason: str, principal: Principal) -> Withdrawal:
        """Gives a kind its automatic authority back; its spot checks count anew from here.

        Raises `NotFound` when it is not withdrawn, `InvalidInput` without a reason.
        """
        with self._refusals("authority.restore.refused", principal, kind=kind[:200]):
            require(principal, Role.RELEASER, "give automatic authority back")
            _check_reason(reason)
            return self._book.restore(kind, at=self._now(), reason=reason, by=principal.id)

    def _now(self) -> datetime:
        return self._clock.to_bank(datetime.now(UTC))

    @contextlib.contextmanager
    def _refusals(self, action: str, principal: Principal, **detail: object) -> Iterator[None]:
        """Audits what is refused inside."""
        try:
            yield
        except (NotPermitted, InvalidInput, NotFound) as error:
            self._audit.write(
                AuditEntry(
                    at=self._now(),
                    actor=principal.id,
                    action=action,
                    accepted=False,
                    reason=mask_digits(str(error)),
                    detail=dict(detail),
                )
            )
            raise


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise InvalidInput("reason: say why", field="reason")
