"""How two versions of a definition differ: line by line, and for an SOP in its own terms."""

import difflib
from collections.abc import Iterator
from typing import Any, Final

from definitions.schema import Sop, Step, all_steps

_SHOWN: Final = 60


def unified_diff(path: str, old: str | None, new: str | None, *, names: tuple[str, str]) -> str:
    """The change of a file as unified text; None stands for a file that is not there.

    `names` say what the two are, such as `version 3` and `folder`.
    """
    lines = difflib.unified_diff(
        (old or "").splitlines(),
        (new or "").splitlines(),
        f"{path} ({names[0]})",
        f"{path} ({names[1]})",
        lineterm="",
    )
    return "\n".join(lines)


def sop_changes(old: Sop | None, new: Sop | None) -> list[str]:
    """What became of an SOP, one short line each: its steps, SLA, escalation and the rest of its head.

    None stands for an SOP that is not there or cannot be read.
    """
    if old is None or new is None:
        return []
    return [*_head(old, new), *_steps(old, new)]


def _head(old: Sop, new: Sop) -> Iterator[str]:
    before, after = _dump(old), _dump(new)
    for name in Sop.model_fields:
        if name != "steps" and before.get(name) != after.get(name):
            yield f"{name}: {_short(before.get(name))} → {_short(after.get(name))}"


def _steps(old: Sop, new: Sop) -> Iterator[str]:
    before = {step.id: step for _, step in all_steps(old.steps)}
    after = {step.id: step for _, step in all_steps(new.steps)}
    yield from (f"step added: {name}" for name in after if name not in before)
    yield from (f"step removed: {name}" for name in before if name not in after)
    for name in (each for each in after if each in before):
        fields = _changed_fields(before[name], after[name])
        if fields:
            yield f"step changed: {name} ({', '.join(fields)})"
    kept_before = [name for name in before if name in after]
    if kept_before != [name for name in after if name in before]:
        yield "steps are in another order"


def _changed_fields(old: Step, new: Step) -> list[str]:
    before, after = _own_fields(old), _own_fields(new)
    names = dict.fromkeys([*before, *after])
    return [name for name in names if before.get(name) != after.get(name)]


def _own_fields(step: Step) -> dict[str, Any]:
    """The step as its author wrote it, without the steps inside it: those are compared for themselves."""
    written = _dump(step)
    for kind in ("foreach", "repeat"):
        if kind in written:
            written[kind] = {name: value for name, value in written[kind].items() if name != "steps"}
    if "parallel" in written:
        written["parallel"] = list(written["parallel"])
    return written


def _dump(value: Sop | Step) -> dict[str, Any]:
    return value.model_dump(mode="json", by_alias=True)


def _short(value: Any) -> str:
    if value in (None, "", {}, []):
        return "none"
    text = (
        ", ".join(f"{key} {each}" for key, each in value.items()) if isinstance(value, dict) else str(value)
    )
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
