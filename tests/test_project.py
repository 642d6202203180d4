"""Rules of the project as a whole: what is committed, locked, documented and started fits together."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from workers.settings import PROJECT, Settings

_ROOT = PROJECT
_PYPROJECT = tomllib.loads((_ROOT / "pyproject.toml").read_text())
_CODE = ("activities", "bench", "definitions", "domain", "workers", "workflows")
_LINES = 400

# Joined here, so that this file does not contain what it forbids.
_HOSTS = ("pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "debian" + ".org")
_MACHINE_PATH = r"(?<![A-Za-z0-9_.:-])/(work|root|home/[a-z]+|Users)" + "/"
_BESIDE = "../" + "shared"


def committed() -> list[Path]:
    """What is under version control, or would be with the next commit."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [path for name in listed.stdout.split("\0") if name and (path := _ROOT / name).is_file()]


def texts() -> list[tuple[str, str]]:
    """Path and content of every committed text file."""
    found = []
    for path in committed():
        try:
            found.append((str(path.relative_to(_ROOT)), path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return found


def locked(name: str) -> dict[str, str]:
    """Package to version, as a lock file pins them."""
    pins = re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", (_ROOT / "requirements" / name).read_text(), re.MULTILINE)
    return dict(pins)


def names(requirements: list[str]) -> set[str]:
    """The normalised names of requirements such as `psycopg[binary]>=3.3`."""
    return {re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~! ;]", each)[0]).lower() for each in requirements}


def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((_ROOT / "docker-compose.yml").read_text())
    return document


def test_no_committed_file_names_a_package_index_or_a_path_of_one_machine() -> None:
    wrong = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if any(host in line for host in _HOSTS) or re.search(_MACHINE_PATH, line)
    ]
    assert wrong == []


def test_nothing_but_measuring_tests_needs_what_lies_beside_the_checkout() -> None:
    assert [name for name, text in texts() if _BESIDE in text and not name.startswith("tests/")] == []


def test_no_module_is_longer_than_a_reader_can_hold() -> None:
    long = {
        name: lines
        for name, text in texts()
        if name.endswith(".py") and name.split("/")[0] in _CODE and (lines := text.count("\n")) > _LINES
    }
    assert long == {}, f"split them along their subjects: at most {_LINES} lines"


def test_every_dependency_is_locked_for_the_run() -> None:
    wanted = names(_PYPROJECT["project"]["dependencies"]) | names(_PYPROJECT["build-system"]["requires"])
    assert wanted - set(locked("run.txt")) == set(), "run `make lock`"


def test_every_tool_is_locked_for_development() -> None:
    wanted = names(_PYPROJECT["project"]["optional-dependencies"]["dev"])
    assert wanted - set(locked("dev.txt")) == set(), "run `make lock`"


def test_development_runs_on_the_versions_of_the_run() -> None:
    development = locked("dev.txt")
    assert {name: development.get(name) for name in locked("run.txt")} == locked("run.txt")


@pytest.mark.parametrize("name", ["run.txt", "dev.txt"])
def test_every_locked_package_has_hashes(name: str) -> None:
    text = (_ROOT / "requirements" / name).read_text()
    entries = re.split(r"^(?=[a-z0-9-]+==)", text, flags=re.MULTILINE)[1:]
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert len(entries) > 20


def documented_row(name: str, field: FieldInfo) -> str:
    """A setting's row of the table in docs/operations.md."""
    default = field.default
    if default is None or default == "":
        shown = ""
    elif isinstance(default, Path) and default.is_absolute():
        shown = f"`{default.relative_to(_ROOT)}`"
    else:
        assert not isinstance(default, SecretStr), "a secret has no default"
        shown = f"`{default}`"
    return f"| `OPSLOOP_{name.upper()}` | {shown} | {field.description} |"


def test_every_setting_is_documented_with_its_default_and_meaning() -> None:
    documentation = (_ROOT / "docs" / "operations.md").read_text()
    rows = [documented_row(name, field) for name, field in Settings.model_fields.items()]
    assert [row for row in rows if row not in documentation] == []


def test_no_setting_is_documented_that_nothing_reads() -> None:
    documentation = (_ROOT / "docs" / "operations.md").read_text()
    rows = re.findall(r"^\| `OPSLOOP_(\w+)` \| .* \| .* \|$", documentation, re.MULTILINE)
    assert {row.lower() for row in rows} == set(Settings.model_fields)


def test_compose_sets_only_settings_that_exist() -> None:
    services = compose()["services"]
    ours = [services[name]["environment"] for name in ("migrate", "worker", "api")]
    used = {key.removeprefix("OPSLOOP_").lower() for environment in ours for key in environment}
    assert used - set(Settings.model_fields) == set()


def test_compose_pins_every_image_and_publishes_on_loopback_only() -> None:
    for name, service in compose()["services"].items():
        assert re.search(r":(\$\{\w+:-)?v?\d+\.\d+", service["image"]), f"{name} has no pinned image"
        for port in service.get("ports", []):
            assert "127.0.0.1:" in port, f"{name} publishes {port} beyond this machine"


def test_the_commands_of_the_readme_are_targets_of_the_makefile() -> None:
    readme = (_ROOT / "README.md").read_text()
    targets = set(re.findall(r"^([a-z-]+):", (_ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)\b", re.sub(r"\bmake sure\b", "", readme)))
    assert {"demo", "test"} <= named, "the README names the two commands of a newcomer"
    assert named - targets == set()
