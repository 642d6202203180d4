"""What an installation serves its tickets by: a folder when embedded, the rules library in production."""

import asyncio
from pathlib import Path

import pytest
import structlog

from activities.adapters.store import migrations
from domain.errors import DefinitionError, DefinitionsMissing
from tests.fakes.definition_folder import write_definitions
from workers import composition
from workers.composition import install
from workers.settings import PROJECT, Settings

KEY = "a key of the tests, long enough for HS256"
PRODUCTION = {"environment": "production", "identity_key": KEY, "decision_key": KEY}


def embedded(tmp_path: Path, **settings: object) -> Settings:
    return Settings.model_validate({"data_dir": tmp_path, **settings})


def test_an_embedded_installation_serves_its_folder(tmp_path: Path) -> None:
    settings = embedded(tmp_path)
    migrations.upgrade(settings.store_url)
    installation = install(settings)
    assert installation.rulebook.current().edition == "folder"
    status = installation.releases().reading.status()
    assert (status.serving.source, status.release) == ("folder", 0)
    assert "sops/account_freeze.yaml" in {each.path for each in status.files}
    installation.store.close()


def test_a_wrong_folder_does_not_start_an_embedded_installation(tmp_path: Path) -> None:
    folder = write_definitions(tmp_path / "definitions", **{"policies/sla.yaml": "policies: 5\n"})
    with pytest.raises(DefinitionError, match="OPS103"):
        install(embedded(tmp_path, definitions_dir=folder))


def test_an_embedded_installation_can_serve_the_library_too(tmp_path: Path) -> None:
    settings = embedded(tmp_path, definitions_source="library")
    migrations.upgrade(settings.store_url)
    installation = install(settings)
    assert installation.rulebook.serving().source == "library"
    with pytest.raises(DefinitionsMissing):
        installation.rulebook.current()
    assert installation.directory().principal("xu.hong") is not None
    assert installation.identity().issue("lin.tao")
    installation.store.close()


def test_production_starts_before_its_database_does(tmp_path: Path) -> None:
    settings = Settings.model_validate({**PRODUCTION, "database_url": "postgresql://nobody@127.0.0.1:9/none"})
    with structlog.testing.capture_logs() as logs:
        installation = install(settings)
    assert [each["event"] for each in logs] == [
        "definitions.library_unreachable",
        "rollouts.store_unreachable",
    ]
    with pytest.raises(DefinitionsMissing):
        installation.rulebook.current()


def test_production_serves_nothing_but_what_was_released() -> None:
    with pytest.raises(ValueError, match="production serves released definitions only"):
        Settings.model_validate({**PRODUCTION, "database_url": "x", "definitions_source": "folder"})


async def test_a_reload_that_fails_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composition, "_RELOAD_S", 0.001)
    installation = install(embedded(tmp_path, definitions_dir=PROJECT / "definitions"))
    reloads: list[int] = []

    def fail() -> None:
        reloads.append(1)
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(installation.rulebook, "reload", fail)
    with structlog.testing.capture_logs() as logs:
        async with installation.kept_fresh():
            while len(reloads) < 3:
                await asyncio.sleep(0.001)
    assert {each["event"] for each in logs} == {"definitions.reload_failed"}
