"""The end of the night: the bank's own ledger, what it proves, and where to read on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from rich.console import Console
from rich.table import Table
from rich.text import Text

from domain.ticket import EventKind
from workers.demo.outbox import Messages
from workers.demo.promises import Edited, Verdict, kept_promises
from workers.demo.screen import printable
from workers.demo.script import Part, Script
from workers.demo.watch import Counts, Waiting, Watched, cues
from workers.embedded import Embedded
from workers.sandbox_bank.faults import FaultKind
from workers.sandbox_bank.ledger import LedgerRow

_REPEATED: Final = frozenset({FaultKind.ERROR_500, FaultKind.RESET, FaultKind.DOWN})
"""Faults after which an order has to be sent again, so that the bank counts more attempts than effects."""


@dataclass(frozen=True)
class Evidence:
    """All that the verdicts are drawn from."""

    script: Script
    acknowledged: Mapping[str, Part]
    tickets: Mapping[str, Watched]
    ledger: Sequence[LedgerRow]
    messages: Messages
    kills: int
    restarts: int
    """After a kill, not those on purpose."""
    edited: Edited = field(default_factory=Edited)


def verdicts(evidence: Evidence) -> list[Verdict]:
    """What the night promised, judged by the bank's ledger and the tickets."""
    found = [_accounted(evidence), _at_most_once(evidence.ledger), _agreed(evidence)]
    faults = {fault.kind for each in evidence.script.hours.faults for fault in each.bank}
    if faults & _REPEATED:
        attempts, effects = _sums(evidence.ledger)
        found.append(
            Verdict(
                attempts > effects,
                f"the bank failed and was tried again: {attempts} attempts, {effects} effects",
            )
        )
    if evidence.script.hours.kill:
        text = f"the worker was killed {evidence.kills} × and started again {evidence.restarts} ×"
        found.append(Verdict(evidence.restarts >= evidence.kills >= 1, text))
    return found + kept_promises(evidence.edited, evidence.script, evidence.tickets, evidence.ledger)


def settled_by_asking(tickets: Iterable[Watched]) -> int:
    """Orders whose outcome was unknown until the bank was asked."""
    return sum(
        "confirmed_by_inquiry" in cues(event)
        for ticket in tickets
        for event in ticket.events
        if event.kind is EventKind.STEP_DONE
    )


def _accounted(evidence: Evidence) -> Verdict:
    ended = waits = 0
    lost: list[str] = []
    for task_id, part in evidence.acknowledged.items():
        ticket = evidence.tickets.get(task_id)
        if ticket is not None and ticket.ended:
            ended += 1
        elif ticket is not None and ticket.waits and ticket.summary.waiting_for:
            waits += 1
        else:
            lost.append(f"#{part.number:02d}")
    missing = len(evidence.script.parts) - len(evidence.acknowledged)
    strange = len(set(evidence.tickets) - set(evidence.acknowledged))
    text = f"{len(evidence.acknowledged)} tickets acknowledged: {ended} ended, {waits} wait for a person"
    for what in (
        f"unaccounted for: {', '.join(lost)}" if lost else "",
        f"{missing} never acknowledged" if missing else "",
        f"{strange} that nobody handed in" if strange else "",
    ):
        text += f"; {what}" if what else ""
    return Verdict(not (lost or missing or strange), text)


def _at_most_once(ledger: Sequence[LedgerRow]) -> Verdict:
    twice = [row.key for row in ledger if row.effects > 1]
    if twice:
        return Verdict(False, f"orders with more than one effect: {', '.join(twice)}")
    return Verdict(True, f"no order took effect twice: {len(ledger)} orders, {_sums(ledger)[1]} effects")


def _agreed(evidence: Evidence) -> Verdict:
    """Every order that opsloop reports as done has its effect, and no effect is without its ticket."""
    ours = {
        task_id
        for task_id, ticket in evidence.tickets.items()
        for event in ticket.events
        if "executed" in cues(event) and event.data.get("outcome") == "done"
    }
    theirs = {row.key.partition("/")[0] for row in evidence.ledger if row.effects}
    if ours == theirs:
        return Verdict(True, f"tickets and ledger agree on all {len(theirs)} orders that were carried out")
    here, there = (", ".join(sorted(each)) or "none" for each in (ours - theirs, theirs - ours))
    return Verdict(False, f"tickets and ledger disagree: only here {here}; only at the bank {there}")


def _sums(ledger: Sequence[LedgerRow]) -> tuple[int, int]:
    return sum(row.attempts for row in ledger), sum(row.effects for row in ledger)


def report(console: Console, evidence: Evidence, waiting: Sequence[Waiting]) -> bool:
    """Prints the ending. True when every promise was kept."""
    console.print()
    console.print(_counts_table(evidence))
    if waiting:
        console.print(_waiting_table(waiting))
    console.print(_ledger_table(evidence))
    judged = verdicts(evidence)
    for verdict in judged:
        mark = ("✓ ", "bold green") if verdict.kept else ("✗ ", "bold red")
        console.print(Text.assemble(mark, verdict.text))
    return all(verdict.kept for verdict in judged)


def links(embedded: Embedded) -> list[tuple[str, str]]:
    """Where to read on, by name."""
    endpoints, namespace = embedded.endpoints, embedded.settings.temporal_namespace
    workflows = f"{endpoints.temporal_ui_url}/namespaces/{namespace}/workflows?query="
    every, waits = 'WorkflowType="TicketWorkflow"', 'ExecutionStatus="Running" AND OpsWaitingFor!="nobody"'
    return [
        ("all tickets", workflows + quote(every, safe="")),
        ("those that wait", workflows + quote(waits, safe="")),
        ("API", f"{endpoints.api_url}/docs"),
        ("bank's ledger", f"{endpoints.core_bank_url}/ledger"),
        ("messages sent", f"{endpoints.outbox_url}/messages"),
    ]


def print_links(console: Console, embedded: Embedded) -> None:
    """Prints the links, each whole on its line so that it can be clicked and copied."""
    console.print()
    for name, url in links(embedded):
        console.print(Text.assemble((f"{name:<16}", "bold"), url), soft_wrap=True)


def _ledger_table(evidence: Evidence) -> Table:
    """Orders by kind, and one by one those that the night made difficult."""
    table = Table(title="The bank's own ledger", title_justify="left", title_style="bold", expand=False)
    table.add_column("order")
    for column in ("orders", "attempts", "effects", "most for one"):
        table.add_column(column, justify="right")
    kinds = sorted({str(row.kind) for row in evidence.ledger})
    for kind in kinds:
        rows = [row for row in evidence.ledger if str(row.kind) == kind]
        _add(table, kind, rows)
    table.add_section()
    _add(table, "all", evidence.ledger)
    difficult = _difficult(evidence)
    if difficult:
        table.add_section()
    for name, rows in difficult.items():
        _add(table, name, rows)
    return table


def _difficult(evidence: Evidence) -> dict[str, list[LedgerRow]]:
    """Orders that were sent more than once, or whose outcome was unknown, those that are alike together."""
    alike: dict[tuple[str, int, int, bool], list[LedgerRow]] = {}
    for row in evidence.ledger:
        asked = _was_asked_about(row, evidence)
        if asked or row.attempts != row.effects:
            alike.setdefault((str(row.kind), row.attempts, row.effects, asked), []).append(row)
    return {
        f"{_places(rows, evidence)} {kind}{', settled by asking' if asked else ''}": rows
        for (kind, _, _, asked), rows in alike.items()
    }


def _places(rows: Sequence[LedgerRow], evidence: Evidence) -> str:
    """The tickets' numbers: `#20`, or `#27 … #34 (8)`."""
    parts = [evidence.acknowledged.get(row.key.partition("/")[0]) for row in rows]
    numbers = sorted(
        f"#{part.number:02d}" if part else row.key for part, row in zip(parts, rows, strict=True)
    )
    return numbers[0] if len(numbers) == 1 else f"{numbers[0]} … {numbers[-1]} ({len(numbers)})"


def _add(table: Table, name: str, rows: Sequence[LedgerRow]) -> None:
    attempts, effects = _sums(rows)
    most = max((row.effects for row in rows), default=0)
    table.add_row(Text(printable(name)), str(len(rows)), str(attempts), str(effects), str(most))


def _was_asked_about(row: LedgerRow, evidence: Evidence) -> bool:
    ticket = evidence.tickets.get(row.key.partition("/")[0])
    return ticket is not None and settled_by_asking([ticket]) > 0


def _counts_table(evidence: Evidence) -> Table:
    counts = Counts.of(evidence.tickets.values())
    table = Table(title="The night", title_justify="left", title_style="bold", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, number in (
        ("tickets handed in", counts.handed_in),
        ("closed by themselves", counts.by_itself),
        ("closed with people", counts.with_people),
        ("rejected", counts.rejected),
        *([("cancelled", counts.cancelled)] if counts.cancelled else []),
        ("waiting for a person", counts.waiting),
        ("drawn for the spot check", counts.spot_checks),
        ("SMS to people on call", evidence.messages.pages),
        ("other alerts to staff", evidence.messages.alerts),
        ("messages to customers", evidence.messages.customers),
        ("outcomes settled by asking", settled_by_asking(evidence.tickets.values())),
    ):
        table.add_row(name, str(number))
    return table


def _waiting_table(waiting: Sequence[Waiting]) -> Table:
    table = Table(title="What waits", title_justify="left", title_style="bold")
    table.add_column("for")
    table.add_column("ticket", overflow="fold")
    for each in waiting:
        table.add_row("you" if each.visitor else each.person, Text(printable(each.label)))
    return table
