"""How dispatch reads text: one width, and for keywords one case."""

from unicodedata import normalize

_FIRST_UNSPACED = "\u2e80"
_LAST_UNSPACED = "\u9fff"
_FIRST_SUPPLEMENTARY = "\U00020000"


def half_width(text: str) -> str:
    """The text in NFKC form: `ＳＷＩＦＴ：１０３` becomes `SWIFT:103`. Letters keep their case."""
    return normalize("NFKC", text)


def folded(text: str) -> str:
    """The text without differences of width and case, for comparing words."""
    return normalize("NFKC", text).casefold()


def begins_word(text: str, start: int) -> bool:
    """Whether a word can begin at this place: nothing before it joins the next character to a longer word.

    Chinese and Japanese characters join nothing: those languages write without spaces.
    """
    if start == 0:
        return True
    before = text[start - 1]
    return not before.isalnum() or is_unspaced(before)


def is_unspaced(char: str) -> bool:
    """Whether the character belongs to a script without spaces between words."""
    return _FIRST_UNSPACED <= char <= _LAST_UNSPACED or char >= _FIRST_SUPPLEMENTARY
