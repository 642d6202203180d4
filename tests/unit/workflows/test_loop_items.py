"""Items of a loop: what `sop check` proves of them is what a run finds, as they arrive as JSON."""

import pytest
import yaml

from definitions.book import pin
from definitions.findings import has_errors
from definitions.loader import parse_sop
from definitions.schema import Sop
from tests.fakes.runtime import FakeRuntime
from tests.support.scripted_handlers import CATALOGUE
from workflows.interpreter import Interpreter, Journal

SOP = """
name: Items
trigger: {{category: accounts, action: items}}
steps:
  - name: All
    foreach:
      items: >-
        {items}
      steps:
        - name: Look
          handler: jot
          when: >-
            {when}
"""
NESTED = """
name: Items
trigger: {{category: accounts, action: items}}
steps:
  - name: Outer
    foreach:
      items: >-
        {items}
      as: several
      steps:
        - name: All
          foreach:
            items: several
            steps:
              - name: Look
                handler: jot
                when: >-
                  {when}
"""


async def runs(text: str) -> bool:
    """Whether the loop's condition can be asked; what `sop check` says must be the same."""
    _, findings = parse_sop(text, CATALOGUE, file="sop.yaml")
    sop = Sop.model_validate(yaml.safe_load(text))
    runtime = FakeRuntime(
        fields={"lines": [{"n": 1}], "due": "2026-11-23T15:30:00+08:00"}, operator=["skip"] * 2
    )
    journal = Journal()
    await Interpreter(pin(sop, CATALOGUE), runtime, journal).run()
    fails = any(output.outcome == "skipped" for output in journal.finished.values())
    assert has_errors(findings) == fails, [text, *map(str, findings)]
    return not fails


@pytest.mark.parametrize(
    ("items", "when", "fits"),
    [
        ("[now]", "item <= now", False),
        ("[now]", "timestamp(item) <= now", True),
        ("[now]", "item.startsWith('2026')", True),
        ("[timestamp(fields.due)]", "item > now", False),
        ("[timestamp(fields.due)]", "timestamp(item) > now", True),
        ("[duration('90s')]", "item > duration('1m')", False),
        ("[duration('90s')]", "duration(item) > duration('1m')", True),
        ("[duration('90s')]", "item == '90s'", True),
        ("[now].map(t, string(t))", "timestamp(item) <= now", True),
        ("[[now]]", "item.exists(t, t <= now)", False),
        ("[[now]]", "item.exists(t, timestamp(t) <= now)", True),
        ("[1, 2]", "item > 1", True),
        ("[1.5]", "item > 1.0", True),
        ("['a']", "item > 1", False),
        ("[true]", "item", True),
        ("[null]", "item == null", True),
        ("fields.lines", "item.n > 1", True),
    ],
)
async def test_what_is_proved_of_an_item_holds_when_it_arrives(items: str, when: str, fits: bool) -> None:
    assert await runs(SOP.format(items=items, when=when)) is fits


@pytest.mark.parametrize(("when", "fits"), [("item <= now", False), ("timestamp(item) <= now", True)])
async def test_so_it_does_in_loops_in_loops(when: str, fits: bool) -> None:
    assert await runs(NESTED.format(items="[[now]]", when=when)) is fits
