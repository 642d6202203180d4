"""Tickets that were started under earlier code live on under today's: every recorded history replays.

docs/decisions/0004-replay-corpus.md tells what to do when one does not.
"""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from temporalio.workflow import NondeterminismError

from definitions.book import Rulebook
from domain.lifecycle import TicketState
from domain.ticket import EventKind
from tests.replay.corpus import Recording, recordings, replay
from tests.replay.record import rulebook
from tests.replay.scenarios import SCENARIOS

CORPUS = recordings()
KINDS_SEEN = {line.split()[1] for each in CORPUS for line in each.outcome.timeline}

WHAT_TO_DO = """
A ticket that runs in a bank right now would break, or end otherwise, when this code takes it over.
- Not meant? Then undo what changed the order of activities, timers or messages, or a text of the timeline.
- Meant? Keep the old way for old tickets:  if workflow.patched("what-changed"): new way  else: old way
  and record the new way beside it:  python -m tests.replay.record SCENARIO  (under a new name or release).
- Never record again to make this pass: the recording is right, it happened.
docs/decisions/0004-replay-corpus.md says more."""


@pytest.mark.parametrize("recording", CORPUS, ids=lambda each: each.name)
async def test_a_recorded_ticket_comes_to_the_same_end_today(recording: Recording) -> None:
    try:
        today = await replay(recording.document(), recording.name)
    except NondeterminismError as error:
        pytest.fail(f"{recording.name} acts differently today: {error}\n{WHAT_TO_DO}", pytrace=False)
    then = recording.outcome
    if (today.result, today.timeline) != (then.result, then.timeline):
        changed = [f"- {line}" for line in then.timeline if line not in today.timeline]
        changed += [f"+ {line}" for line in today.timeline if line not in then.timeline]
        lines = "\n".join([f"- {then.result}", f"+ {today.result}", *changed])
        pytest.fail(f"{recording.name} comes to another end today:\n{lines}\n{WHAT_TO_DO}", pytrace=False)


def sops_of(book: Rulebook) -> set[str]:
    """Those that tickets open with; the others run inside them."""
    return {sop.name for sop in book.sops if sop.trigger is not None}


@pytest.mark.parametrize("definitions", ["definitions", "definitions/seed"])
def test_every_sop_that_ships_is_recorded(definitions: str) -> None:
    recorded = {each.outcome.result.sop for each in CORPUS if each.outcome.definitions == definitions}
    assert sops_of(rulebook(definitions).current()) <= recorded, (
        "write a scenario in tests/replay/scenarios.py for each SOP that is missing, "
        "then: python -m tests.replay.record"
    )


def test_every_scenario_is_recorded() -> None:
    assert set(SCENARIOS) <= {each.path.stem for each in CORPUS}, "run: python -m tests.replay.record"


def test_the_corpus_shows_every_end_and_every_kind_of_event() -> None:
    assert {each.outcome.result.state for each in CORPUS} == {
        TicketState.COMPLETED,
        TicketState.REJECTED,
        TicketState.CANCELLED,
    }
    # A run that moves to another version ends with that event; recorded is the run that goes on.
    assert {kind.value for kind in EventKind} - {"migrated"} == KINDS_SEEN


def recorded(name: str) -> dict[str, Any]:
    return next(each for each in CORPUS if each.path.stem == name).document()


def edited(document: dict[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """The history with every payload's text changed."""

    def edit(node: Any) -> Any:
        if isinstance(node, list):
            return [edit(each) for each in node]
        if not isinstance(node, dict):
            return node
        if set(node) == {"metadata", "data"}:
            text = base64.b64decode(node["data"]).decode()
            return {**node, "data": base64.b64encode(change(text).encode()).decode()}
        return {key: edit(value) for key, value in node.items()}

    changed: dict[str, Any] = edit(document)
    assert changed != document
    return changed


async def test_another_activity_in_a_history_is_noticed() -> None:
    text = json.dumps(recorded("freeze-low"))
    assert '"core_system_freeze"' in text
    with pytest.raises(NondeterminismError, match="core_system_freeze"):
        await replay(json.loads(text.replace('"core_system_freeze"', '"core_system_thaw"')))


async def test_another_local_activity_in_a_history_is_noticed() -> None:
    document = edited(recorded("freeze-low"), lambda text: text.replace('"open_ticket"', '"close_ticket"'))
    with pytest.raises(NondeterminismError, match="open_ticket"):
        await replay(document)


async def test_another_end_is_noticed_though_every_command_is_the_same() -> None:
    name = "freeze-high-rejected-by-night"
    document = edited(recorded(name), lambda text: text.replace('"zhou.qiang"', '"somebody.else"'))
    today = await replay(document)
    then = next(each for each in CORPUS if each.path.stem == name).outcome
    assert today.result != then.result
    assert today.timeline != then.timeline


def test_the_corpus_tells_nothing_of_the_machine_that_recorded_it() -> None:
    def texts(node: Any) -> list[str]:
        if isinstance(node, list):
            return [text for each in node for text in texts(each)]
        if not isinstance(node, dict):
            return [str(node)]
        if set(node) == {"metadata", "data"}:
            return [base64.b64decode(node["data"]).decode()]
        return [text for each in node.values() for text in texts(each)]

    for recording in CORPUS:
        for text in texts(recording.document()):
            assert "site-packages" not in text, f"{recording.name}: {text[:200]}"
            assert ".py" not in text, f"{recording.name}: {text[:200]}"
