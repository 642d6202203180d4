"""The current details of a run, as the Temporal UI shows them."""

from datetime import UTC, datetime

from domain.details import details_of
from domain.lifecycle import TicketState
from domain.task import OpsTask, RiskLevel
from domain.ticket import TicketView


def view(**changes: object) -> TicketView:
    task = OpsTask(
        task_id="T1",
        title="Zhang San wants a freeze",
        source="test",
        external_id="1",
        account_ref="6222020200000001",
        assigned_group="Account Operations",
    )
    return TicketView(
        task=task,
        maker="intake",
        state=TicketState.PROCESSING,
        opened_at=datetime(2026, 11, 23, 12, tzinfo=UTC),
        **changes,
    )


def test_times_are_in_the_banks_zone() -> None:
    shown = details_of(view(deadline_at=datetime(2026, 11, 23, 13, tzinfo=UTC)), "Asia/Shanghai")
    assert "SLA ends 2026-11-23 21:00 +0800" in shown


def test_reasons_are_a_list() -> None:
    shown = details_of(view(risk=RiskLevel.HIGH, risk_reasons=("large", "court")), "UTC")
    assert "risk high\n\n- large\n- court" in shown


def test_nothing_personal_is_shown() -> None:
    shown = details_of(view(), "UTC")
    assert "Zhang San" not in shown
    assert "6222020200000001" not in shown


def test_a_skipped_step_is_named() -> None:
    assert "skipped: `execute_freeze`" in details_of(view(steps_skipped=("execute_freeze",)), "UTC")
