"""What commands print: one JSON document, or tables for people."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_NONE = "–"


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(document, ensure_ascii=False, indent=2))


def console() -> Console:
    """Standard output for people. Nothing in a text is taken for markup."""
    return Console(markup=False, highlight=False, emoji=False, soft_wrap=False)


def plain(value: Any) -> Text:
    """A value as text. Control characters of whoever wrote it never reach the terminal."""
    if value is None or value in ("", [], {}):
        return Text(_NONE)
    text = "yes" if value is True else "no" if value is False else str(value)
    return Text("".join(each if each.isprintable() or each == "\n" else "�" for each in text))


def when(instant: str | None) -> str | None:
    """An ISO instant in this machine's zone, to the minute."""
    if not instant:
        return None
    return f"{datetime.fromisoformat(instant).astimezone():%Y-%m-%d %H:%M %z}"


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """A plain table."""
    made = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        made.add_row(*(plain(cell) for cell in row))
    return made


def facts(pairs: Iterable[tuple[str, Any]]) -> Table:
    """Names and values, one a line. Values that say nothing are left out."""
    made = Table(box=None, show_header=False, pad_edge=False)
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in pairs:
        if value not in (None, "", [], {}):
            made.add_row(Text(name), plain(value))
    return made
