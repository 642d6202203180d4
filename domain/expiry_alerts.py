"""What people are told of an expiry: warnings before the end, and the call for somebody who has to act."""

from datetime import datetime
from typing import Final

from domain.alerts import Addressee, Alert, AlertLevel
from domain.expiry import CallPerson, ExpiryState, Measure, Warn

_LEVELS: Final = {"72h": AlertLevel.PRE_ALERT, "24h": AlertLevel.ORANGE, "2h": AlertLevel.RED}


def alert_of(measure: Measure, state: ExpiryState, effect: Warn | CallPerson, now: datetime) -> Alert:
    """The alert of a warning, or of an end that a person has to deal with: that one calls on-call too."""
    if isinstance(effect, Warn):
        key, level = f"{effect.rung}-{state.renewals}", _LEVELS[effect.rung]
        subject = f"{measure.kind} of {measure.task_id} ends in {effect.rung}"
        then = "opsloop releases it then" if measure.term.on_end == "release" else "a person has to act then"
        body = f"unless it is renewed, {then} ({measure.term.law}) [account {measure.reference}]"
    else:
        key, level = f"ended-{state.renewals}-{state.attempts}", AlertLevel.CRITICAL
        subject = f"{measure.kind} of {measure.task_id} has ended and needs a person"
        body = f"{effect.why} [account {measure.reference}]"
    return Alert(
        alert_id=f"{measure.task_id}/expiry-{measure.step}-{key}",
        task_id=measure.task_id,
        level=level,
        group=measure.group,
        subject=subject,
        body=body,
        action=f"opsloop expiry show {measure.measure_id}",
        deadline_at=state.ends_at,
        also=Addressee(to="on_call") if isinstance(effect, CallPerson) else None,
        raised_at=now,
        priority=measure.priority,
        risk=measure.risk,
    )
