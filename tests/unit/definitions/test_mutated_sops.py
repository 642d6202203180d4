"""SOP files gone wrong: each is refused with located findings, or runs to an end."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st

from definitions.book import with_people
from definitions.findings import has_errors
from definitions.loader import parse_sop
from definitions.policy_files import read_policies
from definitions.schema import Sop
from domain.handlers import HandlerSpec
from tests.support.random_sops import Drawn, check, write_play
from tests.support.scripted_handlers import CATALOGUE
from tests.support.scripts import Script
from tests.support.sop_mutations import badly_located, mutated
from tests.support.sop_runs import broken_laws, pinned, play
from workers.activity_set import handler_specs
from workers.settings import PROJECT

FOLDER = PROJECT / "definitions"
QUICK = settings(
    max_examples=200,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
FULL = settings(QUICK, max_examples=5_000)


class Case(NamedTuple):
    """Files of which one was changed, what they can name, and the world of a ticket that runs under them."""

    texts: tuple[str, ...]
    catalogue: Mapping[str, HandlerSpec]
    others: tuple[Sop, ...]
    script: Script


def shipped_files() -> list[Path]:
    return [each for each in sorted(FOLDER.glob("sops/*.yaml")) if not each.name.endswith(".test.yaml")]


@cache
def shipped_catalogue() -> Mapping[str, HandlerSpec]:
    return with_people(handler_specs(), read_policies(FOLDER / "policies")[0].people)


@cache
def shipped_sops() -> dict[Path, tuple[dict[str, Any], Sop]]:
    read = {}
    for each in shipped_files():
        sop, findings = parse_sop(each.read_text(), shipped_catalogue())
        assert sop is not None, findings
        read[each] = (yaml.safe_load(each.read_text()), sop)
    return read


@st.composite
def generated_cases(draw: st.DrawFn) -> Case:
    choices = Drawn(draw)
    written = write_play(choices)
    changed = choices.number(0, len(written.files) - 1)
    texts = list(written.texts)
    texts[changed] = mutated(written.files[changed], choices)
    return Case(tuple(texts), CATALOGUE, (), written.script)


@st.composite
def shipped_cases(draw: st.DrawFn) -> Case:
    choices = Drawn(draw)
    sops = shipped_sops()
    changed = choices.one_of(list(sops))
    script = Script(seed=choices.number(0, 10**6), failing=10, refusing=10, late=10)
    others = tuple(sop for path, (_, sop) in sops.items() if path != changed)
    return Case((mutated(sops[changed][0], choices),), shipped_catalogue(), others, script)


def refused_or_run(case: Case) -> None:
    note("\n---\n".join((*case.texts, str(case.script))))
    sops, findings = check(case.texts, case.catalogue, case.others)
    assert badly_located(findings) == []
    if has_errors(findings):
        event("refused")
        return
    event("runs")
    sop = pinned([*sops, *case.others], case.catalogue)
    run = play(sop, case.script)
    assert run.state in ("completed", "rejected", "cancelled")
    assert list(broken_laws(sop, run)) == []


@QUICK
@given(generated_cases())
def test_a_changed_sop_is_refused_or_runs_to_an_end(case: Case) -> None:
    refused_or_run(case)


@QUICK
@given(shipped_cases())
def test_a_changed_file_of_ours_is_refused_or_runs_to_an_end(case: Case) -> None:
    refused_or_run(case)


@pytest.mark.full
@pytest.mark.timeout(1800)
@FULL
@given(generated_cases())
def test_five_thousand_changed_sops_are_refused_or_run_to_an_end(case: Case) -> None:
    refused_or_run(case)


@pytest.mark.full
@pytest.mark.timeout(1800)
@FULL
@given(shipped_cases())
def test_five_thousand_changed_files_of_ours_are_refused_or_run_to_an_end(case: Case) -> None:
    refused_or_run(case)
