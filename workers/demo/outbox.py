"""What left the bank, as the receiving side has it: pages, alerts, messages to customers."""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import httpx

from domain.people import Directory
from workers.demo.chronicle import Chronicle
from workers.demo.clock import NightClock
from workers.demo.script import Part
from workers.outbox import OutboxMessage

_MOST_MESSAGES: Final = 10_000
_GLANCE_S: Final = 1.0


@dataclass(frozen=True)
class Messages:
    """How many messages went to whom."""

    pages: int
    alerts: int
    customers: int

    @classmethod
    def of(cls, messages: Iterable[OutboxMessage], directory: Directory) -> "Messages":
        """Tells SMS to people on call, other alerts to staff, and customers apart by address."""
        on_call = {each.phone for each in directory.principals if each.id in directory.on_call and each.phone}
        people, groups = directory.principals, directory.groups
        addresses = [address for each in people for address in (each.email, each.wecom, each.phone)]
        addresses += [address for each in groups for address in (each.email, each.wecom)]
        staff = set(filter(None, addresses))
        every = list(messages)
        pages = sum(each.channel == "sms" and each.to in on_call for each in every)
        told = sum(each.to in staff for each in every)
        return cls(pages=pages, alerts=told - pages, customers=len(every) - told)


class Outbox:
    """The sinks of the embedded run."""

    def __init__(
        self,
        url: str,
        clock: NightClock,
        parts: Mapping[str, Part],
        directory: Directory,
        chronicle: Chronicle,
    ) -> None:
        self._client = httpx.AsyncClient(base_url=url, timeout=10, trust_env=False)
        self._clock = clock
        self._parts = parts
        self._staff = {each.phone: each.name for each in directory.principals if each.phone}
        self._chronicle = chronicle
        self._told = 0

    async def close(self) -> None:
        """Closes the connection."""
        await self._client.aclose()

    async def messages(self, channel: str | None = None) -> list[OutboxMessage]:
        """What was sent, the oldest first."""
        params = {"limit": str(_MOST_MESSAGES), **({"channel": channel} if channel else {})}
        response = await self._client.get("/messages", params=params)
        response.raise_for_status()
        return [OutboxMessage.model_validate(each) for each in response.json()]

    async def run(self) -> None:
        """Tells of every SMS to one of the staff, until cancelled."""
        while True:
            # The sinks may be starting again.
            with contextlib.suppress(httpx.TransportError):
                await self.look()
            await asyncio.sleep(_GLANCE_S)

    async def look(self) -> None:
        """Tells of those that came since the last look."""
        sent = await self.messages("sms")
        for message in sent[self._told :]:
            name = self._staff.get(message.to)
            if name is not None:
                what = self._without_ticket(message.subject)
                self._chronicle.tell(
                    self._clock.at(message.received_at),
                    f"SMS to {name}: {what}",
                    self._about(message.subject),
                )
        self._told = len(sent)

    def _about(self, subject: str) -> str:
        return next((part.label for task_id, part in self._parts.items() if task_id in subject), "")

    def _without_ticket(self, subject: str) -> str:
        """The subject without the ticket's id, which the line names anyway."""
        for task_id in self._parts:
            subject = subject.replace(f" on {task_id}", "").replace(f" ticket {task_id},", "")
        return subject
