"""A simulated run as it would come from the stage, made of the events that a test names."""

from datetime import UTC, datetime, timedelta
from typing import Any

from definitions.schema import Sop
from domain.lifecycle import TicketState
from domain.task import OpsTask
from domain.ticket import EventKind, TicketEvent, TicketView
from workers.simulation.cases import Case
from workers.simulation.record import RunRecord
from workers.simulation.run import Play, Played

RECEIVED = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
"""22:00 in Shanghai."""


def simulated(
    sop: Sop,
    *events: tuple[int, EventKind, str, dict[str, Any]],
    expect: dict[str, Any] | None = None,
    scripts: tuple[str, ...] = (),
    trouble: str = "",
    record: dict[str, Any] | None = None,
    **view: Any,
) -> Played:
    """A run with events as (minutes after receipt, kind, step, data); completed unless `view` says so."""
    case = Case.model_validate({"name": "a case", "expect": expect or {}})
    task = OpsTask(task_id="SIM-1", title="a ticket", source="simulation", external_id="1")
    shown = {"state": TicketState.COMPLETED, "result": "done", "sop": sop.name, "closed_at": RECEIVED, **view}
    timeline = tuple(
        TicketEvent(
            seq=number,
            at=RECEIVED + timedelta(minutes=minutes),
            kind=kind,
            summary=f"{kind} {step}",
            step_id=step,
            data=data,
        )
        for number, (minutes, kind, step, data) in enumerate(events, start=1)
    )
    return Played(
        play=Play(case, sop, scripts),
        received_at=RECEIVED,
        view=TicketView(task=task, maker="intake", opened_at=RECEIVED, **shown),
        events=timeline,
        record=RunRecord.model_validate(record or {}),
        trouble=trouble,
    )
