"""Names: every handler, id, error code and loop variable is one that exists and means one thing."""

from collections.abc import Iterator
from typing import Final

from definitions.checks.subject import Subject
from definitions.expressions import NAMES
from definitions.findings import Finding, listed, suggestion
from definitions.schema import ANY_ERROR, ENDINGS, Place
from domain import errors

RESERVED_IDS: Final = (*ENDINGS, ANY_ERROR)
"""Words of the language that a step cannot be called."""

_CEL_WORDS: Final = frozenset(
    (
        *("as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in"),
        *("let", "loop", "namespace", "null", "package", "return", "true", "var", "void", "while"),
    )
)
"""Words that CEL keeps for itself."""

_OF_THE_INTERPRETER: Final = (
    "event_missing",
    "repeat_exhausted",
    "expression_failed",
    "handler_broken",
)


def known_errors() -> frozenset[str]:
    """The codes that `on_error` can name: of `domain.errors`, of the interpreter, of a bank's handlers."""
    ours = {
        each.code
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, errors.OpsloopError)
    }
    return frozenset({*ours, *_codes_below(errors.StepFailed), *_OF_THE_INTERPRETER, ANY_ERROR})


def _codes_below(error: type[errors.OpsloopError]) -> Iterator[str]:
    yield error.code
    for each in error.__subclasses__():
        yield from _codes_below(each)


def handlers_exist(subject: Subject) -> Iterator[Finding]:
    """Every handler, fallback and compensation is in the catalogue."""
    catalogue = subject.catalogue
    for place, step in subject.steps:
        undo = step.compensate.handler if step.compensate else None
        for field, what, name, code in (
            ("handler", "handler", step.handler, "OPS201"),
            ("fallback", "fallback", step.fallback, "OPS202"),
            ("compensate", "compensation", undo, "OPS221"),
        ):
            if name is not None and name not in catalogue:
                yield subject.found(
                    code,
                    subject.compensation(place) if field == "compensate" else (*place, field),
                    f"unknown {what} {name!r}{suggestion(name, catalogue)}",
                    listed(catalogue),
                )
        if step.fallback is not None and step.fallback == step.handler:
            yield subject.found(
                "OPS215",
                (*place, "fallback"),
                f"the fallback {step.fallback!r} is the handler that has just failed",
                "another handler, usually a person",
            )


def step_ids_are_unique(subject: Subject) -> Iterator[Finding]:
    """No two steps have one id, at whatever depth, and none is a word of the language."""
    for place, step in subject.steps:
        given = "id" if (*place, "id") in subject.document.values else "name"
        if subject.homes[step.id] != place:
            yield subject.found(
                "OPS204",
                (*place, given),
                f"the step id {step.id!r} is that of {subject.where(subject.homes[step.id])} already",
                "another name, or an `id` of its own",
            )
        if step.id in RESERVED_IDS:
            yield subject.found(
                "OPS222",
                (*place, given),
                f"{step.id!r} is a word of the language, so no step can be called so",
                "another name, or an `id` of its own",
            )


def error_codes_exist(subject: Subject) -> Iterator[Finding]:
    """Routes for errors are for those that can happen."""
    known = known_errors()
    for place, step in subject.steps:
        for code in step.on_error or ():
            if code not in known:
                yield subject.found_key(
                    "OPS225",
                    (*place, "on_error", code),
                    f"unknown error code {code!r}{suggestion(code, known)}",
                    listed(known, most=20),
                )


def loop_variables_are_new(subject: Subject) -> Iterator[Finding]:
    """What a foreach calls an item hides nothing else."""
    around: dict[Place, frozenset[str]] = {}
    for place, step in subject.steps:
        if step.foreach is None:
            continue
        taken = frozenset[str]().union(
            *(names for outer, names in around.items() if place[: len(outer)] == outer)
        )
        around[place] = frozenset({step.foreach.item})
        name = step.foreach.item
        reason = (
            "stands for something else in expressions"
            if name in NAMES
            else "is a word of CEL"
            if name in _CEL_WORDS
            else "is what a foreach around this one calls its items"
            if name in taken
            else ""
        )
        if reason:
            yield subject.found(
                "OPS243", (*place, "foreach", "as"), f"{name!r} {reason}", "another name after `as`"
            )


CHECKS: Final = (handlers_exist, step_ids_are_unique, error_codes_exist, loop_variables_are_new)
