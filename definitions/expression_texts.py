"""Expressions inside the texts of `with`: `${ e }`, alone or in a longer text."""

from dataclasses import dataclass
from functools import lru_cache

from domain.errors import ExpressionFailed


@dataclass(frozen=True)
class Part:
    """A piece of a text in `with`. `offset` counts characters from the text's begin."""

    offset: int
    text: str
    is_expression: bool


@lru_cache(maxsize=5000)
def embedded(text: str) -> tuple[Part, ...]:
    """The text in pieces, those in `${ … }` as expressions. Raises `ExpressionFailed` when one has no end.

    Blanks around a text that is one expression alone do not count.
    """
    parts: list[Part] = []
    at = 0
    while (begin := text.find("${", at)) >= 0:
        end = _end_of_expression(text, begin + 2)
        if text[at:begin]:
            parts.append(Part(at, text[at:begin], is_expression=False))
        inner = text[begin + 2 : end]
        blanks = len(inner) - len(inner.lstrip())
        parts.append(Part(begin + 2 + blanks, inner.strip(), is_expression=True))
        at = end + 1
    if text[at:] or not parts:
        parts.append(Part(at, text[at:], is_expression=False))
    alone = [part for part in parts if part.is_expression or part.text.strip()]
    return tuple(alone if len(alone) == 1 and alone[0].is_expression else parts)


def _end_of_expression(text: str, begin: int) -> int:
    at, depth, quote = begin, 0, ""
    while at < len(text):
        if quote:
            if text[at] == "\\":
                at += 1
            elif text.startswith(quote, at):
                at += len(quote) - 1
                quote = ""
        elif text[at] in "\"'":
            quote = text[at : at + 3] if text[at : at + 3] in ('"""', "'''") else text[at]
            at += len(quote) - 1
        elif text[at] == "}" and depth == 0:
            return at
        else:
            depth += {"{": 1, "}": -1}.get(text[at], 0)
        at += 1
    raise ExpressionFailed(f"{text[begin - 2 :]!r} cannot be read: ${{ has no end")
