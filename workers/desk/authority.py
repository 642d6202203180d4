"""Who may do what at the desk, and the trace that a refusal leaves."""

import asyncio
from datetime import UTC, datetime
from typing import Protocol

from activities.ports import AuditLog
from domain.audit import AuditEntry
from domain.clock import BankClock
from domain.errors import NotPermitted
from domain.people import Principal, Role


class CodeIssuer(Protocol):
    """Gives decision codes to people who are signed in."""

    def issue(self, principal_id: str, purpose: str, subject: str, digest: str) -> str:
        """A short-lived code, bound to the principal, the purpose, the subject and the content."""


def require(principal: Principal, role: Role, what: str, *others: Role) -> None:
    """Raises `NotPermitted` unless the principal holds one of the roles or is an administrator."""
    roles = (role, *others)
    if not any(principal.may(each) for each in (*roles, Role.ADMIN)):
        raise NotPermitted(f"{principal.id} may not {what}: that needs the role {' or '.join(roles)}")


def reads_all(principal: Principal) -> bool:
    """Whether the principal may read every ticket: everybody but pure intake services."""
    return principal.roles != {Role.INTAKE}


class Trail:
    """The desk's audit rows: for what never reached a workflow, which records its own refusals."""

    def __init__(self, audit: AuditLog, clock: BankClock) -> None:
        self._audit = audit
        self._clock = clock

    def now(self) -> datetime:
        """Bank time."""
        return self._clock.to_bank(datetime.now(UTC))

    async def refused(
        self, action: str, principal: Principal, reason: str, task_id: str = "", **detail: str
    ) -> None:
        """Writes down what was asked for, by whom, and why it was refused."""
        await self._write(action, principal, task_id, detail, reason=reason, accepted=False)

    async def noted(self, action: str, principal: Principal, task_id: str = "", **detail: str) -> None:
        """Writes down what the desk itself did."""
        await self._write(action, principal, task_id, detail)

    async def _write(
        self,
        action: str,
        principal: Principal,
        task_id: str,
        detail: dict[str, str],
        *,
        reason: str = "",
        accepted: bool = True,
    ) -> None:
        entry = AuditEntry(
            at=self.now(),
            actor=principal.id,
            action=action,
            task_id=task_id,
            accepted=accepted,
            reason=reason,
            detail=detail,
        )
        await asyncio.to_thread(self._audit.write, entry)
