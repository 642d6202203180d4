from datetime import date
from pathlib import Path

import pytest

from domain.errors import DefinitionError
from domain.task import OpsTask
from tests.fakes.catalogue import CODE
from tests.fakes.definition_folder import edited, write_definitions
from workers.rulebook import RulebookFiles

SLA = "policies/sla.yaml"


def task(title: str) -> OpsTask:
    return OpsTask(task_id="T1", title=title, source="api", external_id="1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_definitions(tmp_path)


def test_the_first_load_refuses_with_every_error(tmp_path: Path) -> None:
    write_definitions(
        tmp_path, **{SLA: edited(SLA, "sla_hours: 1", "hours: 1"), "policies/bank.yaml": "country: 86\n"}
    )
    with pytest.raises(DefinitionError) as refused:
        RulebookFiles(tmp_path, CODE)
    message = str(refused.value)
    assert "3 errors" in message
    assert "sla.yaml:2:26: error OPS101" in message
    assert "bank.yaml:1:10: error OPS103" in message


def test_an_edited_file_serves_the_next_ticket(folder: Path) -> None:
    files = RulebookFiles(folder, CODE)
    before = files.current()
    write_definitions(folder, **{SLA: edited(SLA, "sla_hours: 1", "sla_hours: 0.9")})
    assert files.reload() == []
    assert files.current().sla["accounts"].sla_hours == 0.9
    assert before.sla["accounts"].sla_hours == 1


def test_a_new_rule_dispatches_after_the_reload(folder: Path) -> None:
    files = RulebookFiles(folder, CODE)
    assert files.dispatch(task("urgent: freeze the account")).category == "accounts"
    assert files.dispatch(task("please lock it")).category == "other"
    rules = "policies/dispatch/rules.yaml"
    write_definitions(folder, **{rules: edited(rules, "(freeze|stop payment).*account", "lock")})
    files.reload()
    assert files.dispatch(task("please lock it")).category == "accounts"


def test_a_bad_edit_leaves_the_last_good_rulebook_in_force(folder: Path) -> None:
    files = RulebookFiles(folder, CODE)
    good = files.current()
    write_definitions(folder, **{SLA: "policies: 5\n"})
    assert [finding.code for finding in files.reload()] == ["OPS103"]
    assert files.current() is good
    assert [finding.code for finding in files.reload()] == ["OPS103"]
    write_definitions(folder)
    assert files.reload() == []
    assert files.current() == good


def test_nothing_is_read_again_when_nothing_changed(folder: Path) -> None:
    files = RulebookFiles(folder, CODE)
    before = files.current()
    assert files.reload() == []
    assert files.current() is before


def test_a_removed_file_is_noticed(folder: Path) -> None:
    files = RulebookFiles(folder, CODE)
    (folder / SLA).unlink()
    assert [finding.code for finding in files.reload()] == ["OPS001"]


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2026, 11, 23), True),
        (date(2026, 11, 22), False),
        (date(2026, 10, 1), False),
        (date(2026, 2, 17), False),
        (date(2026, 2, 14), True),
        (date(2026, 2, 28), True),
        (date(2031, 1, 1), False),
    ],
    ids=[
        "monday",
        "sunday",
        "national day",
        "spring festival",
        "make-up saturday",
        "make-up saturday 2",
        "later",
    ],
)
def test_the_bank_works_by_its_countrys_calendar(folder: Path, day: date, works: bool) -> None:
    assert RulebookFiles(folder, CODE).is_working_day(day) is works
