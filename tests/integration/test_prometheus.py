"""The metrics as Prometheus reads them: a worker's, the API's, the rules and the dashboard that ship."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import yaml
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.adapters.store import migrations, open_store
from domain.errors import InvalidInput
from tests.support.dev_server import RunningDevServer, running_dev_server
from tests.support.http_server import serving
from tests.support.requirements import need
from workers.api.app import create_app
from workers.identity import Identity
from workers.settings import Settings
from workers.supervisor import free_port
from workers.telemetry import runtime_for
from workflows import metering

SAMPLES = Path(__file__).parents[2] / "docs" / "samples" / "monitoring"
DOCUMENTED = (SAMPLES.parents[1] / "metrics.md").read_text(encoding="utf-8")


@workflow.defn(sandboxed=False)
class Counted:
    """Says one of everything, over several workflow tasks."""

    @workflow.run
    async def run(self) -> None:
        for name in metering.MEANINGS:
            if name.endswith("_seconds"):
                metering.observe_seconds(name, 0.2)
            else:
                metering.count(name)
            await workflow.sleep(0.001)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDevServer]:
    with running_dev_server(tmp_path_factory.mktemp("temporal")) as running:
        yield running


async def scraped(server: RunningDevServer) -> str:
    """What a worker says after one workflow whose every task was a replay."""
    port = free_port()
    client = await Client.connect(server.address, runtime=runtime_for(f"127.0.0.1:{port}"))
    async with Worker(
        client,
        task_queue="metrics",
        workflows=[Counted],
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_cached_workflows=0,
    ):
        await client.execute_workflow(Counted.run, id="counted", task_queue="metrics")
    async with httpx.AsyncClient(trust_env=False) as http:
        return (await http.get(f"http://127.0.0.1:{port}/metrics")).text


def names_in(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:opsloop|temporal)_[a-z_]+\b", expression))


def base(name: str) -> str:
    """The metric that a sample belongs to."""
    return re.sub(r"_(bucket|sum|count)$", "", name)


async def test_what_happens_is_counted_once_however_often_it_is_replayed(server: RunningDevServer) -> None:
    text = await scraped(server)
    for name in metering.MEANINGS:
        sample = f"{name}_count" if name.endswith("_seconds") else f"{name}_total"
        values = re.findall(rf"^{sample}{{[^}}]*}} (\S+)$", text, re.MULTILINE)
        assert values == ["1"], sample
        assert f"`{sample.removesuffix('_count')}`" in DOCUMENTED
    assert "temporal_workflow_task_execution_latency_seconds_bucket" in text


def test_an_address_that_is_taken_is_named() -> None:
    port = free_port()
    runtime = runtime_for(f"127.0.0.1:{port}")
    assert runtime is not None
    with pytest.raises(InvalidInput, match=rf"127.0.0.1:{port}.*nobody listens on"):
        runtime_for(f"127.0.0.1:{port}")
    assert runtime_for("") is None


def an_api(folder: Path) -> Any:
    url = f"sqlite:///{folder / 'opsloop.db'}"
    migrations.upgrade(url)
    store = open_store(url)
    nobody = cast(Any, None)
    settings = Settings(data_dir=folder)
    return create_app(
        nobody, Identity("k" * 32, lambda: nobody), nobody, nobody, settings, figures=store.figures.read
    )


def test_rules_and_dashboard_ask_for_metrics_that_there_are(tmp_path: Path) -> None:
    with serving(an_api(tmp_path)) as url:
        said = httpx.get(f"{url}/metrics", trust_env=False).text
    gauges = {line.split()[2] for line in said.splitlines() if line.startswith("# TYPE")}
    assert gauges == {name for name in names_in(DOCUMENTED) if name in gauges}, "not in docs/metrics.md"
    counted = {name if name.endswith("_seconds") else f"{name}_total" for name in metering.MEANINGS}
    dashboard = json.loads((SAMPLES / "grafana-dashboard.json").read_text(encoding="utf-8"))
    rules = yaml.safe_load((SAMPLES / "opsloop.rules.yml").read_text(encoding="utf-8"))
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    asked += [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    for name in {base(each) for expression in asked for each in names_in(expression)}:
        assert name in gauges | counted or name.startswith("temporal_"), name


def test_every_rule_says_what_to_do() -> None:
    rules = yaml.safe_load((SAMPLES / "opsloop.rules.yml").read_text(encoding="utf-8"))
    for rule in [rule for group in rules["groups"] for rule in group["rules"]]:
        assert rule["annotations"]["runbook"] == f"docs/metrics.md#{rule['alert'].lower()}"
        assert f"### {rule['alert']}\n" in DOCUMENTED


@contextmanager
def prometheus(folder: Path, api: str) -> Iterator[str]:
    """A Prometheus with the configuration that ships, pointed at this API."""
    command = shutil.which("prometheus")
    need(command is not None, "the prometheus command is not installed (Debian package prometheus)")
    config = (SAMPLES / "prometheus.yml").read_text(encoding="utf-8")
    config = config.replace("127.0.0.1:8480", api.removeprefix("http://")).replace(": 15s", ": 1s")
    (folder / "prometheus.yml").write_text(config)
    (folder / "metrics-token").write_text("t" * 40)
    shutil.copy(SAMPLES / "opsloop.rules.yml", folder)
    port = free_port()
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                str(command),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def asked_of(prometheus_url: str, path: str, part: str, **params: str) -> list[Any]:
    """This part of what the query API answers, once there is something in it."""
    for _ in range(200):
        try:
            answer = httpx.get(f"{prometheus_url}/api/v1/{path}", params=params, trust_env=False).json()
        except (httpx.HTTPError, ValueError):
            answer = {}
        if found := list(answer.get("data", {}).get(part, ())):
            return found
        time.sleep(0.1)
    raise AssertionError(f"Prometheus has no answer to {path} {params}")


def test_prometheus_takes_the_files_that_ship(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSLOOP_METRICS_TOKEN", "t" * 40)
    with serving(an_api(tmp_path)) as api, prometheus(tmp_path, api) as url:
        found = asked_of(url, "query", "result", query="opsloop_store_up == 1")
        assert [each["metric"]["job"] for each in found] == ["opsloop-api"]
        rules = asked_of(url, "rules", "groups")[0]["rules"]
        assert rules
        assert all(rule["health"] != "err" for rule in rules)


def test_promtool_finds_nothing_wrong_with_the_text(tmp_path: Path) -> None:
    command = shutil.which("promtool")
    need(command is not None, "the promtool command is not installed (Debian package prometheus)")
    with serving(an_api(tmp_path)) as url:
        said = httpx.get(f"{url}/metrics", trust_env=False).content
    checked = subprocess.run([str(command), "check", "metrics"], input=said, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
