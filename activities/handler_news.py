"""Tells on-call of handlers: one alert when one is degraded, one note when it works again."""

import asyncio
from collections.abc import Callable
from zoneinfo import ZoneInfo

from temporalio.service import RPCError

from activities.alert_messages import RaisedAlert
from activities.ports import RulebookSource
from activities.ports.alerts import AlertDesks
from domain.alerts import Addressee, Alert, AlertLevel, AlertReceipt
from domain.errors import ChannelFailed
from domain.handler_health import HandlerHealth
from domain.task import Priority


class OnCallNews:
    """Implements `HandlerNews`: the alert by the desk of the supervisor's group, the note directly.

    The note ends the desk's alert. In both the handler stands where a ticket would.
    """

    def __init__(
        self,
        rulebook: RulebookSource,
        desks: AlertDesks | None,
        send: Callable[[Alert], AlertReceipt],
    ) -> None:
        """`send` tells people without a desk."""
        self._rulebook = rulebook
        self._desks = desks
        self._send = send

    async def tell(self, health: HandlerHealth, group: str) -> None:
        """Tells it. Raises `ChannelFailed` where nobody could be told, or the desk could not be reached."""
        book = self._rulebook.current()
        alert = self._alert(health, book.paging.supervisor or group, ZoneInfo(book.duty.timezone))
        try:
            if health.to_tell == "degraded" and self._desks is not None:
                await self._desks.hand_over(RaisedAlert(alert=alert), timezone=book.duty.timezone)
                return
            await asyncio.to_thread(self._send, alert)
            if health.to_tell == "restored" and self._desks is not None:
                await self._desks.ticket_closed(alert.task_id, alert.group)
        except RPCError as error:
            raise ChannelFailed(f"the alert desk of {alert.group} cannot be reached: {error}") from error

    def _alert(self, health: HandlerHealth, group: str, zone: ZoneInfo) -> Alert:
        name = health.handler
        if health.to_tell == "degraded":
            until = f" until {health.until.astimezone(zone):%Y-%m-%d %H:%M}" if health.until else ""
            by = f" by {health.by}" if health.by else " after failures in a row"
            subject = f"{name} is degraded"
            body = (
                f"Degraded{by}{until}: steps with a fallback take it at once, others are tried. "
                f"Last: {health.reason}"
            )
            action = f"opsloop handlers health; when mended: opsloop handlers restore {name} --reason …"
        else:
            subject, body, action = f"{name} works again", "Its steps run as usual again.", ""
        return Alert(
            alert_id=f"handler-{name}/{health.episode}/{health.to_tell}",
            task_id=f"handler-{name}",
            level=AlertLevel.FAILURE,
            group=group,
            subject=subject,
            body=body,
            action=action,
            instead=Addressee(to="on_call"),
            raised_at=health.since or health.failed_at,
            priority=Priority.P1,
        )
