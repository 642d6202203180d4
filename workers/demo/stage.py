"""The demo's installation: the embedded run in an empty folder of its own, on the accelerated clock."""

import asyncio
import contextlib
import fcntl
import os
import shlex
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar, Final

from rich.console import Console

from definitions.sources import FOLDERS
from domain.errors import InvalidInput, OpsloopError
from workers.composition import connect
from workers.demo.clock import NightClock
from workers.demo.mishaps import WORKER
from workers.demo.script import Script
from workers.embedded import AlreadyRunning, Embedded, embedded_run
from workers.health import polling_workers
from workers.settings import PROJECT, Settings

FOLDER: Final = "demo"
DEFINITIONS: Final = "definitions"
DRAFTS: Final = "drafts"
_ALLOWANCES_S: Final = (9.0, 30.0, 120.0)
"""Real seconds that start-up may take before the first ticket is due. The clock is told to all processes when
they start, so a machine that needs longer starts them anew with the next allowance."""
_OUTSIDE: Final = ("database_url", "email_url", "sms_url", "wecom_url", "webhook_url")
_ANY_PORT: Final = "127.0.0.1:0"
"""For Temporal. On the usual port the worker of another run on this machine, whose server has just died,
would find ours and carry out our orders at its own bank."""
_NAMES: Final = {
    "temporal": "Temporal",
    "core-bank": "the core bank",
    "sinks": "sinks for mail, SMS, WeCom, webhooks",
    "worker": "the worker",
    "api": "the API",
}


class TooSlow(OpsloopError):
    """The machine does not start everything in the longest time that is allowed for it."""

    code: ClassVar[str] = "too_slow"


def demo_settings(settings: Settings) -> Settings:
    """The same installation with the demo's own folder, and a copy of the shipped definitions in it.

    Raises `InvalidInput` where the demo would touch something real.
    """
    if settings.environment == "production":
        raise InvalidInput(
            "the demo plays on one machine only; unset OPSLOOP_ENVIRONMENT", field="environment"
        )
    for name in _OUTSIDE:
        if getattr(settings, name) is not None:
            raise InvalidInput(
                f"the demo talks to its own sandbox only; unset OPSLOOP_{name.upper()}", field=name
            )
    chosen = {"temporal_address": _ANY_PORT, **settings.model_dump(exclude_unset=True)}
    data_dir = settings.data_dir / FOLDER
    # A copy: staff edit definitions in the night, and the checkout's are not theirs.
    chosen |= {"data_dir": data_dir, "definitions_dir": data_dir / DEFINITIONS}
    return Settings.model_validate(chosen)


def lay_out(settings: Settings, samples: Path) -> None:
    """An empty folder with the shipped definitions, and the SOPs and drafts of the demo, to be edited.

    Raises `AlreadyRunning` when another demo runs on it.
    """
    empty_folder(settings.data_dir)
    for folder in FOLDERS:
        shutil.copytree(PROJECT / "definitions" / folder, settings.definitions_dir / folder)
    for source, target in (("sops", settings.definitions_dir / "sops"), (DRAFTS, settings.data_dir / DRAFTS)):
        if (samples / source).is_dir():
            shutil.copytree(samples / source, target, dirs_exist_ok=True)


@contextlib.asynccontextmanager
async def stage(settings: Settings, script: Script, console: Console) -> AsyncIterator[Embedded]:
    """Everything is up, a worker asks for tickets, and the first ticket is still to come.

    The folder is as `lay_out` left it. Raises `AlreadyRunning`, `ChildFailed`, `TooSlow`.
    """
    for allowance in _ALLOWANCES_S:
        in_time = False
        async with contextlib.AsyncExitStack() as stack:
            opens_at_real = datetime.now(UTC) + timedelta(seconds=allowance)
            with console.status("starting …") as status:
                saying = asyncio.create_task(_say_what_starts(settings.data_dir / "logs", status.update))
                try:
                    embedded = await stack.enter_async_context(
                        embedded_run(settings, clock_environment(script, opens_at_real))
                    )
                    await worker_polls(embedded)
                finally:
                    saying.cancel()
            in_time = NightClock(embedded.settings.clock).seconds_until(script.opens_at) > 0
            if in_time:
                console.print(f"[green]✓[/] up: {', '.join(_NAMES.values())}")
                yield embedded
        # Here the run has ended, also by Ctrl-C, which its supervisor takes for an orderly end.
        if in_time:
            return
        console.print(f"start-up took longer than {allowance:.0f} s: once more, with more time")
        empty_folder(settings.data_dir, keep=(DEFINITIONS, DRAFTS))
    raise TooSlow(f"start-up takes longer than {_ALLOWANCES_S[-1]:.0f} s on this machine")


def clock_environment(script: Script, opens_at_real: datetime) -> dict[str, str]:
    """The accelerated clock for all processes: at this real instant the script opens."""
    return {
        "OPSLOOP_CLOCK_FACTOR": str(script.hours.factor),
        "OPSLOOP_CLOCK_REAL_ORIGIN": opens_at_real.isoformat(),
        "OPSLOOP_CLOCK_BANK_ORIGIN": script.opens_at.isoformat(),
    }


def empty_folder(folder: Path, keep: Collection[str] = ()) -> None:
    """Removes what an earlier demo left, but for what is kept. Raises `AlreadyRunning`."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(f"a demo already runs on {folder}; end it first (Ctrl-C)") from None
        for left in folder.iterdir():
            if left.name == "up.lock" or left.name in keep:
                continue
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            else:
                left.unlink()


def command_line(data_dir: Path, *words: str) -> str:
    """A command that works in the folder that the demo was started from, quoted for a shell."""
    program = Path(sys.argv[0])
    if program.name == "opsloop" and program.is_file():
        runs = [from_here(program)]
    else:
        runs = [from_here(Path(sys.executable)), "-m", "workers.cli"]
    return f"OPSLOOP_DATA_DIR={shlex.quote(from_here(data_dir))} {_joined([*runs, *words])}"


def _joined(words: Iterable[str]) -> str:
    return " ".join(shlex.quote(word) for word in words)


def from_here(path: Path) -> str:
    """The path as seen from the working folder when it lies below it. Links are not followed: a virtual
    environment's Python is one."""
    absolute, here = Path(os.path.abspath(path)), Path.cwd()  # noqa: PTH100 - resolve() would follow links
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(absolute)


async def _say_what_starts(logs: Path, say: Callable[[str], None]) -> None:
    """Names what has been started, by the logs that are there."""
    while True:
        started = [name for child, name in _NAMES.items() if (logs / f"{child}.log").exists()]
        if started:
            say(f"starting {', '.join(started)} …")
        await asyncio.sleep(0.2)


async def worker_polls(embedded: Embedded) -> None:
    """Returns when the worker that runs now asks for tickets."""
    client = await connect(embedded.settings)
    ours = f"{embedded.supervisor.pid(WORKER)}@"
    while not any(each.startswith(ours) for each in await polling_workers(client, datetime.now(UTC))):
        await asyncio.sleep(0.1)
