"""`opsloop rescue …` and `GET /rescue/…`, over a real store and a real socket."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from activities.messages import Progress
from activities.rescue import RescueActivities
from activities.rescue_messages import RescueOrder
from domain.rescue import RescueGroup, RescuePolicy
from domain.task import RiskLevel
from tests.support.duty_office import KEY, DutyOffice, duty_office
from tests.support.http_server import serving
from tests.support.tickets import sample_view
from workers.cli.entry import execute
from workers.cli.main import app

GROUPS = (
    RescueGroup(name="Reconciliation", capacity=10, skills=("accounts",)),
    RescueGroup(name="Customer Experience", capacity=10, skills=("complaint",)),
)
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DutyOffice]:
    folder = tmp_path / "definitions" / "policies"
    folder.mkdir(parents=True)
    with duty_office(tmp_path) as made:
        made.rulebook.book = replace(made.rulebook.book, rescue=RescuePolicy(groups=GROUPS))
        content = made.directory.model_dump(mode="json")
        (folder / "directory.yaml").write_text(json.dumps(content), encoding="utf-8")
        for name in ("OPSLOOP_TOKEN", "OPSLOOP_USER"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("OPSLOOP_DATA_DIR", str(tmp_path / "data"))
        monkeypatch.setenv("OPSLOOP_DEFINITIONS_DIR", str(folder.parent))
        monkeypatch.setenv("OPSLOOP_IDENTITY_KEY", KEY)
        monkeypatch.setenv("COLUMNS", "200")
        with structlog.testing.capture_logs(), serving(made.app) as url:
            monkeypatch.setenv("OPSLOOP_API_URL", url)
            yield made


@pytest.fixture
def rescue(bank: DutyOffice, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str, by: str = "li.wei") -> tuple[int, str]:
        capsys.readouterr()
        code = execute(app, ["rescue", *arguments, "--as", by])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


def rescued(bank: DutyOffice, task_id: str = "T1") -> None:
    store = bank.store
    store.tickets.record(Progress(events=(), view=sample_view(task_id)))
    order = RescueOrder(
        task_id=task_id,
        key="critical",
        seq=5,
        now=store.database.now() - timedelta(minutes=1),
        group="Account Operations",
        category="accounts",
        action="freeze",
        risk=RiskLevel.MEDIUM,
    )
    RescueActivities(bank.rulebook, store.rescues, store.alerts).rescue_ticket(order)


def test_why_this_group_and_not_that_one_has_an_answer(bank: DutyOffice, rescue: Run) -> None:
    rescued(bank)
    code, said = rescue("show", "T1")
    assert code == 0
    for part in (
        "handed over to Reconciliation",
        "Reconciliation is the idlest group that suits: 0 tickets of 10",
        "it does not know accounts/freeze",
        "0 / 8 of 10",
    ):
        assert part in said
    (document,) = json.loads(rescue("show", "T1", "--json")[1])
    assert document["rescue"]["way"] == "idle_group"


def test_a_ticket_that_was_never_rescued_is_not_found(rescue: Run) -> None:
    code, said = rescue("show", "T9")
    assert code != 0
    assert "T9 was never rescued" in said


def test_groups_are_shown_with_what_is_on_its_way_to_them(bank: DutyOffice, rescue: Run) -> None:
    rescued(bank)
    code, said = rescue("groups")
    assert code == 0
    assert "0 of at most 20 tickets" in said
    state = json.loads(rescue("groups", "--json")[1])
    loads = [(each["group"], each["open"], each["promised"], each["room"]) for each in state["groups"]]
    assert loads == [("Customer Experience", 0, 0, 8), ("Reconciliation", 0, 1, 8)]


def test_an_intake_service_does_not_read_it(rescue: Run) -> None:
    assert rescue("groups", by="intake")[0] != 0
