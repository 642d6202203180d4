"""What is served from the rules library: releases as they come, the last good one in the worst case."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from activities.adapters.store import Store
from activities.ports import RulesLibrary
from definitions.loader import load_rulebook
from domain.errors import DefinitionsMissing, StoreUnavailable
from domain.task import OpsTask
from tests.fakes.catalogue import CODE
from tests.fakes.definition_folder import edited, write_definitions
from tests.support.rules_library import DIRECTORY, FREEZE, SLA, WITH_STAFF, LibraryOffice, library_office
from workers.rulebook import RulebookFiles, RulebookLibrary

TASK = OpsTask(task_id="T1", title="urgent: freeze the account", source="api", external_id="1")


@pytest.fixture
def office(tmp_path: Path, store_url: str) -> Iterator[LibraryOffice]:
    """An empty library, on each database in turn."""
    with library_office(tmp_path / "definitions", store_url) as office:
        yield office


class SilentLibrary:
    """A library whose store answers only when it is told to."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.is_up = False

    def __getattr__(self, name: str) -> Any:
        if not self.is_up:
            raise StoreUnavailable("the store does not answer: connection refused")
        return getattr(self._store.library, name)


def test_an_empty_library_makes_tickets_wait_and_says_what_to_do(office: LibraryOffice) -> None:
    with pytest.raises(DefinitionsMissing, match="opsloop sop publish --all") as missing:
        office.served.current()
    assert missing.value.retryable
    with pytest.raises(DefinitionsMissing):
        office.served.dispatch(TASK)
    assert office.served.reload() == []
    assert office.served.serving().edition == ""


def test_while_the_library_is_empty_people_come_from_the_folder(office: LibraryOffice) -> None:
    assert office.served.directory().principal("author") is not None
    office.put_in_force(
        {
            **office.everything(),
            DIRECTORY: WITH_STAFF.replace("id: bob", "id: rob").replace("lead: bob", "lead: rob"),
        }
    )
    office.served.reload()
    assert office.served.directory().principal("bob") is None, "the released directory decides from now on"
    assert office.served.directory().principal("rob") is not None


def test_a_release_serves_the_next_ticket_under_its_name(office: LibraryOffice) -> None:
    office.put_in_force(office.everything())
    office.served.reload()
    before = office.served.current()
    assert (before.edition, len(before.digest)) == ("release 1", 64)
    assert office.served.dispatch(TASK).category == "accounts"
    office.put_in_force({SLA: edited(SLA, "sla_hours: 1", "sla_hours: 0.9")})
    assert office.served.current() is before
    office.served.reload()
    assert office.served.current().edition == "release 2"
    assert office.served.current().sla["accounts"].sla_hours == 0.9
    assert before.sla["accounts"].sla_hours == 1


def test_the_same_files_have_the_same_digest_in_the_folder_and_in_the_library(office: LibraryOffice) -> None:
    office.put_in_force(office.everything())
    office.served.reload()
    files = RulebookFiles(office.folder, CODE)
    assert (files.current().edition, files.current().digest) == ("folder", office.served.current().digest)
    (office.folder / "sops/notes.yml").write_text("a: 1\n")
    assert load_rulebook(office.folder, CODE)[0].digest == files.current().digest, "it is no definition"
    (office.folder / FREEZE).write_text(edited(FREEZE, "45min", "44min"))
    files.reload()
    assert files.current().digest != office.served.current().digest


def test_an_edited_folder_changes_nothing_that_is_served(office: LibraryOffice) -> None:
    office.put_in_force(office.everything())
    office.served.reload()
    before = office.served.current()
    write_definitions(office.folder, **{SLA: "policies: 5\n"})
    assert office.served.reload() == []
    assert office.served.current() is before


def test_a_release_that_this_code_cannot_serve_leaves_the_last_good_one(office: LibraryOffice) -> None:
    office.put_in_force(office.everything())
    newer = {**CODE, "new_handler": CODE["core_system_freeze"].model_copy(update={"name": "new_handler"})}
    office.desk._handlers = newer  # the desk runs a newer version of the code than this worker
    office.served.reload()
    with structlog.testing.capture_logs() as logs:
        office.put_in_force({FREEZE: edited(FREEZE, "core_system_freeze", "new_handler")})
        assert [each.code for each in office.served.reload()] == ["OPS201"]
        assert [each.code for each in office.served.reload()] == ["OPS201"]
    assert [each["event"] for each in logs] == ["definitions.refused"], "it is said once"
    assert office.served.current().edition == "release 1"
    refused = office.served.serving().refused
    assert refused is not None
    assert (refused.edition, refused.findings[0].code) == ("release 2", "OPS201")
    fresh = RulebookLibrary(office.store.library, CODE, office.folder)
    with pytest.raises(DefinitionsMissing, match="release 2 cannot be served by this version of opsloop"):
        fresh.current()
    office.roll_back(FREEZE)
    assert office.served.reload() == []
    assert office.served.serving().refused is None
    assert fresh.reload() == []
    assert fresh.current().edition == "release 3"


def test_a_store_that_is_down_at_the_start_is_waited_for(office: LibraryOffice) -> None:
    office.put_in_force(office.everything())
    silent: RulesLibrary | Any = SilentLibrary(office.store)
    with structlog.testing.capture_logs() as logs:
        served = RulebookLibrary(silent, CODE, office.folder)
        served.reload()
    assert [each["event"] for each in logs] == ["definitions.library_unreachable"], "it is said once"
    with pytest.raises(DefinitionsMissing, match="could not be read yet"):
        served.current()
    with pytest.raises(StoreUnavailable):
        served.directory()  # the folder's people may have lost their roles long ago
    silent.is_up = True
    served.reload()
    assert served.current().edition == "release 1"
    silent.is_up = False
    served.reload()
    assert served.current().edition == "release 1"


def test_a_refused_edit_of_a_folder_is_visible_until_it_is_mended(tmp_path: Path) -> None:
    folder = write_definitions(tmp_path)
    files = RulebookFiles(folder, CODE)
    good = files.serving()
    assert (good.source, good.edition, good.refused) == ("folder", "folder", None)
    write_definitions(folder, **{SLA: "policies: 5\n"})
    files.reload()
    serving = files.serving()
    assert (serving.since, serving.digest) == (good.since, good.digest)
    assert serving.refused is not None
    assert [each.code for each in serving.refused.findings] == ["OPS103"]
    assert serving.refused.since >= serving.since
    write_definitions(folder)
    files.reload()
    assert files.serving() == good, "it never served anything else"
