"""SOP files gone wrong: keys lost, doubled and renamed, values of other types, broken layout, circles."""

import copy
from collections.abc import Callable, Iterator
from typing import Any, Final

import yaml

from definitions.findings import CODES, Finding
from tests.support.random_expressions import Choices
from tests.support.random_sops import Dumper
from tests.support.scripted_handlers import CATALOGUE

_WORDS: Final = (
    *("name", "id", "steps", "handler", "when", "branch", "on_error", "on_reject", "review", "manual"),
    *("wait", "call", "parallel", "foreach", "repeat", "until", "limit", "items", "as", "every", "with"),
    *("compensate", "fallback", "async", "retry", "timeout", "deadline", "on_late", "event", "duration"),
    *("trigger", "sla", "escalation", "inputs", "version", "form", "quorum", "stpes", "hander", "", "1"),
)
_VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, -1, 3, 10**9, 10**30, 0.5, float("nan"), float("inf")),
    *("", "x", "s1", "s2", "finish", "reject", "any", "late", "jot", "pay", "called_0", "random", "1h", "0s"),
    *("-5min", "99999d", "on", "1e400", "冻结账户", "a" * 3_000, "${ fields.n }", "${ ", "${ }", "}", "true"),
    *("fields.n >", "1 +", "now", "[]", "steps.s1.outcome", "has(steps.s9)", "'x'.matches('(a*)*b')"),
    *("[1,2,3].map(a, [1,2,3].map(b, [1,2,3].map(c, a*b*c)))", "fields.lines", "item", "\u0007", "a\u2028b"),
    *([], [[]], ["x"], ["s1", "s1"], ["finish", "s1"], {}, {"x": "y"}, {"any": []}, {"handler": "jot"}),
)
_LINES: Final = (
    *(
        "\t- x: y",
        "---",
        "...",
        "- - - -",
        "a: &b c",
        "d: *b",
        "<<: {a: b}",
        "x: !!python/object:os.system ls",
    ),
    *("? [a]: b", "'", '"', "{", "}", "[", "]", "|", ">", "%YAML 1.2", "@x", "`x", "#", ": :", "steps:"),
    *("steps: {}", "name: Again", "\ufeffname: x", 'x: "\\UFFFFFFFF"', "\u0000", "\x85", "1: 2", "~: x"),
)

_OPTIONAL: Final = (
    *("when", "with", "timeout", "retry", "fallback", "branch", "on_error", "on_reject", "compensate"),
    *("async", "deadline", "on_late", "every", "form", "quorum", "four_eyes", "group", "role", "sla"),
    *("escalation", "limit", "as", "trigger", "inputs", "version"),
)
_SPANS: Final[dict[str, tuple[Any, ...]]] = {
    "limit": (1, 2, 49, 1000),
    "retry": (0, 100),
    "quorum": (1, 5),
    **dict.fromkeys(("duration", "deadline", "every", "timeout", "sla"), ("1s", "1h30min", "40d", "365d")),
    "on_late": ("wait", "escalate", "go_on", "reject", "fail"),
}

Place = tuple[dict[str, Any] | list[Any], Any]
"""A container, and a key or an index in it."""


def mutated(data: dict[str, Any], choices: Choices) -> str:
    """The file with one to three things wrong, or changed in a way that may still be right."""
    data = copy.deepcopy(data)
    gently = choices.chance(50)
    for _ in range(choices.number(1, 3)):
        places = list(_places(data))
        if places:
            choices.one_of(_GENTLE if gently else _ROUGH)(choices.one_of(places), places, choices)
    text: str = yaml.dump(data, sort_keys=False, allow_unicode=True, Dumper=Dumper)
    while not gently and choices.chance(35):
        text = choices.one_of(_BREAKAGES)(text, choices)
    return text


def badly_located(findings: list[Finding]) -> list[str]:
    """Findings that do not say where, what or which."""
    return [
        str(each)
        for each in findings
        if not each.file
        or each.line < 1
        or each.column < 1
        or each.code not in CODES
        or each.severity is not CODES[each.code].severity
        or not each.message
    ]


def _places(value: Any) -> Iterator[Place]:
    pairs: Any = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, each in pairs:
        yield value, key
        yield from _places(each)


def _drop(place: Place, places: list[Place], choices: Choices) -> None:
    del place[0][place[1]]


def _rename(place: Place, places: list[Place], choices: Choices) -> None:
    container, key = place
    if isinstance(container, dict):
        container[choices.one_of(_WORDS)] = container.pop(key)


def _replace(place: Place, places: list[Place], choices: Choices) -> None:
    place[0][place[1]] = copy.deepcopy(choices.one_of(_VALUES))


def _add(place: Place, places: list[Place], choices: Choices) -> None:
    container, key = place
    value = copy.deepcopy(choices.one_of(_VALUES))
    if isinstance(container, dict):
        container[choices.one_of(_WORDS)] = value
    else:
        container.insert(key, value)


def _copy_over(place: Place, places: list[Place], choices: Choices) -> None:
    """The same value at another place as well: steps in other sequences, doubled ids, conditions as lists."""
    source, key = choices.one_of(places)
    place[0][place[1]] = copy.deepcopy(source[key])


def _exchange(place: Place, places: list[Place], choices: Choices) -> None:
    other = choices.one_of(places)
    first, second = copy.deepcopy(place[0][place[1]]), copy.deepcopy(other[0][other[1]])
    place[0][place[1]] = second
    if other[1] in (other[0] if isinstance(other[0], dict) else range(len(other[0]))):
        other[0][other[1]] = first


def _nest(place: Place, places: list[Place], choices: Choices) -> None:
    value = place[0][place[1]]
    for _ in range(choices.one_of((1, 2, 8, 40))):
        value = choices.one_of(([value], {"steps": value}, {"x": value}))
    place[0][place[1]] = value


def _lead_back(place: Place, places: list[Place], choices: Choices) -> None:
    """A route to any step, earlier ones and the step itself among them; or a call of anything."""
    steps = [each[key] for each, key in places if isinstance(each[key], dict) and "name" in each[key]]
    if not steps:
        return
    ids = [str(each.get("id", each["name"])).lower().replace(" ", "_") for each in steps]
    step = choices.one_of(steps)
    if choices.chance(20):
        step["call"] = choices.one_of(["called_0", "called_1", "random", *ids])
    else:
        route = choices.one_of(("branch", "on_error"))
        step[route] = {choices.one_of(("any", "done", "good", "low", "high")): [choices.one_of(ids)]}


def _leave_out(place: Place, places: list[Place], choices: Choices) -> None:
    """A field that need not be there."""
    optional = [each for each in places if each[1] in _OPTIONAL]
    if optional:
        container, key = choices.one_of(optional)
        del container[key]


def _take_from_elsewhere(place: Place, places: list[Place], choices: Choices) -> None:
    """The value that a field of the same name has in another step."""
    container, key = choices.one_of([each for each in places if isinstance(each[1], str)])
    source, other = choices.one_of([each for each in places if each[1] == key])
    if key not in ("name", "id"):
        container[key] = copy.deepcopy(source[other])


def _another_handler(place: Place, places: list[Place], choices: Choices) -> None:
    handlers = [each for each in places if each[1] in ("handler", "fallback", "compensate")]
    if handlers:
        container, key = choices.one_of(handlers)
        container[key] = choices.one_of(list(CATALOGUE))


def _another_number(place: Place, places: list[Place], choices: Choices) -> None:
    numbers = [each for each in places if each[1] in _SPANS]
    if numbers:
        container, key = choices.one_of(numbers)
        container[key] = copy.deepcopy(choices.one_of(_SPANS[key]))


def _another_order(place: Place, places: list[Place], choices: Choices) -> None:
    """Two steps of a sequence, or two targets of a route, change places."""
    lists = [each[key] for each, key in places if isinstance(each[key], list) and len(each[key]) > 1]
    if lists:
        steps = choices.one_of(lists)
        first, second = choices.number(0, len(steps) - 1), choices.number(0, len(steps) - 1)
        steps[first], steps[second] = steps[second], steps[first]


def _once_more(place: Place, places: list[Place], choices: Choices) -> None:
    """A step again, under another name, at any place."""
    steps = [each[key] for each, key in places if isinstance(each[key], dict) and "name" in each[key]]
    sequences = [each[key] for each, key in places if key == "steps" and isinstance(each[key], list)]
    if steps and sequences:
        step = copy.deepcopy(choices.one_of(steps))
        step.pop("id", None)
        step["name"] = f"Again {choices.number(1, 9)}"
        sequence = choices.one_of(sequences)
        sequence.insert(choices.number(0, len(sequence)), step)


def _other_condition(place: Place, places: list[Place], choices: Choices) -> None:
    conditions = [
        each for each in places if each[1] in ("when", "until") and isinstance(each[0][each[1]], str)
    ]
    if conditions:
        container, key = choices.one_of(conditions)
        container[key] = choices.one_of(
            (
                f"!({container[key]})",
                f"({container[key]}) || fields.gone == 1",
                "fields.gone",
                "risk == 'high'",
            )
        )


_Change = Callable[[Place, list[Place], Choices], None]
_ROUGH: Final[tuple[_Change, ...]] = (
    *(_drop, _rename, _replace, _add, _copy_over, _exchange, _nest, _lead_back),
)
_GENTLE: Final[tuple[_Change, ...]] = (
    *(_leave_out, _take_from_elsewhere, _another_handler, _another_number, _another_order, _once_more),
    *(_other_condition, _lead_back),
)


def _line(text: str, choices: Choices, change: Callable[[str], list[str]]) -> str:
    lines = text.split("\n")
    number = choices.number(0, len(lines) - 1)
    return "\n".join((*lines[:number], *change(lines[number]), *lines[number + 1 :]))


_BREAKAGES: Final[tuple[Callable[[str, Choices], str], ...]] = (
    lambda text, choices: _line(text, choices, lambda line: [" " * choices.number(1, 5) + line]),
    lambda text, choices: _line(text, choices, lambda line: [line[choices.number(1, 4) :]]),
    lambda text, choices: _line(text, choices, lambda line: []),
    lambda text, choices: _line(text, choices, lambda line: [line, line]),
    lambda text, choices: _line(text, choices, lambda line: [line, choices.one_of(_LINES)]),
    lambda text, choices: _line(text, choices, lambda line: [line.replace(":", "", 1)]),
    lambda text, choices: text[: choices.number(0, len(text))],
    lambda text, choices: text.replace("\n", "\r\n"),
)
