"""Layer 2: keyword weights. All words of all groups are found in one pass (Aho-Corasick)."""

from collections import Counter
from dataclasses import dataclass
from math import fsum
from operator import attrgetter, itemgetter

from ahocorasick_rs import AhoCorasick

from domain.dispatch.normalise import begins_word, folded, is_unspaced
from domain.dispatch.tables import KeywordGroup, KeywordTable
from domain.errors import DefinitionError


@dataclass(slots=True)
class GroupScore:
    """What one group's words add up to in one ticket."""

    group: KeywordGroup
    label: str
    """The group's name; with category and action where the table has the name more than once."""
    total: float
    found: list[tuple[str, float]]

    @property
    def words(self) -> dict[str, float]:
        """The words found and their weights, the heaviest first."""
        return dict(sorted(self.found, key=lambda each: (-each[1], each[0])))


class CompiledKeywords:
    """A keyword table ready to score.

    A word counts once for a ticket, however often it occurs. Raises `DefinitionError` for a word that
    is blank or that a group has twice.
    """

    def __init__(self, table: KeywordTable) -> None:
        self.threshold = table.threshold
        self._groups = table.groups
        names = Counter(group.group for group in table.groups)
        self._labels = tuple(
            group.group if names[group.group] == 1 else f"{group.group} ({group.category}/{group.action})"
            for group in table.groups
        )
        entries: dict[str, list[tuple[int, tuple[str, float]]]] = {}
        for index, group in enumerate(table.groups):
            for word, weight in _distinct(group).items():
                entries.setdefault(folded(word), []).append((index, (word, weight)))
        self._entries = tuple(entries.values())
        self._anywhere = tuple(table.match == "substring" or is_unspaced(word[0]) for word in entries)
        self._automaton = AhoCorasick(entries) if entries else None

    def scores(self, text: str) -> list[GroupScore]:
        """The groups with a positive score in this folded text, the best first; ties in the table's order."""
        found = self._found(text)
        scores = []
        for group, label, words in zip(self._groups, self._labels, found, strict=True):
            # fsum rounds once, so the order in which words were found cannot change a sum.
            total = fsum(map(_weight, words)) if words else 0
            if total > 0:
                scores.append(GroupScore(group, label, total, words))
        scores.sort(key=_total, reverse=True)
        return scores

    def _found(self, text: str) -> list[list[tuple[str, float]]]:
        """For each group its words in the text, with their weights."""
        found: list[list[tuple[str, float]]] = [[] for _ in self._groups]
        if self._automaton is None:
            return found
        anywhere, entries = self._anywhere, self._entries
        seen: set[int] = set()
        for index, start, _ in self._automaton.find_matches_as_indexes(text, overlapping=True):
            if index in seen:
                continue
            # The blank, which precedes most words, is looked at here to spare a call for each.
            if start and text[start - 1] != " " and not anywhere[index] and not begins_word(text, start):
                continue
            seen.add(index)
            for group_index, entry in entries[index]:
                found[group_index].append(entry)
        return found


_total = attrgetter("total")
_weight = itemgetter(1)


def _distinct(group: KeywordGroup) -> dict[str, float]:
    seen: dict[str, str] = {}
    for word in group.words:
        if not word.strip():
            raise DefinitionError(f'keyword group "{group.group}" has a blank word')
        other = seen.setdefault(folded(word), word)
        if other != word:
            raise DefinitionError(
                f'keyword group "{group.group}": {other!r} and {word!r} are the same word, because case and '
                "width do not matter; keep one of them"
            )
    return group.words
