"""SOPs of the past are found by what tickets recorded of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from definitions.book import pin
from definitions.loader import parse_sop
from definitions.schema import Sop
from domain.errors import DefinitionsMissing
from tests.fakes.catalogue import CODE
from tests.fakes.definition_folder import FILES, edited
from tests.support.rules_library import FREEZE, LibraryOffice, library_office
from workers.archive import SopArchive

PART = "sops/part.yaml"
CALLED = "name: Part\nsteps:\n  - {name: Look, handler: risk_assessor}\n"
CALLED_LATER = CALLED.replace("Look", "Look again")
CALLING = FILES[FREEZE].replace("steps:\n", "steps:\n  - {name: Part first, call: part}\n")


def digest(text: str, *others: str) -> str:
    """As a ticket records it."""
    sop, *called = (read(each) for each in (text, *others))
    return pin(sop, {}, called).digest


def read(text: str) -> Sop:
    sop, findings = parse_sop(text, None)
    assert sop is not None, findings
    return sop


@pytest.fixture
def office(tmp_path: Path, sqlite_url: str) -> Iterator[LibraryOffice]:
    with library_office(tmp_path / "definitions", sqlite_url) as made:
        made.put_in_force(made.everything())
        yield made


@pytest.fixture
def archive(office: LibraryOffice) -> SopArchive:
    return SopArchive(office.store.library, office.served.current, CODE)


def test_what_is_served_is_found(office: LibraryOffice, archive: SopArchive) -> None:
    office.served.reload()
    found = archive.find("Freeze", digest(FILES[FREEZE]))
    assert found is not None
    assert found.sop == read(FILES[FREEZE])
    assert found.handlers["manual_freeze"].human is not None


def test_a_version_that_was_in_force_once_is_found(office: LibraryOffice, archive: SopArchive) -> None:
    office.put_in_force({FREEZE: edited(FREEZE, "sla: 1h", "sla: 50min")})
    office.put_in_force({FREEZE: None})
    office.served.reload()
    found = archive.find("Freeze", digest(edited(FREEZE, "sla: 1h", "sla: 50min")))
    assert found is not None
    assert found.sop.sla is not None
    assert found.sop.sla.total_seconds() == 3_000


def test_a_candidate_that_never_came_into_force_is_found(office: LibraryOffice, archive: SopArchive) -> None:
    office.publish({FREEZE: edited(FREEZE, "sla: 1h", "sla: 50min")})
    assert archive.find("Freeze", digest(edited(FREEZE, "sla: 1h", "sla: 50min"))) is not None


def test_an_sop_that_calls_another_is_found_with_that_as_it_was(
    office: LibraryOffice, archive: SopArchive
) -> None:
    office.put_in_force({FREEZE: CALLING, PART: CALLED})
    office.put_in_force({PART: CALLED_LATER})
    office.served.reload()
    for text in (CALLED, CALLED_LATER):
        found = archive.find("Freeze", digest(CALLING, text))
        assert found is not None
        assert found.called["part"] == read(text)


def test_what_nobody_published_is_not_found(archive: SopArchive) -> None:
    assert archive.find("Freeze", digest(edited(FREEZE, "sla: 1h", "sla: 10min"))) is None
    assert archive.find("Thaw", digest(FILES[FREEZE])) is None


def test_nothing_has_to_be_served(office: LibraryOffice) -> None:
    def missing() -> None:
        raise DefinitionsMissing("none yet")

    archive = SopArchive(office.store.library, missing, CODE)  # type: ignore[arg-type]
    assert archive.find("Freeze", digest(FILES[FREEZE])) is not None
