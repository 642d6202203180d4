"""`policies/handlers.yaml`: what it means, what is wrong in it, and that a bank may do without."""

from datetime import timedelta
from pathlib import Path

import pytest

from definitions.loader import load_rulebook
from domain.handler_health import HandlerPolicy
from tests.fakes.definition_folder import write_definitions
from workers.activity_set import handler_specs


def load(tmp_path: Path, text: str | None) -> tuple[HandlerPolicy | None, list[tuple[str, int]]]:
    folder = write_definitions(tmp_path / "definitions")
    if text is not None:
        (folder / "policies" / "handlers.yaml").write_text(text, encoding="utf-8")
    book, findings = load_rulebook(folder, handler_specs())
    places = [(each.code, each.line) for each in findings if each.file.endswith("handlers.yaml")]
    return (book.degraded if book else None), places


def test_without_the_file_three_failures_and_a_minute_hold(tmp_path: Path) -> None:
    policy, findings = load(tmp_path, None)
    assert policy == HandlerPolicy(failures=3, probe_every=timedelta(minutes=1))
    assert findings == []


def test_what_the_file_says_holds_and_a_handler_may_differ(tmp_path: Path) -> None:
    text = "failures: 5\nhandlers:\n  core_system_freeze: {failures: 2, probe_every: 30s}\n"
    policy, findings = load(tmp_path, text)
    assert policy is not None and findings == []
    assert (policy.failures_of("core_system_freeze"), policy.failures_of("sms_notifier")) == (2, 5)
    assert policy.probe_every_of("core_system_freeze") == timedelta(seconds=30)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("handlers:\n  core_system_frieze: {failures: 2}\n", ("OPS562", 2)),
        ("handlers:\n  manual_freeze: {failures: 2}\n", ("OPS563", 2)),
        ("failures: 3\nprobe_every: 1s\n", ("OPS564", 2)),
        ("handlers:\n  http:\n    probe_every: 5h\n", ("OPS564", 3)),
        ("handlers:\n  http: {failures: 21}\n", ("OPS565", 2)),
        ("failures: 0\n", ("OPS106", 1)),
    ],
)
def test_what_is_wrong_is_found_where_it_stands(tmp_path: Path, text: str, place: tuple[str, int]) -> None:
    _, findings = load(tmp_path, text)
    assert findings == [place]
