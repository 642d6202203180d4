"""`opsloop up --demo`: one bank night, on a screen, with a verdict at the end."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from rich.console import Console

from activities.adapters.store import open_store
from activities.ports import TicketReader
from domain.duty import mode_at, next_change
from workers.activity_set import handler_specs
from workers.demo import ending
from workers.demo.api import Api
from workers.demo.changes import Changes, environment_of, names_of, play_pages
from workers.demo.chronicle import Chronicle
from workers.demo.clock import NightClock
from workers.demo.commands import Terminal
from workers.demo.mishaps import WORKER, CoreBankSwitches, Mishaps
from workers.demo.outbox import Messages, Outbox
from workers.demo.pictures import Pictures
from workers.demo.promises import Edited
from workers.demo.screen import PlainScreen, Scene, Screen, screen_for
from workers.demo.script import FOLDER, Script, latest_night, read_script
from workers.demo.staff import Intake, Staff
from workers.demo.stage import command_line, demo_settings, lay_out, stage
from workers.demo.watch import Counts, Watch, waiting
from workers.demo.watchkeeper import Watchkeeper
from workers.embedded import Embedded
from workers.rulebook import RulebookFiles
from workers.settings import Settings

EXIT_VARIABLE: Final = "DEMO_EXIT"
"""Set to 1: the demo decides the visitor's review itself, prints its verdict and ends."""
BROKEN: Final = 1
INTERRUPTED: Final = 130
_FRAME_S: Final = 0.125
_GLANCE_S: Final = 0.2
_LAST_ONES_S: Final = 90.0
_DUTY_NEWS: Final = {
    "nighttime": "Night duty: low and medium risk run by themselves, high pages on-call",
    "daytime": "Day duty: low risk runs by itself, everything above asks a person first",
}


def play(settings: Settings, folder: Path = FOLDER) -> int:
    """Plays the night of the script in this folder; returns the exit code.

    0 when every promise was kept, 1 when one was broken, 130 when it was interrupted before its end. Raises
    `AlreadyRunning`, `InvalidInput` and `DefinitionError` before anything is started, and what
    `workers.demo.stage` raises.
    """
    chosen = demo_settings(settings)
    lay_out(chosen, folder)
    rulebook = RulebookFiles(chosen.definitions_dir, handler_specs())
    zone = ZoneInfo(rulebook.current().duty.timezone)
    night = latest_night(datetime.now(zone).date(), rulebook.is_working_day, zone)
    script = read_script(night, folder)
    console = Console(highlight=False)
    code = [INTERRUPTED]
    try:
        asyncio.run(_play(chosen, script, rulebook, console, code))
    except ExceptionGroup as failures:
        raise _first(failures) from failures
    return code[0]


def _first(failure: Exception) -> Exception:
    """The failure that the others followed from."""
    while isinstance(failure, ExceptionGroup):
        failure = failure.exceptions[0]
    return failure


async def _play(
    settings: Settings, script: Script, rulebook: RulebookFiles, console: Console, code: list[int]
) -> None:
    """Plays, and leaves the exit code in `code` as soon as it is known: Ctrl-C ends this at any time."""
    console.print(
        f"one bank night: {script.night.evening:%a %d %b %Y}, {script.hours.begins} to {script.hours.ends}, "
        f"{len(script.parts)} tickets, {script.hours.factor:g} × real time"
    )
    data_dir = settings.data_dir
    terminal = Terminal(environment_of(data_dir, script.night.zone), names_of(settings, script), data_dir)
    await play_pages(script.changes.evening, terminal, data_dir, console)
    async with (
        stage(settings, script, console) as embedded,
        _performance(embedded, script, rulebook, terminal) as show,
    ):
        exits = os.environ.get(EXIT_VARIABLE) == "1"
        with screen_for(console, script.night.zone) as screen:
            await show.night(screen)
        if exits:
            await show.decide_for_the_visitor()
        await play_pages(script.changes.morning, terminal, data_dir, console)
        kept = await show.finish(console)
        code[0] = 0 if kept else BROKEN
        if not exits:
            await show.stay_up(console)


@dataclass
class Performance:
    """One night while it is played."""

    embedded: Embedded
    script: Script
    rulebook: RulebookFiles
    clock: NightClock
    chronicle: Chronicle
    watch: Watch
    outbox: Outbox
    intake: Intake
    staff: Staff
    watchkeeper: Watchkeeper
    mishaps: Mishaps
    changes: Changes
    pictures: Pictures
    reader: TicketReader

    async def night(self, screen: Screen) -> None:
        """From the first ticket to the last minute, and until nothing is under way any more."""
        self.chronicle.listen(screen.tell)
        async with asyncio.TaskGroup() as tasks:
            behind = [
                tasks.create_task(each)
                for each in (
                    self.watch.run(),
                    self.outbox.run(),
                    self.staff.run(),
                    self.watchkeeper.run(),
                    self._tell_duty(),
                    self._draw(screen),
                )
            ]
            await asyncio.gather(
                self.intake.run(self.script, self.changes),
                self.mishaps.run(self.script),
                self.changes.run(self.script),
            )
            await self.clock.until(self.script.ends_at)
            await self._last_ones()
            for task in behind:
                task.cancel()
        await self.watch.look()

    async def decide_for_the_visitor(self) -> None:
        """Answers the visitor's review as the script says, and waits for what follows from it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_ONES_S):
                while not all(
                    self.watch.has_ended(part.task_id) for part in self.script.parts if part.visitor
                ):
                    await self.staff.decide_for_the_visitor()
                    await asyncio.sleep(_GLANCE_S)
                    await self.watch.look()

    async def finish(self, console: Console) -> bool:
        """Prints the ending. True when every promise was kept."""
        await self.watch.look()
        evidence = ending.Evidence(
            script=self.script,
            acknowledged=self.intake.acknowledged,
            tickets=self.watch.tickets,
            ledger=await self.mishaps.bank.ledger(),
            messages=Messages.of(await self.outbox.messages(), self.rulebook.current().directory),
            kills=self.mishaps.kills,
            restarts=self.embedded.supervisor.restarts(WORKER) - self.changes.planned_restarts,
            edited=Edited(
                typed=self.changes.terminal.typed,
                moments=self.changes.moments,
                moves=self.changes.moves,
                versions=self._versions(),
            ),
        )
        kept = ending.report(console, evidence, waiting(self.watch))
        self.pictures.ending(evidence, waiting(self.watch))
        return kept

    def _versions(self) -> dict[str, str]:
        """The version that each ticket ran under, of those that the script looks at."""
        looked_at = [part.task_id for part in self.script.parts if part.sop_version]
        views = {task_id: self.reader.view(task_id) for task_id in looked_at}
        return {task_id: view.sop_version for task_id, view in views.items() if view is not None}

    async def stay_up(self, console: Console) -> None:
        """Shows links and the visitor's command, then what still happens, until Ctrl-C."""
        ending.print_links(console, self.embedded)
        command = self._command()
        if command:
            console.print("\nOne review waits for you. In another terminal, in this folder:\n")
            console.print("\n".join(command), style="bold green", markup=False, soft_wrap=True)
        console.print("\nEverything stays up, and the clock runs on. Ctrl-C ends it.\n")
        plain = PlainScreen(console, self.script.night.zone)
        self.chronicle.listen(plain.tell)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.watch.run())
            tasks.create_task(self.outbox.run())
            await self.embedded.supervisor.forever()
            raise asyncio.CancelledError

    async def _draw(self, screen: Screen) -> None:
        while True:
            scene = self._scene()
            screen.show(scene)
            self.pictures.night(scene)
            await asyncio.sleep(_FRAME_S)

    def _scene(self) -> Scene:
        now = self.clock.now()
        return Scene(
            now=now,
            begins_at=self.script.begins_at,
            ends_at=self.script.ends_at,
            duty=self._duty(now).replace("time", " duty"),
            counts=Counts.of(self.watch.tickets.values()),
            waiting=waiting(self.watch),
            lines=self.chronicle.lines,
            command=self._command(),
        )

    def _command(self) -> list[str]:
        """What the visitor types to approve, over two lines so that it fits a narrow terminal."""
        for task_id, ticket in self.watch.tickets.items():
            part = self.watch.parts.get(task_id)
            if part is None or not part.visitor or not ticket.open_reviews or not part.answers:
                continue
            review_id = ticket.open_reviews[-1]
            start = command_line(self.embedded.settings.data_dir, "review", "approve")
            return [f"{start} \\", f'  {review_id} --as {part.answers[0].by} --reason "papers agree"']
        return []

    def _duty(self, at: datetime) -> str:
        return mode_at(self.rulebook.current().duty, at, self.rulebook.is_working_day)

    async def _tell_duty(self) -> None:
        """Says at each change of the duty mode what holds from then on."""
        at = self.clock.now()
        while True:
            at = next_change(self.rulebook.current().duty, at, self.rulebook.is_working_day)
            await self.clock.until(at)
            mode = self._duty(at)
            self.chronicle.headline(at.astimezone(UTC), _DUTY_NEWS.get(mode, f"Duty mode {mode} begins"))

    async def _last_ones(self) -> None:
        """Waits, in real time, until every acknowledged ticket has ended or waits for a person."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_ONES_S):
                while not all(self._rests(task_id) for task_id in self.intake.acknowledged):
                    await asyncio.sleep(_GLANCE_S)
                    await self.watch.look()

    def _rests(self, task_id: str) -> bool:
        ticket = self.watch.tickets.get(task_id)
        return ticket is not None and (ticket.ended or ticket.waits)


@contextlib.asynccontextmanager
async def _performance(
    embedded: Embedded, script: Script, rulebook: RulebookFiles, terminal: Terminal
) -> AsyncIterator[Performance]:
    settings, directory = embedded.settings, rulebook.current().directory
    clock, chronicle = NightClock(settings.clock), Chronicle()
    store = open_store(settings.store_url, clock=settings.clock)
    watch = Watch(store.reader, script.parts, directory, chronicle)
    outbox = Outbox(embedded.endpoints.outbox_url, clock, watch.parts, directory, chronicle)
    bank = CoreBankSwitches(embedded.endpoints.core_bank_url)
    try:
        async with Api(settings, directory) as api:
            yield Performance(
                embedded=embedded,
                script=script,
                rulebook=rulebook,
                clock=clock,
                chronicle=chronicle,
                watch=watch,
                outbox=outbox,
                intake=Intake(api, clock, chronicle),
                staff=Staff(api, clock, chronicle, script, directory),
                watchkeeper=Watchkeeper(api, clock, chronicle),
                mishaps=Mishaps(bank, embedded.supervisor, clock, chronicle),
                changes=Changes(terminal, embedded, api, clock, chronicle, script.night.zone, watch),
                pictures=Pictures.from_environment(script),
                reader=store.reader,
            )
    finally:
        await bank.close()
        await outbox.close()
        store.close()
