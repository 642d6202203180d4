"""The alert log in memory, as `activities.ports.alerts` describes it."""

from collections.abc import Sequence
from datetime import datetime

from domain.alert_events import (
    Cover,
    Fate,
    Light,
    ListedDeskAlert,
    Log,
    LoggedAlert,
    Over,
    StoreChange,
    Taken,
    Told,
    Untold,
    Withdraw,
    WorkedOn,
)
from domain.alerts import AlertLevel
from domain.errors import StoreUnavailable


class FakeAlertBook:
    """`AlertBook` over dictionaries. `down` makes every use fail as an absent database does."""

    def __init__(self) -> None:
        self.log: dict[str, LoggedAlert] = {}
        self.lines: dict[str, ListedDeskAlert] = {}
        self.down = False

    def keep(self, changes: Sequence[StoreChange]) -> None:
        self._answer()
        for change in changes:
            self._apply(change)

    def worked_on(self, task_id: str) -> WorkedOn | None:
        self._answer()
        taken = [
            WorkedOn(by=line.acknowledged_by, since=line.acknowledged_at)
            for entry in self.log.values()
            if entry.task_id == task_id
            and (line := self.lines.get(entry.desk_alert_id))
            and line.acknowledged_at
            and entry.at <= line.acknowledged_at
        ]
        return max(taken, key=lambda each: each.since, default=None)

    def escalated_at(self, task_id: str) -> datetime | None:
        self._answer()
        sent = [
            each.sent_at
            for each in self.log.values()
            if each.task_id == task_id and each.level is AlertLevel.ESCALATION and each.sent_at
        ]
        return min(sent, default=None)

    def desk_alerts(
        self,
        *,
        group: str | None = None,
        level: AlertLevel | None = None,
        open_only: bool = False,
        limit: int = 50,
    ) -> Sequence[ListedDeskAlert]:
        self._answer()
        found = [
            each
            for each in self.lines.values()
            if group in (None, each.group) and level in (None, each.level) and (each.is_open or not open_only)
        ]
        return sorted(found, key=lambda each: each.opened_at, reverse=True)[:limit]

    def desk_alert(self, desk_alert_id: str) -> ListedDeskAlert | None:
        self._answer()
        return self.lines.get(desk_alert_id)

    def alerts_of(self, task_id: str) -> Sequence[LoggedAlert]:
        self._answer()
        return sorted(
            (each for each in self.log.values() if each.task_id == task_id), key=lambda each: each.at
        )

    def _apply(self, change: StoreChange) -> None:  # noqa: PLR0912 - a branch for each change
        match change:
            case Log(entry=entry):
                self.log.setdefault(entry.alert_id, LoggedAlert(**entry.model_dump()))
            case Light(line=line):
                before = self.lines.get(line.desk_alert_id)
                kept = before.model_dump() if before else {}
                self.lines[line.desk_alert_id] = ListedDeskAlert(**{**kept, **line.model_dump()})
            case Cover():
                for each in self._waiting(change.desk_alert_id, change.through):
                    self._change(each, notification_id=change.notification_id)
            case Withdraw():
                for each in self._waiting(change.desk_alert_id, change.through):
                    if change.task_id in ("", each.task_id):
                        self._change(each, fate=Fate.WITHDRAWN, reason=change.reason)
            case Told():
                for each in self._notified(change.notification_id):
                    self._change(
                        each, sent_at=change.at, told=change.told, failed=change.failed, undelivered=""
                    )
            case Untold():
                for each in self._notified(change.notification_id):
                    self._change(each, undelivered=change.reason)
            case Taken():
                if line := self.lines.get(change.desk_alert_id):
                    update = {"acknowledged_by": change.by, "acknowledged_at": change.at}
                    self.lines[change.desk_alert_id] = line.model_copy(update=update)
            case Over():
                if line := self.lines.get(change.desk_alert_id):
                    self.lines[change.desk_alert_id] = line.model_copy(update={"over_at": change.at})

    def _waiting(self, desk_alert_id: str, through: int) -> list[LoggedAlert]:
        return [
            each
            for each in self.log.values()
            if each.desk_alert_id == desk_alert_id
            and each.fate is Fate.MERGED
            and not each.notification_id
            and each.seq <= through
        ]

    def _notified(self, notification_id: str) -> list[LoggedAlert]:
        return [each for each in self.log.values() if each.notification_id == notification_id]

    def _change(self, entry: LoggedAlert, **changes: object) -> None:
        self.log[entry.alert_id] = entry.model_copy(update=changes)

    def _answer(self) -> None:
        if self.down:
            raise StoreUnavailable("the database does not answer")
