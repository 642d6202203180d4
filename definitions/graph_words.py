"""What a step is and what an SOP says of it, in the words of a picture."""

from collections.abc import Iterator
from datetime import timedelta

from definitions.graph_model import NodeKind
from definitions.schema import LATE, Sop, Step
from domain.duration import format_duration
from domain.handlers import Effect, HandlerSpec

_EFFECT_WORDS = {
    Effect.BANK: "effect on the bank",
    Effect.MESSAGE: "message",
    Effect.NOTICE: "notice",
}


def kind_of(step: Step, spec: HandlerSpec | None) -> tuple[NodeKind, str]:
    """The kind of a step's node, and the word for it. `spec` is the entry of its handler, where known."""
    if step.review is not None or step.manual is not None:
        return NodeKind.PERSON, "decision" if step.review else "work by hand"
    if step.wait is not None:
        return NodeKind.WAIT, "wait"
    if step.call is not None:
        return NodeKind.CALL, "call"
    if step.handler is None:
        words = {"parallel": "in parallel", "foreach": "for each", "repeat": "repeat"}
        return NodeKind.BLOCK, words[step.kind]
    return handler_kind(spec)


def handler_kind(spec: HandlerSpec | None) -> tuple[NodeKind, str]:
    """The same for a handler of the catalogue; an unknown one is drawn as a check."""
    if spec is None:
        return NodeKind.CHECK, "handler"
    if spec.human is not None:
        return NodeKind.PERSON, "decision" if spec.human.kind == "review" else "work by hand"
    if spec.effect is not Effect.NONE:
        return NodeKind.EFFECT, _EFFECT_WORDS[spec.effect]
    return NodeKind.CHECK, "control" if spec.control else "check"


def outcomes_of(step: Step, spec: HandlerSpec | None) -> tuple[str, ...]:
    """The outcomes that the step can have, besides failure and a no; empty where nobody knows."""
    if step.handler is not None:
        return handler_outcomes(spec)
    person = step.review or step.manual
    if person is not None:
        plain = "approved" if step.review else "done"
        chosen = tuple(key for key in step.branch or () if key != LATE) or (plain,)
        return (*chosen, LATE) if person.on_late == "go_on" else chosen
    if step.wait is not None:
        if step.wait.event is None:
            return ("elapsed",)
        return ("received", LATE) if step.wait.on_late == "go_on" else ("received",)
    return ("done",)


def handler_outcomes(spec: HandlerSpec | None) -> tuple[str, ...]:
    """The outcomes of a handler of the catalogue."""
    if spec is None:
        return ()
    if spec.human is not None and spec.human.on_late == "go_on":
        return (*spec.outcomes, LATE)
    return spec.outcomes


def facts_of(step: Step, spec: HandlerSpec | None) -> tuple[str, ...]:
    """What the picture says below the step's name, one line each."""
    return tuple(line for line in _facts(step, spec) if line)


def about(sop: Sop) -> str:
    """One line on the whole SOP."""
    trigger = sop.trigger
    serves = f"serves {trigger.category}{f' / {trigger.action}' if trigger.action else ''}" if trigger else ""
    parts = (
        serves or "called by other SOPs",
        f"SLA {format_duration(sop.sla)}" if sop.sla else "",
        f"version {sop.version}" if sop.version else "",
    )
    return " · ".join(part for part in parts if part)


def _facts(step: Step, spec: HandlerSpec | None) -> Iterator[str]:
    if step.handler is not None:
        yield step.handler
        yield _joined(
            _for("", step.timeout),
            f"retry {step.retry}" if step.retry else "",
            "optional" if step.optional else "",
        )
        if spec is not None and spec.human is not None:
            human = spec.human
            yield from _asked(human.group, human.quorum, human.deadline, human.on_late)
        if step.compensate is not None and step.compensate.none is not None:
            yield f"cannot be undone: {step.compensate.none}"
    elif step.review is not None:
        person = step.review
        yield from _asked(person.group, person.quorum, person.deadline, person.on_late)
    elif step.manual is not None:
        yield from _asked(step.manual.group, 1, step.manual.deadline, step.manual.on_late)
    elif step.wait is not None:
        wait = step.wait
        lasts = _for("for ", wait.duration) or (f"until {wait.until}" if wait.until else f"for {wait.event}")
        yield _joined(lasts, "control" if wait.control else "")
        late = f"late: {wait.on_late.replace('_', ' ')}" if wait.on_late else ""
        yield _joined(_for("at most ", wait.deadline), late)
    elif step.call is not None:
        yield step.call
    elif step.foreach is not None:
        at_once = f"{step.foreach.limit} at once" if step.foreach.limit > 1 else "one after the other"
        yield f"{step.foreach.item} in {step.foreach.items}"
        yield at_once
    elif step.repeat is not None:
        yield f"until {step.repeat.until}"
        yield _joined(f"at most {step.repeat.limit} rounds", _for("every ", step.repeat.every))
    elif step.parallel is not None:
        yield f"{len(step.parallel)} sequences at the same time"


def _asked(group: str, quorum: int, deadline: timedelta | None, on_late: str) -> Iterator[str]:
    late = {"reject": "silence is a no", "escalate": "then on call", "go_on": "then goes on"}
    yield _joined(group or "the ticket's group", _for("", deadline))
    yield _joined(f"{quorum} must approve" if quorum > 1 else "", late.get(on_late, "") if deadline else "")


def _for(words: str, duration: timedelta | None) -> str:
    return f"{words}{format_duration(duration)}" if duration is not None else ""


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)
