"""What a notification of the alert desk says, and how its reasons tell times."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

from domain.alerts import Alert


def notification_alert(
    notification_id: str, desk_alert_id: str, group: str, urgent: Sequence[Alert], *, tickets: int
) -> Alert:
    """A desk alert as one message: the most urgent ticket first, then how many more.

    `urgent` are the most urgent of its alerts, one a ticket, the first at least.
    """
    first = urgent[0]
    subject, body = first.subject, first.body
    if tickets > 1:
        subject = f"{first.level}: {tickets} tickets of {group}, most urgent {first.task_id}"
        named = ", ".join(each.task_id for each in urgent[1:])
        beyond = tickets - len(urgent)
        others = f"{named} and {beyond} more" if named and beyond > 0 else named or f"{tickets - 1} more"
        body = f"{_sentence(first.body)} Also {others}."
    take = f"opsloop alert ack {desk_alert_id}"
    return first.model_copy(
        update={
            "alert_id": notification_id,
            "group": group,
            "subject": subject,
            "body": body,
            "action": f"{first.action}; {take}" if first.action else take,
        }
    )


def clock_time(instant: datetime, zone: tzinfo, *, now: datetime) -> str:
    """`10:05:30`, with the date where it is not today's."""
    local = instant.astimezone(zone)
    today = now.astimezone(zone).date() == local.date()
    return f"{local:%H:%M:%S}" if today else f"{local:%Y-%m-%d %H:%M:%S}"


def ago(duration: timedelta) -> str:
    """`20 s`, `4 min`."""
    seconds = int(duration.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!", "。", "？")) else f"{text}."
