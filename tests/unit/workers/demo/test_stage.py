"""The demo's own installation: an empty folder, nothing real within reach, and a command that works."""

import fcntl
import shlex
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from domain.errors import InvalidInput
from workers.demo.script import FOLDER, Night, Script
from workers.demo.script_files import NightFile
from workers.demo.stage import clock_environment, command_line, demo_settings, empty_folder, lay_out
from workers.embedded import AlreadyRunning
from workers.settings import PROJECT, Settings


def test_the_demo_keeps_to_a_folder_of_its_own_with_a_copy_of_the_definitions(tmp_path: Path) -> None:
    chosen = demo_settings(Settings(data_dir=tmp_path, definitions_dir=tmp_path / "ours", api_port=9999))
    assert chosen.data_dir == tmp_path / "demo"
    assert chosen.definitions_dir == tmp_path / "demo" / "definitions"
    assert chosen.api_port == 9999


def test_what_staff_edit_in_the_demo_is_a_copy_with_the_demos_own_sops(tmp_path: Path) -> None:
    chosen = demo_settings(Settings(data_dir=tmp_path))
    lay_out(chosen, FOLDER)
    shipped = PROJECT / "definitions" / "sops" / "account_freeze.yaml"
    copied = chosen.definitions_dir / "sops" / "account_freeze.yaml"
    assert copied.read_bytes() == shipped.read_bytes()
    assert not copied.samefile(shipped)
    assert (chosen.definitions_dir / "sops" / "balance_letter.yaml").is_file()
    assert (chosen.data_dir / "drafts" / "card_dispute.yaml").is_file()
    (chosen.data_dir / "opsloop.db").touch()
    empty_folder(chosen.data_dir, keep=("definitions", "drafts"))
    assert copied.is_file()
    assert not (chosen.data_dir / "opsloop.db").exists()


def test_workers_of_other_runs_do_not_find_the_demos_temporal_server() -> None:
    assert demo_settings(Settings()).temporal_address.endswith(":0")
    assert demo_settings(Settings(temporal_address="127.0.0.1:7777")).temporal_address == "127.0.0.1:7777"


@pytest.mark.parametrize("name", ["database_url", "sms_url", "email_url", "wecom_url"])
def test_the_demo_does_not_touch_what_is_real(name: str) -> None:
    with pytest.raises(InvalidInput, match=f"OPSLOOP_{name.upper()}"):
        demo_settings(Settings.model_validate({name: "x://somewhere"}))


def test_the_demo_does_not_play_in_production() -> None:
    key = "k" * 32
    production = Settings(
        environment="production", database_url="postgresql://x", identity_key=key, decision_key=key
    )
    with pytest.raises(InvalidInput, match="OPSLOOP_ENVIRONMENT"):
        demo_settings(production)


def test_an_earlier_demo_is_cleared_away(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    (folder / "logs").mkdir(parents=True)
    (folder / "opsloop.db").write_text("old")
    empty_folder(folder)
    assert [each.name for each in folder.iterdir()] == ["up.lock"]


def test_a_running_demo_is_not_cleared_away(tmp_path: Path) -> None:
    (tmp_path / "opsloop.db").write_text("in use")
    with (tmp_path / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(AlreadyRunning):
            empty_folder(tmp_path)
    assert (tmp_path / "opsloop.db").exists()


def test_the_clock_shows_the_first_tickets_time_at_the_instant_given() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    night = Night(date(2026, 11, 23), date(2026, 11, 24), zone)
    script = Script(night, NightFile(begins="19:55", ends="08:30", factor=150), ())
    real = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
    environment = clock_environment(script, real)
    settings = Settings.model_validate(
        {name.removeprefix("OPSLOOP_").lower(): value for name, value in environment.items()}
    )
    assert settings.clock.to_bank(real) == night.at("19:55")
    assert settings.clock.factor == 150


def test_the_visitors_command_names_the_program_and_the_folder_as_seen_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / ".venv" / "bin" / "opsloop"
    program.parent.mkdir(parents=True)
    program.touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(program), "up", "--demo"])
    command = command_line(Path(".opsloop/demo"), "review", "approve")
    assert command == "OPSLOOP_DATA_DIR=.opsloop/demo .venv/bin/opsloop review approve"


def test_folders_with_blanks_are_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    monkeypatch.setattr(sys, "argv", ["-c"])
    data = tmp_path / "my data"
    words = shlex.split(command_line(data, "review", "list"))
    assert words[0].endswith("my data")
    assert words[-2:] == ["review", "list"]
