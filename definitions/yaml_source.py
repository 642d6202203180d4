"""Reads YAML safely and remembers where everything stands.

What a bank edits uses a small, unsurprising part of YAML 1.2: mappings, lists, texts, numbers, `true`,
`false` and `null`. Anchors, aliases, merge keys, tags, several documents and duplicate keys are refused,
each with its place, so that a few bytes can never become gigabytes and nothing is silently overwritten.
`on`, `yes` and `3:10` stay texts, and so do numbers with leading zeros or more than 18 digits (account
numbers).
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from definitions.findings import Finding, Position, found

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 20
_TOO_MANY: Final = 50

_WORDS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBERS_BEGIN_WITH: Final = frozenset("+-.0123456789")
_INT = r"[-+]?(?:0|[1-9][0-9]{0,17})"
_FLOAT = r"[-+]?(?:0|[1-9][0-9]{0,17})?(?:\.[0-9]{0,17})?(?:[eE][-+]?[0-9]{1,3})?"
_NOT_TEXT = yaml.reader.Reader.NON_PRINTABLE
_INDENT_TAB = r"(?m)^ *\t"

_Parser: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The parser in C reads ten times as fast as that in Python, which stands in where libyaml is absent."""

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """One parsed file: its plain data, and the position of every key and value by path."""

    file: str
    data: Any
    """Of dict (with text keys), list, str, int, float, bool and None."""
    keys: Mapping[Path, Position] = field(default_factory=dict)
    values: Mapping[Path, Position] = field(default_factory=dict)
    texts: Mapping[Path, str] = field(default_factory=dict)
    """Every scalar as it was written: `1.10` where the data has 1.1."""
    leads: Mapping[Path, int] = field(default_factory=dict)
    """Texts in one line that stand as they mean, each with what comes before: 1 for a quote, else 0."""

    def value_at(self, *path: str | int) -> Position:
        """Where this value begins, or the nearest node above that exists."""
        return self._nearest(path, self.values)

    def key_at(self, *path: str | int) -> Position:
        """Where the key of this path stands; for a list item, where the item begins."""
        return self.keys.get(path) or self._nearest(path, self.values)

    def inside(self, path: Path, offset: int) -> Position:
        """Where this character of a text stands; for a text of several lines, where it begins."""
        begin = self.value_at(*path)
        if path not in self.leads:
            return begin
        return Position(begin.line, begin.column + self.leads[path] + offset)

    def _nearest(self, path: Path, positions: Mapping[Path, Position]) -> Position:
        while path and path not in positions:
            path = path[:-1]
        return positions.get(path, Position(1, 1))


class _StopReadingError(Exception):
    """Nothing sensible can be read after this finding."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


def read_yaml(file: str, content: str | bytes) -> tuple[Document | None, list[Finding]]:
    """Parses one YAML document. `file` only names it in findings; nothing is opened.

    Returns the document, or None when it cannot be used, and all that is wrong with it. Never raises for
    bad content.
    """
    try:
        text = _decoded(file, content)
    except _StopReadingError as stop:
        return None, [stop.finding]
    composer = _Composer(file, text)
    try:
        data = composer.document()
    except _StopReadingError as stop:
        return None, [*composer.findings, stop.finding]
    except yaml.MarkedYAMLError as error:
        return None, [*composer.findings, _syntax_finding(file, error)]
    except (ValueError, OverflowError):
        # PyYAML lets these out for escapes and directives with impossible numbers, such as "\UFFFFFFFF".
        at = max(composer.values.values(), default=Position(1, 1))
        finding = found(file, at, "OPS004", "an impossible number after this place", "YAML")
        return None, [*composer.findings, finding]
    if composer.findings:
        return None, composer.findings
    return Document(file, data, composer.keys, composer.values, composer.texts, composer.leads), []


def _decoded(file: str, content: str | bytes) -> str:
    raw = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    if len(raw) > MAX_BYTES:
        raise _StopReadingError(
            found(
                file,
                Position(1, 1),
                "OPS002",
                f"the file has more than {MAX_BYTES // 1024} KB",
                "a smaller file",
            )
        )
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        at = _position_in(raw[: error.start].decode("utf-8"))
        raise _StopReadingError(
            found(file, at, "OPS003", f"byte 0x{raw[error.start]:02x} is not UTF-8", "text saved as UTF-8")
        ) from error
    text = text.removeprefix("\ufeff")
    odd = _NOT_TEXT.search(text)
    if odd:
        character = f"U+{ord(odd.group()):04X}"
        raise _StopReadingError(
            found(
                file,
                _position_in(text[: odd.start()]),
                "OPS003",
                f"the character {character} is not text",
                "printable text, saved as UTF-8",
            )
        )
    tab = re.search(_INDENT_TAB, text)
    if tab:
        raise _StopReadingError(
            found(
                file,
                _position_in(text[: tab.end() - 1]),
                "OPS005",
                "a tab in the indentation",
                "spaces, as many as the lines beside it have",
            )
        )
    return text


def _position_in(before: str) -> Position:
    lines = re.split(r"\r\n|[\r\n\x85\u2028\u2029]", before)
    return Position(len(lines), len(lines[-1]) + 1)


def _syntax_finding(file: str, error: yaml.MarkedYAMLError) -> Finding:
    mark = error.problem_mark or error.context_mark
    at = Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)
    problem = error.problem or "not YAML"
    if error.context:
        problem = f"{problem} ({error.context})"
    return found(file, at, "OPS004", problem, "YAML; is a colon, quote, bracket or indentation wrong here?")


class _Composer:
    """Builds plain data from the parser's events, noting positions and whatever is refused."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.findings: list[Finding] = []
        self.keys: dict[Path, Position] = {}
        self.values: dict[Path, Position] = {}
        self.texts: dict[Path, str] = {}
        self.leads: dict[Path, int] = {}
        self._events: Iterator[yaml.Event] = iter(_Parser(text).get_event, None)

    def document(self) -> Any:
        """The one document of the text."""
        next(self._events)
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            raise _StopReadingError(
                found(self.file, Position(1, 1), "OPS006", "the file is empty", "a YAML mapping")
            )
        data = self._node(next(self._events), ())
        next(self._events)
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            self._refuse(after, "OPS007", "a second document begins here", "one document in a file")
        return data

    def _node(self, event: yaml.Event, path: Path) -> Any:
        self.values[path] = _start(event)
        if len(path) >= MAX_DEPTH:
            raise _StopReadingError(
                found(
                    self.file,
                    _start(event),
                    "OPS008",
                    f"nested more than {MAX_DEPTH} levels deep",
                    "a flatter file",
                )
            )
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        if isinstance(event, yaml.AliasEvent):
            self._refuse(
                event,
                "OPS009",
                f"the alias *{_short(str(event.anchor))}",
                "the value itself, written out once more",
            )
            return None
        self._refuse_decoration(event)
        return self._list(path) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(path)

    def _scalar(self, event: yaml.ScalarEvent, path: Path) -> Any:
        if event.anchor is not None or event.tag is not None or event.style == '"':
            self._refuse_decoration(event)
        self.texts[path] = event.value
        around = _around(event)
        if around == (2 if event.style else 0):
            self.leads[path] = around // 2
        return _resolved(event)

    def _list(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, path)
            below = (*path, key)
            if key in mapping:
                first = self.keys[below]
                self._refuse(
                    event,
                    "OPS011",
                    f"the key {_short(key)} again, first on line {first.line}",
                    "each key once",
                )
            else:
                self.keys[below] = _start(event)
            mapping[key] = self._node(next(self._events), below)
        return mapping

    def _key(self, event: yaml.Event, path: Path) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            self._refuse(event, "OPS012", "a key that is not a plain word", "a text as the key")
            self._node(event, (*path, "?"))
            return f"?{len(self.findings)}"
        if event.anchor is not None or event.tag is not None or event.style == '"':
            self._refuse_decoration(event)
        if event.value == "<<" and not event.style:
            self._refuse(event, "OPS009", "the merge key <<", "the fields themselves, written out")
        elif not isinstance(_resolved(event), str):
            self._refuse(
                event,
                "OPS012",
                f"the key {event.value or 'null'} is not a text",
                f'"{event.value}" in quotes',
            )
        return str(event.value)

    def _refuse_decoration(self, event: yaml.Event) -> None:
        """Anchors, tags, and escapes for what is not text."""
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if anchor is not None:
            self._refuse(event, "OPS009", f"the anchor &{_short(anchor)}", "it without an anchor")
        if tag is not None:
            self._refuse(event, "OPS010", f"the tag {_short(tag)}", "it without a tag")
        # Only an escape in double quotes can name what the file itself may not hold.
        odd = None
        if isinstance(event, yaml.ScalarEvent) and event.style == '"':
            odd = _NOT_TEXT.search(event.value)
        if odd:
            point = f"U+{ord(odd.group()):04X}"
            self._refuse(event, "OPS003", f"an escape for {point}, which is not text", "printable text")

    def _refuse(self, event: yaml.Event, code: str, message: str, expected: str) -> None:
        finding = found(self.file, _start(event), code, message, expected)
        if len(self.findings) >= _TOO_MANY:
            raise _StopReadingError(finding)
        self.findings.append(finding)


def _start(event: yaml.Event) -> Position:
    mark = event.start_mark
    return Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)


def _around(event: yaml.ScalarEvent) -> int:
    """How many characters of its line a scalar takes beyond its value; -1 for several lines."""
    begin, end = event.start_mark, event.end_mark
    if begin is None or end is None or begin.line != end.line:
        return -1
    return int(end.column - begin.column - len(event.value))


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"


def _resolved(event: yaml.ScalarEvent) -> Any:
    """What a plain scalar means under YAML 1.2's core schema, less octal, hexadecimal and infinity."""
    value: str = event.value
    if event.style:
        return value
    if value in _WORDS:
        return _WORDS[value]
    if value[0] not in _NUMBERS_BEGIN_WITH:
        return value
    if re.fullmatch(_INT, value):
        return int(value)
    if any(character.isdigit() for character in value) and re.fullmatch(_FLOAT, value):
        number = float(value)
        return number if math.isfinite(number) else value
    return value
