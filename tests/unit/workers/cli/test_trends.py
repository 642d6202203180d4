"""`opsloop alert trends` and `GET /alerts/trends`, over a real store and a real socket."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
import structlog

from activities.adapters.store import Store
from domain.trend import Seen, Similar, TrendPolicy, look
from tests.support.duty_office import KEY, DutyOffice, duty_office
from tests.support.http_server import serving
from workers.cli.entry import execute
from workers.cli.main import app

NOON = datetime(2026, 11, 25, 4, tzinfo=UTC)
Run = Callable[..., tuple[int, str]]


def surge(store: Store, at: datetime = NOON, freezes: int = 34) -> None:
    seen = [
        Seen(
            similar=Similar(kind="accounts/freeze"), count=freezes, past=(6, 7, 5), desk="Account Operations"
        ),
        Seen(similar=Similar(kind="complaint/handle"), count=2),
    ]
    store.trends.review(partial(look, seen=seen, policy=TrendPolicy(), now=at))


@pytest.fixture
def bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DutyOffice]:
    folder = tmp_path / "definitions" / "policies"
    folder.mkdir(parents=True)
    with duty_office(tmp_path) as made:
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
def trends(bank: DutyOffice, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str, by: str = "li.wei") -> tuple[int, str]:
        capsys.readouterr()
        code = execute(app, ["alert", "trends", *arguments, "--as", by])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


def test_what_surges_comes_first_with_what_is_usual(bank: DutyOffice, trends: Run) -> None:
    surge(bank.store)
    code, said = trends()
    rows = [line for line in said.splitlines() if "/" in line]
    assert code == 0
    for part in ("accounts/freeze", "34", "6", "5.7×", "surging since", "at most 34", "Account Operations"):
        assert part in rows[0]
    assert "3 (no history)" in rows[1] and "quiet" in rows[1]


def test_the_document_says_the_same_in_fields(bank: DutyOffice, trends: Run) -> None:
    surge(bank.store)
    code, said = trends("--json")
    shown = cast(list[dict[str, Any]], json.loads(said)["trends"])
    assert code == 0
    first = shown[0]
    assert (first["state"], first["count"], first["baseline"], first["ratio"]) == ("surging", 34, 6.0, 5.67)
    assert (first["days"], first["since"], first["surge_id"][:6]) == (3, "2026-11-25T04:00:00Z", "trend-")
    assert [each["state"] for each in shown] == ["surging", "quiet"]


def test_a_surge_that_is_over_says_when(bank: DutyOffice, trends: Run) -> None:
    surge(bank.store)
    surge(bank.store, NOON + timedelta(minutes=5), freezes=3)
    assert "calm since" in trends()[1]
    surge(bank.store, NOON + timedelta(minutes=40), freezes=3)
    assert "quiet; the last surge ended" in trends()[1]


def test_before_the_first_look_there_is_nothing(trends: Run) -> None:
    assert trends() == (0, "nothing has been counted yet\n")


def test_an_intake_service_does_not_read_it(trends: Run) -> None:
    code, said = trends(by="intake")
    assert code != 0 and "intake" in said
