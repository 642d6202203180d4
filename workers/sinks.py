"""The outside of an embedded run: a mail server and an SMS and WeCom gateway that keep what they are given.

One process with two listeners. Every message is a line of `outbox.jsonl` in the data folder; nothing
leaves the machine. Channels can be made to refuse or to be slow, to see what opsloop does then.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Annotated, Literal

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi import FastAPI, HTTPException, Query
from pydantic import BaseModel, Field

from domain.model import Model, Record

OutsideChannel = Literal["email", "sms", "wecom"]
_LARGEST_MAIL = 1_000_000


class OutboxMessage(Record):
    """One message as it arrived."""

    received_at: datetime
    """Real time, whatever the bank's clock shows."""
    channel: OutsideChannel
    to: str
    subject: str = ""
    body: str = ""
    message_id: str = ""


class GatewayMessage(BaseModel):
    """What Apprise's `json://` posts, and the id that our URL template adds."""

    title: str = ""
    message: str = Field(max_length=100_000)
    message_id: str = ""


class ChannelFault(Model):
    """Makes the next messages of a channel fail."""

    channel: OutsideChannel
    kind: Literal["refuse", "slow"]
    """refuse: not taken, with an error; slow: taken, but the answer comes after `delay_s`."""
    count: int = Field(default=1, ge=0, le=1_000_000, description="how many messages; 0 ends the fault")
    delay_s: float = Field(default=30.0, gt=0, le=600, description="seconds, for slow")


class Outbox:
    """The messages received, as lines of JSON that outlive the process."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        # A kill in the middle of a write leaves half a line, which the next one must not be glued to.
        kept = path.read_bytes()
        if kept and not kept.endswith(b"\n"):
            path.write_bytes(kept[: kept.rfind(b"\n") + 1])
        self._path = path
        self._lock = threading.Lock()

    def add(self, message: OutboxMessage) -> None:
        """Appends a message."""
        with self._lock, self._path.open("a", encoding="utf-8") as file:
            file.write(message.model_dump_json() + "\n")

    def messages(self) -> Iterator[OutboxMessage]:
        """All messages, the oldest first."""
        with self._lock, self._path.open(encoding="utf-8") as file:
            lines = file.readlines()
        return map(OutboxMessage.model_validate_json, lines)


class Faults:
    """The faults in force, one a channel."""

    def __init__(self) -> None:
        self._faults: dict[OutsideChannel, ChannelFault] = {}

    def put(self, fault: ChannelFault) -> None:
        """Replaces the channel's fault."""
        self._faults[fault.channel] = fault

    def clear(self) -> None:
        """Ends all faults."""
        self._faults.clear()

    def all(self) -> list[ChannelFault]:
        """The faults that still have messages to meet."""
        return [each for each in self._faults.values() if each.count]

    def take(self, channel: OutsideChannel) -> ChannelFault | None:
        """The fault that this message meets, counted down, or None."""
        fault = self._faults.get(channel)
        if fault is None or not fault.count:
            return None
        self._faults[channel] = fault.model_copy(update={"count": fault.count - 1})
        return fault


class MailHandler:
    """Takes e-mail for whomever it is addressed to."""

    def __init__(self, outbox: Outbox, faults: Faults) -> None:
        self._outbox = outbox
        self._faults = faults

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keeps one message for each recipient; the name is aiosmtpd's."""
        fault = self._faults.take("email")
        if fault and fault.kind == "refuse":
            return "451 4.3.0 refused on purpose, try again later"
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        mail = message_from_bytes(content, policy=policy.default)
        text = mail.get_body(("plain", "html"))
        for recipient in envelope.rcpt_tos:
            self._outbox.add(
                OutboxMessage(
                    received_at=datetime.now(UTC),
                    channel="email",
                    to=recipient,
                    subject=str(mail["Subject"] or ""),
                    body=str(text.get_content()).rstrip("\r\n") if text else "",
                    message_id=str(mail["Message-ID"] or ""),
                )
            )
        if fault:
            await asyncio.sleep(fault.delay_s)
        return "250 2.0.0 kept"


def create_app(outbox: Outbox, host: str, smtp_port: int) -> FastAPI:
    """The HTTP gateway; the mail server lives and ends with it."""
    faults = Faults()

    @asynccontextmanager
    async def with_mail_server(_app: FastAPI) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        handler = MailHandler(outbox, faults)
        server = await loop.create_server(
            lambda: SMTP(
                handler, hostname="sink", loop=loop, enable_SMTPUTF8=True, data_size_limit=_LARGEST_MAIL
            ),
            host,
            smtp_port,
        )
        yield
        server.close()

    app = FastAPI(title="opsloop sinks", lifespan=with_mail_server)

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/messages")
    def messages(
        channel: OutsideChannel | None = None,
        to: str | None = None,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
    ) -> list[OutboxMessage]:
        """The latest messages, the oldest of them first."""
        found = [
            each for each in outbox.messages() if channel in (None, each.channel) and to in (None, each.to)
        ]
        return found[-limit:]

    @app.get("/faults")
    def list_faults() -> list[ChannelFault]:
        """The faults in force."""
        return faults.all()

    @app.put("/faults")
    def put_fault(fault: ChannelFault) -> list[ChannelFault]:
        """Makes a channel fail; `count: 0` ends it."""
        faults.put(fault)
        return faults.all()

    @app.delete("/faults")
    def clear_faults() -> list[ChannelFault]:
        """Ends all faults."""
        faults.clear()
        return []

    @app.post("/{channel}/{to}")
    async def take_message(
        channel: Literal["sms", "wecom"], to: str, message: GatewayMessage
    ) -> dict[str, str]:
        """Takes an SMS or a WeCom message, as Apprise's `json://` posts it."""
        fault = faults.take(channel)
        if fault and fault.kind == "refuse":
            raise HTTPException(503, "refused on purpose, try again later")
        outbox.add(
            OutboxMessage(
                received_at=datetime.now(UTC),
                channel=channel,
                to=to,
                subject=message.title,
                body=message.message,
                message_id=message.message_id,
            )
        )
        if fault:
            await asyncio.sleep(fault.delay_s)
        return {"status": "kept"}

    return app


def serve(host: str, smtp_port: int, http_port: int, data_dir: Path) -> None:
    """Runs both listeners until SIGTERM or SIGINT. Messages go to `<data_dir>/outbox.jsonl`."""
    app = create_app(Outbox(data_dir / "outbox.jsonl"), host, smtp_port)
    uvicorn.run(app, host=host, port=http_port, log_level="warning", timeout_graceful_shutdown=2)
