"""What the night promised of SOPs that change while tickets run, judged by the tickets and the ledger."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from domain.lifecycle import TicketState
from domain.ticket import EventKind
from workers.demo.changes import Move
from workers.demo.commands import Said
from workers.demo.script import Part, Script
from workers.demo.watch import Watched, cues
from workers.sandbox_bank.ledger import LedgerRow

SERVED_WITHIN_S: Final = 5.0
"""Real seconds after which a change must serve the next ticket."""


@dataclass(frozen=True)
class Verdict:
    """One promise, and whether the night kept it."""

    kept: bool
    text: str


@dataclass(frozen=True)
class Edited:
    """What operations staff did, and what tickets ran under."""

    typed: Sequence[Said] = ()
    moments: Mapping[str, datetime] = field(default_factory=dict)
    """Bank time at which each scene's change was in force."""
    moves: Sequence[Move] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    """The version of its SOP that a ticket ran under in the end, by ticket id."""


def kept_promises(
    edited: Edited, script: Script, tickets: Mapping[str, Watched], ledger: Sequence[LedgerRow]
) -> list[Verdict]:
    """A verdict for each thing that the script lets happen; none for what it does not."""
    found = [
        _versions(edited, script, tickets),
        *(_moved(move, script, tickets) for move in edited.moves),
        _undone(tickets, ledger),
        _commands(edited.typed),
    ]
    return [each for each in found if each is not None]


def _versions(edited: Edited, script: Script, tickets: Mapping[str, Watched]) -> Verdict | None:
    """Each ticket ran under the version that the script names: its own, or the one that came before it."""
    expected = [part for part in script.parts if part.sop_version]
    if not expected:
        return None
    wrong = [
        f"{part.label} under {edited.versions.get(part.task_id, '')!r}, expected {part.sop_version!r}"
        for part in expected
        if edited.versions.get(part.task_id) != part.sop_version
    ]
    if wrong:
        return Verdict(False, f"tickets ran under another version: {'; '.join(wrong)}")
    delays = list(_delays(edited, script, expected, tickets))
    slowest = max(delays, default=0.0)
    text = (
        f"{len(expected)} tickets ran under the version that held when they came; "
        f"{len(delays)} changes served the next ticket after {slowest:.1f} s at most"
    )
    return Verdict(slowest <= SERVED_WITHIN_S, text)


def _delays(
    edited: Edited, script: Script, expected: Sequence[Part], tickets: Mapping[str, Watched]
) -> Iterator[float]:
    """Real seconds from each change to the moment at which the first ticket after it pinned its SOP."""
    seen: set[str] = set()
    for part in expected:
        moment, ticket = edited.moments.get(part.scene), tickets.get(part.task_id)
        pinned_at = ticket.pinned_at if ticket is not None else None
        if moment is None or pinned_at is None or part.scene in seen:
            continue
        seen.add(part.scene)
        yield (pinned_at - moment).total_seconds() / script.hours.factor


def _moved(move: Move, script: Script, tickets: Mapping[str, Watched]) -> Verdict:
    """The ticket had failed, was moved, kept its deadline, and was completed."""
    part = next(part for part in script.parts if part.name == move.name)
    ticket = tickets.get(part.task_id)
    failed = ticket is not None and ticket.happened(EventKind.STEP_FAILED)
    moved = ticket is not None and ticket.happened(EventKind.MIGRATED)
    completed = ticket is not None and ticket.summary.state is TicketState.COMPLETED
    clock = "kept its deadline" if move.before == move.after else "lost its deadline"
    text = (
        f"#{part.number:02d} {'failed' if failed else 'did not fail'} under a wrong SOP, was "
        f"{'moved' if moved else 'not moved'} to the mended one, {clock} and was "
        f"{'completed' if completed else 'not completed'}"
    )
    return Verdict(failed and moved and completed and move.before == move.after, text)


def _undone(tickets: Mapping[str, Watched], ledger: Sequence[LedgerRow]) -> Verdict | None:
    """What the bank had done for a ticket that was rejected in the end, and that its SOP undoes."""
    undone = [task_id for task_id, each in tickets.items() if each.happened(EventKind.COMPENSATED)]
    left = [task_id for task_id, each in tickets.items() if each.happened(EventKind.COMPENSATION_FAILED)]
    if not undone and not left:
        return None
    effects = {row.key.partition("/")[0]: 0 for row in ledger}
    for row in ledger:
        effects[row.key.partition("/")[0]] += row.effects
    pairs = [task_id for task_id in undone if _carried_out(tickets[task_id]) * 2 == effects.get(task_id, 0)]
    kept = not left and len(pairs) == len(undone)
    words = "was rejected after its effect, which the bank has undone"
    return Verdict(kept, f"{len(pairs)} of {len(undone) + len(left)} tickets {words}")


def _carried_out(ticket: Watched) -> int:
    return sum("executed" in cues(event) for event in ticket.events)


def _commands(typed: Sequence[Said]) -> Verdict | None:
    if not typed:
        return None
    failed = [each.command for each in typed if not each.as_expected]
    if failed:
        return Verdict(False, f"commands that did not do what they should: {'; '.join(failed)}")
    return Verdict(True, f"{len(typed)} commands of operations staff did what they should")
