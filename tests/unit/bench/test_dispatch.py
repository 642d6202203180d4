"""The dispatch benchmark measures what it says."""

import json
import subprocess
import sys
from pathlib import Path

from bench.dispatch import CHARACTERS, article_dispatch, tables, tickets
from domain.dispatch.answer import Layer
from domain.dispatch.engine import Dispatcher
from tests.support.dispatching import SEED, tables_in

ROOT = Path(__file__).resolve().parents[3]


def test_it_prints_one_flat_object_with_the_agreed_names() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.dispatch", "--json", "--turns", "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )

    figures = json.loads(done.stdout)

    assert {"p50_us", "p99_us", "seed_us", "growth"} <= figures.keys()
    assert all(isinstance(value, int | float) and value > 0 for value in figures.values())


def test_its_tickets_are_of_the_stated_length_and_reach_every_layer() -> None:
    standard = tables(200, 1000)
    work = tickets(standard.rules)
    dispatcher = Dispatcher(standard)

    assert len(standard.rules) == 200
    assert len({word for group in standard.keywords.groups for word in group.words}) == 1000
    assert {len(task.text) for task in work} == {CHARACTERS}
    assert {dispatcher.dispatch(task).layer for task in work} == set(Layer)


def test_its_article_loop_gives_the_answers_of_the_seed() -> None:
    seed = Dispatcher(tables_in(SEED))

    for task in tickets(tables(200, 1000).rules):
        assert article_dispatch(task) == seed.dispatch(task).group
