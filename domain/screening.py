"""Sanctions screening: does a name look like one on the list?

It errs on the side of a hit, because a person can release a false one, and nobody sees a missed one.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any

from domain.model import Record

SIMILAR = 0.85
"""From this similarity on (0 to 1, of the sorted words), two names are a hit."""

_WORTH_COMPARING = 0.6

_LEGAL_FORMS = frozenset(
    {"co", "company", "corp", "corporation", "inc", "limited", "llc", "ltd", "plc", "gmbh", "ag", "sa", "bv"}
)
_LEGAL_ENDINGS = ("股份有限公司", "有限责任公司", "有限公司", "公司")


PARTIES = ("beneficiary", "counterparty", "ordering_party")
"""The fields of a ticket that name parties."""


class Screening(Record):
    """Hit or clear, and why. It names fields and places in the list, never persons."""

    hit: bool
    reason: str


class NameMatch(Record):
    """How close a name comes to the list. It carries no name."""

    entry: int
    """Place in the list, from 1."""
    similarity: float
    """1 for the same words in any order."""


def screen(fields: Mapping[str, Any], listed: Sequence[str]) -> Screening:
    """Screens all parties of a ticket. Without a name, or without a list, nothing is clear."""
    if not listed:
        return Screening(hit=True, reason="the sanctions list is empty, so nothing is clear")
    parties = [field for field in PARTIES if fields.get(field) not in (None, "")]
    if not {"beneficiary", "counterparty"} & set(parties):
        return Screening(hit=True, reason="no name to screen: beneficiary or counterparty is needed")
    for field in parties:
        name = fields[field]
        if not isinstance(name, str) or not normalised(name):
            return Screening(hit=True, reason=f"no name to screen: {field} is no name")
        match = closest(name, listed)
        if match:
            likeness = f"{match.similarity:.0%} like entry {match.entry}"
            return Screening(hit=True, reason=f"{field} is {likeness} of the sanctions list")
    return Screening(
        hit=False, reason=f"{', '.join(parties)}: like none of {len(listed)} entries of the sanctions list"
    )


def normalised(name: str) -> tuple[str, ...]:
    """A name's words: width, case, accents, punctuation and legal forms taken away, in sorted order."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    plain = "".join(each for each in decomposed if not unicodedata.combining(each))
    words = "".join(each if each.isalnum() else " " for each in plain).split()
    kept = [_without_ending(word) for word in words if word not in _LEGAL_FORMS]
    return tuple(sorted(kept or words))


def closest(name: str, listed: Sequence[str]) -> NameMatch | None:
    """The closest entry of the list that is a hit, or None. The name must have a letter or digit."""
    words = normalised(name)
    best: NameMatch | None = None
    for place, entry in enumerate(_prepared(tuple(listed)), start=1):
        similarity = _similarity(words, entry)
        if similarity >= SIMILAR and (best is None or similarity > best.similarity):
            best = NameMatch(entry=place, similarity=round(similarity, 3))
    return best


@lru_cache(maxsize=4)
def _prepared(listed: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple(normalised(name) for name in listed)


def _similarity(words: tuple[str, ...], entry: tuple[str, ...]) -> float:
    if not words or not entry:
        return 0.0
    if words == entry:
        return 1.0
    if len(entry) > 1 and set(entry) <= set(words):
        return 0.95
    ours, theirs = " ".join(words), " ".join(entry)
    if len(theirs) >= 3 and not theirs.isascii() and theirs in ours:
        return 0.95
    whole = _ratio(ours, theirs)
    # Sorting moves a word whose first letter changed, so words are compared one by one as well.
    return max(whole, _by_words(words, entry)) if len(entry) > 1 else whole


def _by_words(words: tuple[str, ...], entry: tuple[str, ...]) -> float:
    """How much of the entry's words, by letters, the name has something like."""
    likeness = sum(len(word) * max(_ratio(word, ours) for ours in words) for word in entry)
    return likeness / sum(len(word) for word in entry)


def _ratio(one: str, other: str) -> float:
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    # An upper bound by length spares most of a long list the real comparison.
    return matcher.ratio() if matcher.real_quick_ratio() >= _WORTH_COMPARING else 0.0


def _without_ending(word: str) -> str:
    for ending in _LEGAL_ENDINGS:
        if word.endswith(ending) and len(word) > len(ending):
            return word.removesuffix(ending)
    return word
