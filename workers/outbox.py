"""What the sinks of an embedded run were given: lines of JSON, and a page to read them on."""

import threading
from collections.abc import Iterable, Iterator
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Final, Literal

from domain.model import Record

OutsideChannel = Literal["email", "sms", "wecom", "webhook"]
OUTBOX_FILE: Final = "outbox.jsonl"


class OutboxMessage(Record):
    """One message as it arrived."""

    received_at: datetime
    """Real time, whatever the bank's clock shows."""
    channel: OutsideChannel
    provider: str = ""
    """By which way: the gateway's name, `robot`, `application`."""
    to: str
    subject: str = ""
    body: str = ""
    message_id: str = ""


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
        with self._lock:
            return iter(read_outbox(self._path))


def read_outbox(path: Path) -> list[OutboxMessage]:
    """The whole messages of a file, the oldest first; none where there is no file."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    lines = text.splitlines(keepends=True)
    return [OutboxMessage.model_validate_json(line) for line in lines if line.endswith("\n")]


def selected(
    messages: Iterable[OutboxMessage], *, channel: str | None, to: str | None, limit: int
) -> list[OutboxMessage]:
    """The latest of those that match, the oldest of them first."""
    found = [each for each in messages if channel in (None, each.channel) and to in (None, each.to)]
    return found[-limit:]


def outbox_page(messages: Iterable[OutboxMessage]) -> str:
    """The messages as a page that renews itself, the latest first."""
    rows = "".join(
        f"<tr><td>{each.received_at:%H:%M:%S}</td><td>{escape(each.channel)}</td>"
        f"<td>{escape(each.provider)}</td><td>{escape(each.to)}</td>"
        f"<td><b>{escape(each.subject)}</b><pre>{escape(each.body)}</pre>"
        f"<small>{escape(each.message_id)}</small></td></tr>"
        for each in reversed(list(messages))
    )
    empty = "<tr><td colspan=5>nothing was sent yet</td></tr>"
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta http-equiv=refresh content=5>"
        "<title>messages sent</title><style>body{font:15px system-ui;margin:2rem}"
        "table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;"
        "padding:.4rem .8rem;border-bottom:1px solid #ccc}"
        "pre{margin:.2rem 0;white-space:pre-wrap;font:inherit}"
        "small{color:#666}</style><h1>Messages sent</h1>"
        "<p>What left this installation, as the receiving side has it; times in UTC. Nothing leaves the "
        "machine. <a href=messages>as JSON</a></p>"
        "<table><tr><th>at<th>channel<th>by<th>to<th>message</tr>"
        f"{rows or empty}</table></html>"
    )
