"""Records the replay corpus: `python -m tests.replay.record [SCENARIO …]`.

Plays scenarios on a real dev server with the real workflow code and keeps their histories under the
release of pyproject.toml. It adds; a recording that is there stays as it is, because a ticket that was
started under it may still run. See docs/decisions/0004-replay-corpus.md before deleting one.
"""

import argparse
import asyncio
import os
import tempfile
import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path

from temporalio.testing import WorkflowEnvironment

from activities.adapters.expiries import WorkflowExpiries
from activities.ports import RulebookSource
from definitions.book import Rulebook
from domain.dispatch.answer import DispatchAnswer
from domain.task import OpsTask
from tests.replay.corpus import HISTORIES, Outcome, keep, lines_of
from tests.replay.language import LANGUAGE, language_rulebook
from tests.replay.scenario import Scenario
from tests.replay.scenarios import SCENARIOS
from tests.replay.stage import Stage
from tests.support.ticket_world import World, ticket_world
from tests.support.virtual_time import virtual_time
from workers.activity_set import handler_specs
from workers.rulebook import RulebookFiles
from workers.settings import PROJECT


class MixedRulebook:
    """The definitions in use with the article's SOPs in place of ours."""

    def __init__(self, ours: RulebookFiles, seed: RulebookFiles) -> None:
        self._ours = ours
        self._book = replace(ours.current(), sops=seed.current().sops)

    def current(self) -> Rulebook:
        return self._book

    def dispatch(self, task: OpsTask) -> DispatchAnswer:
        return self._ours.dispatch(task)

    def is_working_day(self, day: date) -> bool:
        return self._ours.is_working_day(day)


def rulebook(definitions: str) -> RulebookSource:
    """The rulebook of a set of definitions, named as in `Scenario.definitions`."""
    if definitions == LANGUAGE:
        return language_rulebook()
    ours = RulebookFiles(PROJECT / "definitions", handler_specs())
    if definitions == "definitions":
        return ours
    seed = RulebookFiles(PROJECT / "definitions" / "seed", handler_specs())
    return seed if definitions == "definitions/seed" else MixedRulebook(ours, seed)


async def record(env: WorkflowEnvironment, world: World, scenario: Scenario, folder: Path) -> None:
    """Plays one scenario and keeps its history and outcome."""
    ticket = await scenario.play(Stage(env, world, scenario.name))
    outcome = Outcome(
        about=scenario.about,
        definitions=scenario.definitions,
        result=await ticket.result(),
        timeline=lines_of(await ticket.timeline()),
    )
    keep(folder, scenario.name, await ticket.handle.fetch_history(), outcome)
    print(f"{scenario.name:34} {outcome.result.state:10} {len(outcome.timeline):3} events", flush=True)


def release() -> str:
    """Major and minor version of the project."""
    version: str = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    return ".".join(version.split(".")[:2])


async def main(names: list[str]) -> None:
    """Records the named scenarios, or all that have no recording."""
    folder = HISTORIES / release()
    if unknown := [name for name in names if name not in SCENARIOS]:
        raise SystemExit(f"no scenario {', '.join(unknown)}; expected some of {', '.join(SCENARIOS)}")
    wanted = [SCENARIOS[name] for name in names or SCENARIOS]
    missing = [each for each in wanted if not (folder / f"{each.name}.json").exists()]
    for each in wanted:
        if names and each not in missing:
            raise SystemExit(f"{folder.name}/{each.name} is recorded: recordings are not replaced")
    async with virtual_time() as env:
        for definitions in dict.fromkeys(each.definitions for each in missing):
            with tempfile.TemporaryDirectory() as data:
                async with ticket_world(
                    env.client, Path(data), rulebook(definitions), clock=None, expiries=WorkflowExpiries()
                ) as world:
                    for each in missing:
                        if each.definitions == definitions:
                            await record(env, world, each, folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Record the histories that the replay test lives through.")
    parser.add_argument("scenario", nargs="*", help="default: all that have no recording")
    asyncio.run(main(parser.parse_args().scenario))
    # Temporal's core may abort in the interpreter's own shutdown, after all is recorded.
    os._exit(0)
