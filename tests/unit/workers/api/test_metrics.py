"""Who may scrape `/metrics`."""

from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from activities.adapters.store import Store, migrations, open_store
from tests.support.problems import problem
from workers.api.app import create_app
from workers.settings import Settings

TOKEN = "a token of the scraper's, long enough for anybody"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    url = f"sqlite:///{tmp_path / 'opsloop.db'}"
    migrations.upgrade(url)
    return open_store(url)


def an_api(office, store: Store, settings: Settings, peer: str = "127.0.0.1") -> httpx.AsyncClient:
    app: FastAPI = create_app(
        office.desk, office.identity, office.reader, office.audit, settings, figures=store.figures.read
    )
    transport = httpx.ASGITransport(app=app, client=(peer, 1234))
    return httpx.AsyncClient(transport=transport, base_url="http://api")


def production(tmp_path: Path, token: str | None = None) -> Settings:
    return Settings(
        environment="production",
        data_dir=tmp_path,
        database_url=SecretStr("postgresql://nobody@127.0.0.1/none"),
        identity_key=SecretStr("k" * 32),
        decision_key=SecretStr("k" * 32),
        metrics_token=SecretStr(token) if token else None,
    )


async def test_this_machine_needs_no_token_in_the_embedded_run(office, store):
    answer = await an_api(office, store, office.settings).get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "opsloop_store_up 1.0" in answer.text


@pytest.mark.parametrize("peer", ["10.0.0.7", "not an address"])
async def test_other_machines_need_one(office, store, peer):
    problem(await an_api(office, store, office.settings, peer).get("/metrics"), 401, "not_signed_in")


async def test_production_lets_nobody_in_without_a_token(office, store, tmp_path):
    problem(await an_api(office, store, production(tmp_path)).get("/metrics"), 401, "not_signed_in")


async def test_the_scrapers_token_opens_this_door_and_no_other(office, store, tmp_path):
    api = an_api(office, store, production(tmp_path, TOKEN), "10.0.0.7")
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert (await api.get("/metrics", headers=headers)).status_code == 200
    assert (await api.get("/tickets", headers=headers)).status_code == 401
    wrong = {"Authorization": f"Bearer {TOKEN[:-1]}x"}
    assert (await api.get("/metrics", headers=wrong)).status_code == 401


async def test_staff_may_look_and_intake_services_may_not(office, store, tmp_path):
    api = an_api(office, store, production(tmp_path), "10.0.0.7")
    assert (await api.get("/metrics", headers=office.signed_in("op.chen"))).status_code == 200
    problem(await api.get("/metrics", headers=office.signed_in("intake")), 403, "not_permitted")


def test_a_short_token_is_refused(tmp_path):
    with pytest.raises(ValueError, match="OPSLOOP_METRICS_TOKEN must have at least 32 characters"):
        production(tmp_path, "short")
