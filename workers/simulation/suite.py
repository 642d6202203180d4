"""Plays all cases of some files in one world, and reports on them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from definitions.book import Rulebook
from workers.simulation.coverage import Coverage, coverage_of
from workers.simulation.expectations import differences
from workers.simulation.files import CaseSet
from workers.simulation.run import Played, stage


@dataclass(frozen=True)
class CaseResult:
    """One case: passed when nothing differs."""

    path: Path
    played: Played
    differences: tuple[str, ...]


@dataclass(frozen=True)
class SuiteResult:
    """All cases, in the order of the files, and what they covered."""

    results: tuple[CaseResult, ...]
    coverage: tuple[Coverage, ...]

    @property
    def failed(self) -> tuple[CaseResult, ...]:
        """Cases that did not go as they say."""
        return tuple(each for each in self.results if each.differences)

    def document(self) -> dict[str, Any]:
        """As one JSON document."""
        return {
            "cases": len(self.results),
            "failed": len(self.failed),
            "results": [
                {
                    "file": str(each.path),
                    "sop": each.played.sop.id,
                    "case": each.played.case.name,
                    "passed": not each.differences,
                    "differences": list(each.differences),
                }
                for each in self.results
            ],
            "coverage": [
                {"sop": each.sop.id, "percent": each.percent, "missed": list(each.missed)}
                for each in self.coverage
            ],
        }

    def junit(self) -> str:
        """As JUnit XML, which CI systems show."""
        suite = ElementTree.Element(
            "testsuite", name="opsloop sop test", tests=str(len(self.results)), failures=str(len(self.failed))
        )
        for each in self.results:
            name, file = each.played.case.name, str(each.path)
            case = ElementTree.SubElement(
                suite, "testcase", classname=each.played.sop.id, name=name, file=file
            )
            if each.differences:
                failure = ElementTree.SubElement(case, "failure", message=each.differences[0])
                failure.text = "\n".join(each.differences)
        ElementTree.indent(suite)
        return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


async def play_all(sets: Sequence[CaseSet], rulebook: Rulebook) -> SuiteResult:
    """Every case of every file, a few at a time."""
    sops = {each.sop.id: each.sop for each in sets}
    async with stage(rulebook, list(sops.values())) as place:
        played = await asyncio.gather(*(place.play(play) for each in sets for play in each.plays))
    paths = [each.path for each in sets for _ in each.plays]
    results = tuple(
        CaseResult(path, run, tuple(differences(run))) for path, run in zip(paths, played, strict=True)
    )
    coverage = tuple(
        coverage_of(sop, [run for run in played if run.sop.id == sop.id]) for sop in sops.values()
    )
    return SuiteResult(results, coverage)
