"""Runs of an SOP over the scripted runtime, whole or in pieces, and the laws that hold for every run."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from definitions.book import PinnedSop, pin
from definitions.migration import step_at
from definitions.schema import Sop, all_steps
from domain.handlers import HandlerSpec
from domain.ticket import EventKind
from tests.support.random_expressions import FIELDS
from tests.support.scripted_handlers import CATALOGUE
from tests.support.scripted_runtime import UNDOING, Carried, Record, ScriptedRuntime
from tests.support.scripts import Script
from tests.support.virtual_loop import VirtualLoop
from workflows.interpreter import Interpreter, Journal, TicketEnded


@dataclass
class Run:
    """A ticket that has come to its end."""

    state: str
    record: Record
    journal: Journal
    rests: int
    """At how many moments nothing was under way."""
    undone: tuple[str, ...] = ()
    stuck: tuple[str, ...] = ()


def pinned(sops: Sequence[Sop], catalogue: Mapping[str, HandlerSpec] = CATALOGUE) -> PinnedSop:
    """The first SOP as a ticket pins it; the others can be called."""
    return pin(sops[0], catalogue, sops)


def play(sop: PinnedSop, script: Script, *, cuts: Sequence[int] = (), drained: bool = False) -> Run:
    """Runs to the end, handed on to a new interpreter at each of these moments of rest, as JSON.

    `drained`: before it is handed on nothing new begins and what is under way is waited for, as
    continue-as-new does; without it the run is cut where it stands.

    Raises `StuckError` for a run that does not end, and what the interpreter raises beside `TicketEnded`.
    """
    record, journal, carried = Record(), Journal(), Carried()
    rests = 0
    open_cuts = list(cuts)
    while True:
        loop = VirtualLoop()
        runtime = ScriptedRuntime(script, FIELDS, loop, record, carried)
        interpreter = Interpreter(sop, runtime, journal)

        async def live(interpreter: Interpreter = interpreter, runtime: ScriptedRuntime = runtime) -> Run:
            try:
                await interpreter.run()
                return Run("completed", record, interpreter.journal, rests)
            except TicketEnded as end:
                runtime.abandon(end)
                undone = await interpreter.undo()
                return Run(
                    end.state.value,
                    record,
                    interpreter.journal,
                    rests,
                    tuple(undone.keys),
                    tuple(undone.stuck),
                )

        def at_cut(runtime: ScriptedRuntime = runtime) -> bool:
            nonlocal rests
            if runtime.ended is not None:
                return False
            if drained and open_cuts and open_cuts[0] <= rests:
                runtime.moving = True
            if runtime.busy:
                rests += drained
                return False
            rests += 1
            return bool(open_cuts) and open_cuts[0] < rests and (not drained or runtime.moving)

        ended = loop.play(live(), at_cut)
        if ended is not None:
            return ended
        open_cuts.pop(0)
        carried = runtime.carried
        carried.at = loop.time()
        journal = Journal.model_validate_json(interpreter.journal.model_dump_json())


def broken_laws(sop: PinnedSop, run: Run) -> Iterator[str]:
    """What holds for every run of every SOP, and does not for this one."""
    yield from run.record.wrong
    twice = [key for key, count in Counter(run.record.asked).items() if key.startswith("?") and count > 1]
    yield from (f"{key} was asked twice" for key in twice)
    yield from _unaccounted(sop, run)
    yield from _undone_badly(sop, run)


def _unaccounted(sop: PinnedSop, run: Run) -> Iterator[str]:
    """Every step that began has ended, or failed, or the ticket ended around it."""
    journal = run.journal
    if run.state != "completed":
        return
    finishes = any(
        "finish" in targets
        for each in (sop.sop, *sop.called.values())
        for _, step in all_steps(each.steps)
        for routes in (step.branch or {}, step.on_error or {}, {"": step.on_reject or ()})
        for targets in routes.values()
    )
    blocks = {
        step.id
        for each in (sop.sop, *sop.called.values())
        for _, step in all_steps(each.steps)
        if step.handler is None and not (step.review or step.manual or step.wait)
    }
    for key in journal.started:
        around = key.rsplit(".", 1)[-1] in blocks and finishes
        if key not in journal.finished and key not in journal.failures and not around:
            yield f"{key} began and came to nothing"
    noted = Counter(note.key for note in run.record.notes if note.kind is EventKind.STEP_DONE)
    for key, times in noted.items():
        if times > 1:
            yield f"{key} is recorded as done {times} times"


def _undone_badly(sop: PinnedSop, run: Run) -> Iterator[str]:
    calls = run.record.calls
    undoing = [call.key.removesuffix(UNDOING) for call in calls if call.key.endswith(UNDOING)]
    if run.state == "completed" and undoing:
        yield f"a completed ticket undid {undoing}"
    order = list(run.journal.finished)
    if undoing != sorted(undoing, key=order.index, reverse=True):
        yield f"{undoing} were not undone in reverse order of {order}"
    end = run.record.ended_at
    for call in calls:
        if call.key.endswith(UNDOING) and (end is None or call.at < end):
            yield f"{call.key} ran before the end"
    if run.state != "completed" and set(run.undone) | set(run.stuck) != set(undoing):
        yield f"said to be undone: {run.undone}, {run.stuck}; were: {undoing}"
    if run.state != "completed":
        done = {call.key: call for call in calls}
        for key, call in done.items():
            answer = run.record.answered.get((call.key, call.occurrence))
            found = step_at(sop, key)
            step = found[1] if found else None
            if step is None or step.compensate is None or step.compensate.handler is None:
                continue
            took_place = (
                not isinstance(answer, str)
                and answer
                and answer.outcome == sop.handlers[call.handler].outcomes[0]
            )
            if took_place and step.handler == call.handler and key not in undoing:
                yield f"{key} took place and was not undone"
