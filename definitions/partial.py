"""What can still be said of an SOP some of whose fields are wrong: all findings come in one run.

The wrong fields are left out, and what is left is checked for its meaning. Findings about the steps that lost
a field are dropped, since they may only follow from that.
"""

import copy
from collections.abc import Iterable, Sequence
from typing import Any, Final

from pydantic import ValidationError

from definitions.findings import Finding
from definitions.schema import Sop
from definitions.yaml_source import Document, Path

_ROUNDS: Final = 5
_NAMES: Final = frozenset({"OPS201", "OPS202", "OPS203", "OPS204"})
"""A name that nothing has is unknown whatever the fields beside it say."""
_AGAINST_THE_SLA: Final = frozenset({"OPS208", "OPS214", "OPS313"})


def without_wrong_fields(document: Document) -> tuple[Sop | None, list[Path]]:
    """The SOP without its wrong fields, and the places of these; None where it does not do without them."""
    data, removed = copy.deepcopy(document.data), list[Path]()
    for _ in range(_ROUNDS):
        try:
            return Sop.model_validate(data), removed
        except ValidationError as error:
            places = {_place(each["loc"], document) for each in error.errors(include_url=False)}
            if not all(_remove(data, place) for place in places):
                return None, []
            removed += sorted(places, key=str)
    return None, []


def unaffected(findings: Iterable[Finding], document: Document, removed: Sequence[Path]) -> list[Finding]:
    """The findings that hold whatever the wrong fields would have said."""
    spans = [span for place in removed if (span := _step_around(place, document))]
    sla_is_open = ("sla",) in removed
    return [
        each
        for each in findings
        if (each.code in _NAMES or not any(first <= each.line < end for first, end in spans))
        and not (sla_is_open and each.code in _AGAINST_THE_SLA)
    ]


def _place(loc: tuple[int | str, ...], document: Document) -> Path:
    """The place in the file that an error speaks of: pydantic adds the names of types and of checks."""
    path: Path = ()
    for part in loc:
        if (*path, part) in document.values or (*path, part) in document.keys:
            path = (*path, part)
    return path


def _remove(data: Any, place: Path) -> bool:
    """Takes the field out; False for what is no field of a mapping, such as a whole step."""
    if not place or not isinstance(place[-1], str):
        return False
    for part in place[:-1]:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return False
    return isinstance(data, dict) and data.pop(place[-1], _ABSENT) is not _ABSENT


_ABSENT: Final = object()


def _step_around(place: Path, document: Document) -> tuple[int, int] | None:
    """The lines of the innermost list item around a place: its first, and the first after it."""
    ends = [index for index, part in enumerate(place) if isinstance(part, int)]
    if not ends:
        return None
    step = place[: ends[-1] + 1]
    last = max(at.line for path, at in document.values.items() if path[: len(step)] == step)
    return document.value_at(*step).line, last + 1
