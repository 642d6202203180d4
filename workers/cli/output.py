"""What commands print: one JSON document, or tables for people."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

_NONE: Final = "–"
_PIPE_WIDTH: Final = 180
_GAP: Final = 2
_NARROWEST: Final = 20
"""Columns of the screen that the last column of a table keeps, however many the others want."""


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(document, ensure_ascii=False, indent=2))


def console() -> Console:
    """Standard output for people. Nothing in a text is taken for markup; a pipe has wide lines."""
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPE_WIDTH
    return Console(markup=False, highlight=False, emoji=False, width=width)


def plain(value: Any) -> Text:
    """A value as text. Control characters of whoever wrote it never reach the terminal."""
    if value is None or value in ("", [], {}):
        return Text(_NONE)
    text = "yes" if value is True else "no" if value is False else str(value)
    return Text("".join(each if each.isprintable() or each == "\n" else "�" for each in text))


def when(instant: str | None) -> str | None:
    """An ISO instant in this machine's zone, to the minute: `2026-11-23 20:00 +0800`."""
    if not instant:
        return None
    return f"{datetime.fromisoformat(instant).astimezone():%Y-%m-%d %H:%M %z}"


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, fold_last: bool = False) -> Table:
    """A plain table. Its first column is an id to copy and never cut; its last takes what room is left.

    Folding the last column keeps the others whole as well.
    """
    made = Table(box=None, header_style="bold", pad_edge=False)
    cells = [[plain(cell) for cell in row] for row in rows]
    widths = [max([len(name), *(row[place].cell_len for row in cells)]) for place, name in enumerate(columns)]
    room = console().width - sum(widths[:-1]) - _GAP * (len(columns) - 1)
    for number, name in enumerate(columns):
        is_last = number == len(columns) - 1
        is_whole = number == 0 or (fold_last and not is_last)
        made.add_column(
            name,
            no_wrap=not (is_last and fold_last),
            overflow="fold" if is_last and fold_last else "ellipsis",
            min_width=widths[number] if is_whole else None,
            max_width=max(room, _NARROWEST) if is_last and not fold_last else None,
        )
    for row in cells:
        made.add_row(*row)
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
