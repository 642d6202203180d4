"""The audit log's rows: every action and every refusal, with who and when."""

from typing import Any

from domain.model import Instant, Record


class AuditEntry(Record):
    """One row. It carries references, never account numbers, names or secrets."""

    at: Instant
    actor: str
    action: str
    """`ticket.opened`, `review.decided`, `decision.refused`, `command.hold`, `intake.conflict` …"""
    task_id: str = ""
    accepted: bool = True
    reason: str = ""
    detail: dict[str, Any] = {}
