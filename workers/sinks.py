"""The outside of an embedded run: mail server, SMS gateways, WeCom, webhook, which keep what they are given.

One process with two listeners. Every message is a line of `outbox.jsonl` in the data folder, and is shown
on the page `/`; nothing leaves the machine. Channels can be made to fail in each way that real ones do, to
see what opsloop does then.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Annotated, Literal

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi import FastAPI, Query
from fastapi.responses import HTMLResponse
from pydantic import Field

from domain.model import Model
from workers.outbox import OUTBOX_FILE, Outbox, OutboxMessage, OutsideChannel, outbox_page, selected
from workers.sink_gateways import gateway_routes

_LARGEST_MAIL = 1_000_000
_ON_PAGE = 200


class ChannelFault(Model):
    """Makes the next messages of a channel fail."""

    channel: OutsideChannel
    kind: Literal["refuse", "error", "limit", "drop", "lose", "slow"]
    """refuse: not taken, "try later" (503); error: a fault of theirs (500); limit: too many (429);
    drop: 200, not taken, and the body says so; lose: taken, by all that is said, and lost;
    slow: taken, but the answer comes after `delay_s`."""
    provider: str = Field(default="", description="only messages by this way; default: all of the channel")
    count: int = Field(default=1, ge=0, le=1_000_000, description="how many messages; 0 ends the fault")
    delay_s: float = Field(default=30.0, gt=0, le=600, description="seconds, for slow")


class Faults:
    """The faults in force, one a channel and provider."""

    def __init__(self) -> None:
        self._faults: dict[tuple[str, str], ChannelFault] = {}

    def put(self, fault: ChannelFault) -> None:
        """Replaces the fault of its channel and provider."""
        self._faults[fault.channel, fault.provider] = fault

    def clear(self) -> None:
        """Ends all faults."""
        self._faults.clear()

    def all(self) -> list[ChannelFault]:
        """The faults that still have messages to meet."""
        return [each for each in self._faults.values() if each.count]

    def take(self, channel: OutsideChannel, provider: str = "") -> ChannelFault | None:
        """The fault that this message meets, counted down, or None."""
        for key in ((channel, provider), (channel, "")):
            fault = self._faults.get(key)
            if fault is not None and fault.count:
                self._faults[key] = fault.model_copy(update={"count": fault.count - 1})
                return fault
        return None


class MailHandler:
    """Takes e-mail for whomever it is addressed to."""

    def __init__(self, outbox: Outbox, faults: Faults) -> None:
        self._outbox = outbox
        self._faults = faults

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keeps one message for each recipient; the name is aiosmtpd's."""
        fault = self._faults.take("email")
        match fault.kind if fault else "":
            case "refuse" | "drop":
                return "451 4.3.0 refused on purpose, try again later"
            case "error":
                return "554 5.3.0 failed on purpose"
            case "limit":
                return "421 4.7.0 too many messages, on purpose"
            case "lose":
                return "250 2.0.0 kept"
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        mail = message_from_bytes(content, policy=policy.default)
        text = mail.get_body(("plain", "html"))
        for recipient in envelope.rcpt_tos:
            self._outbox.add(
                OutboxMessage(
                    received_at=datetime.now(UTC),
                    channel="email",
                    provider="smtp",
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
    """The HTTP side; the mail server lives and ends with it."""
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

    @app.get("/", response_class=HTMLResponse)
    def page() -> str:
        """The latest messages, for people."""
        return outbox_page(selected(outbox.messages(), channel=None, to=None, limit=_ON_PAGE))

    @app.get("/messages")
    def messages(
        channel: OutsideChannel | None = None,
        to: str | None = None,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
    ) -> list[OutboxMessage]:
        """The latest messages, the oldest of them first."""
        return selected(outbox.messages(), channel=channel, to=to, limit=limit)

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

    app.include_router(gateway_routes(outbox, faults.take))
    return app


def serve(host: str, smtp_port: int, http_port: int, data_dir: Path) -> None:
    """Runs both listeners until SIGTERM or SIGINT. Messages go to `<data_dir>/outbox.jsonl`."""
    app = create_app(Outbox(data_dir / OUTBOX_FILE), host, smtp_port)
    uvicorn.run(app, host=host, port=http_port, log_level="warning", timeout_graceful_shutdown=2)
