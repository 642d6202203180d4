"""Text in pictures: how wide it is without a font at hand, and how it breaks into lines."""

import unicodedata
from functools import lru_cache
from typing import Final

_NARROW: Final = frozenset("iljIftr.,:;'|!()[]{}/\\` ·")
_WIDE: Final = frozenset("mwMW@%—…")
_ELLIPSIS: Final = "…"


@lru_cache(maxsize=4096)
def _em(character: str) -> float:
    """The width of a character in a wide sans-serif font, in parts of the font size."""
    if unicodedata.east_asian_width(character) in "WF":
        return 1.0
    if unicodedata.combining(character):
        return 0.0
    if character in _NARROW:
        return 0.38
    if character in _WIDE:
        return 0.98
    return 0.7 if character.isupper() else 0.62


def width(text: str, size: float, *, bold: bool = False) -> float:
    """At most how wide the text is, in pixels at this font size."""
    return sum(map(_em, text)) * size * (1.09 if bold else 1.0)


def plain(text: str) -> str:
    """The text on one line, without control characters and what turns the direction of writing."""
    kept = "".join(each if each.isprintable() else " " for each in text)
    return " ".join(kept.split())


def cut(text: str, size: float, room: float, *, bold: bool = False) -> str:
    """The text, or as much of it as fits with an ellipsis."""
    if width(text, size, bold=bold) <= room:
        return text
    while text and width(text + _ELLIPSIS, size, bold=bold) > room:
        text = text[:-1]
    return text.rstrip() + _ELLIPSIS


def wrapped(text: str, size: float, room: float, lines: int, *, bold: bool = False) -> list[str]:
    """The text in at most so many lines, the last one cut where it does not fit. Chinese breaks anywhere."""
    made: list[str] = []
    rest = plain(text)
    while rest and len(made) < lines - 1 and width(rest, size, bold=bold) > room:
        head = cut(rest, size, room, bold=bold)[: -len(_ELLIPSIS)]
        at = _break_in(head, rest[len(head) :])
        if at == 0:
            break
        made.append(rest[:at].rstrip())
        rest = rest[at:].lstrip()
    if rest:
        made.append(cut(rest, size, room, bold=bold))
    return made


def _break_in(head: str, tail: str) -> int:
    """Where a line that is too long breaks: at a space, else behind a dot or an underscore, else anywhere."""
    if tail.startswith(" "):
        return len(head)
    for sign, behind in ((" ", 0), (".", 1), ("_", 1)):
        at = head.rfind(sign)
        if at > len(head) // 3:
            return at + behind
    return len(head)
