"""A bank's own handlers, installed as a distribution is, and what is said of those that cannot be used."""

import sys
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.catalogue import activities_of
from domain.errors import DefinitionError
from domain.handlers import Queue
from domain.steps import StepInput, StepOutput
from domain.task import OpsTask, RiskLevel
from workers.activity_set import ActivitySet, handler_specs
from workers.extensions import Extension, extensions
from workers.settings import PROJECT
from workers.worker import check_wiring

SAMPLE = PROJECT / "docs/samples/bank_handlers"
HEAD = """\
from activities.catalogue import handler, task
from domain.handlers import Effect, Queue
from domain.steps import StepInput, StepOutput
"""
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts a module and its distribution on the path, as an installer does."""
    monkeypatch.syspath_prepend(tmp_path)
    modules: list[str] = []

    def lay(
        module: str, source: str, entries: dict[str, str], name: str = "bank-x", version: str = "2.1"
    ) -> None:
        (tmp_path / f"{module}.py").write_text(source, encoding="utf-8")
        folder = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = [f"{entry} = {target}" for entry, target in entries.items()]
        (folder / "entry_points.txt").write_text("\n".join(["[opsloop.handlers]", *lines, ""]))
        modules.append(module)
        extensions.cache_clear()

    extensions.cache_clear()
    yield lay
    extensions.cache_clear()
    for module in modules:
        sys.modules.pop(module, None)


@pytest.fixture
def sample(install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The worked example of the documentation; the inbox that it writes to."""
    project = tomllib.loads((SAMPLE / "pyproject.toml").read_text("utf-8"))["project"]
    install(
        "bank_handlers",
        (SAMPLE / "bank_handlers.py").read_text("utf-8"),
        project["entry-points"]["opsloop.handlers"],
        project["name"],
        project["version"],
    )
    inbox = tmp_path / "inbox"
    monkeypatch.setenv("BANK_BRANCH_INBOX", str(inbox))
    return inbox


def served() -> tuple[Extension, ...]:
    return extensions(frozenset())


def wired(*objects: object, queue: Queue = Queue.SERVICES) -> ActivitySet:
    return ActivitySet(by_queue={queue: objects})


def test_the_worked_example_is_in_the_catalogue_with_its_version(sample: Path) -> None:
    brought = {name: spec for name, spec in handler_specs().items() if spec.source}
    assert {spec.source for spec in brought.values()} == {"bank-handlers 1.0.0"}
    assert set(brought) == {"day_limit_checker", "instruct_branch", "recall_branch_instruction"}
    assert brought["instruct_branch"].compensation == "recall_branch_instruction"
    assert brought["day_limit_checker"].inputs["segment"].choices == ("retail", "corporate")
    assert not sample.exists(), "loading must not do anything outside"


def test_the_worked_example_does_a_step(sample: Path) -> None:
    [owner] = [owner for each in served() for owner in each.on(Queue.SERVICES)]
    [instruct] = [each for each in activities_of(owner) if each.__name__ == "instruct_branch"]
    step = StepInput(
        task=OpsTask(task_id="T1", title="A ticket", source="api", external_id="1"),
        step_id="tell_branch",
        step_name="Tell Branch",
        handler="instruct_branch",
        risk=RiskLevel.LOW,
        now=datetime(2026, 11, 24, tzinfo=UTC),
        inputs={"branch": "0123", "text": "Call the customer back"},
    )
    output: StepOutput = ActivityEnvironment().run(instruct, step)
    assert [path.name for path in sample.glob("*.json")] == [output.data["slip"]]


def test_objects_serve_the_queues_of_their_handlers(sample: Path) -> None:
    names = {
        queue: [type(owner).__name__ for each in served() for owner in each.on(queue)] for queue in Queue
    }
    assert names == {
        Queue.TICKETS: ["LimitActivities"],
        Queue.CORE_BANK: [],
        Queue.CHANNELS: [],
        Queue.SERVICES: ["BranchActivities"],
    }


def test_without_any_only_ours_are_there(install: Install) -> None:
    assert all(not spec.source for spec in handler_specs().values())


BROKEN = {
    "no docstring": (
        "class Own:\n    @handler()\n    def own(self, step):\n        return StepOutput()\n",
        "handler own: a docstring is missing",
    ),
    "unknown queue": (
        "class Own:\n    @handler(queue='night')\n    def own(self, step):\n        '''Does.'''\n",
        "handler own: queue: Input should be 'opsloop-tickets'",
    ),
    "ours already": (
        "class Own:\n    @handler()\n    def http(self, step):\n        '''Does.'''\n",
        "the handler 'http' is one of opsloop itself already",
    ),
    "no handler": ("class Own:\n    pass\n", "gives no object with a method that is marked with @handler"),
    "not there": ("class Other:\n    pass\n", "has no attribute 'Own'"),
    "not made": (
        "class Own:\n    def __init__(self, bank):\n        pass\n",
        "missing 1 required positional",
    ),
    "does not load": ("import a_module_that_is_not_there\n", "No module named 'a_module_that_is_not_there'"),
    "twice": (
        "class One:\n    @handler()\n    def own(self, step):\n        '''Does.'''\n"
        "def Own():\n    return [One(), One()]\n",
        "gives the handler 'own' twice",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_cannot_be_used_is_named_with_its_distribution(install: Install, kind: str) -> None:
    source, said = BROKEN[kind]
    install("own_handlers", HEAD + source, {"mine": "own_handlers:Own"})
    with pytest.raises(DefinitionError) as refused:
        handler_specs()
    assert str(refused.value).startswith("bank-x 2.1, entry point 'mine' (own_handlers:Own): ")
    assert said in str(refused.value)


def test_two_distributions_cannot_bring_the_same_handler(install: Install) -> None:
    source = HEAD + "class Own:\n    @handler()\n    def own(self, step):\n        '''Does.'''\n"
    install("own_one", source, {"mine": "own_one:Own"}, "bank-a")
    install("own_two", source, {"mine": "own_two:Own"}, "bank-b")
    with pytest.raises(DefinitionError, match=r"bank-b 2\.1.*'own' is one of bank-a 2\.1 already"):
        handler_specs()


WIRING: dict[str, tuple[str, Any]] = {
    "resolver": ("@handler(queue=Queue.SERVICES, resolver='settle')", "no activity settle is registered"),
    "compensation": (
        "@handler(queue=Queue.SERVICES, compensation='http_')",
        r"its compensation 'http_' is no handler \(did you mean 'http'\?\)",
    ),
}


@pytest.mark.parametrize("kind", WIRING)
def test_a_worker_does_not_start_with_a_handler_that_would_hang(install: Install, kind: str) -> None:
    decorator, said = WIRING[kind]
    source = f"class Own:\n    {decorator}\n    def own(self, step):\n        '''Does.'''\n"
    install("own_handlers", HEAD + source, {"mine": "own_handlers:Own"})
    [brought] = served()
    with pytest.raises(DefinitionError, match=rf"handler own of bank-x 2\.1: {said}"):
        check_wiring(wired(*brought.owners), {**brought.handlers, "http": handler_specs()["http"]})


def test_an_activity_has_one_name_on_its_queue(install: Install) -> None:
    source = "class Own:\n    @task\n    def raise_alert(self, alert):\n        '''Ours.'''\n"
    install("own_handlers", HEAD + source, {})
    import own_handlers  # type: ignore[import-not-found]  # noqa: PLC0415

    with pytest.raises(DefinitionError, match="the activity raise_alert is registered on opsloop-services"):
        check_wiring(wired(own_handlers.Own(), own_handlers.Own()), {})
