"""`policies/trends.yaml`: what it means, what is wrong in it, and that a bank may do without."""

from datetime import timedelta
from pathlib import Path

import pytest

from definitions.loader import load_rulebook
from domain.trend import TrendPolicy
from tests.fakes.definition_folder import write_definitions
from workers.activity_set import handler_specs


def load(tmp_path: Path, text: str | None) -> tuple[TrendPolicy | None, list[tuple[str, int]]]:
    folder = write_definitions(tmp_path / "definitions")
    if text is not None:
        (folder / "policies" / "trends.yaml").write_text(text, encoding="utf-8")
    book, findings = load_rulebook(folder, handler_specs())
    places = [(each.code, each.line) for each in findings if each.file.endswith("trends.yaml")]
    return (book.trends if book else None), places


def test_without_the_file_three_times_the_baseline_of_four_weeks_holds(tmp_path: Path) -> None:
    policy, findings = load(tmp_path, None)
    assert policy is not None and findings == []
    assert (policy.ratio, policy.minimum, policy.weeks) == (3, 10, 4)
    assert (policy.window, policy.every) == (timedelta(hours=1), timedelta(minutes=1))


def test_what_the_file_says_holds_and_a_kind_may_differ(tmp_path: Path) -> None:
    text = "ratio: 4\nby: [source]\nkinds:\n  accounts/freeze: {minimum: 20, watch: false}\n"
    policy, findings = load(tmp_path, text)
    assert policy is not None and findings == []
    assert (policy.ratio_of("accounts/freeze"), policy.by) == (4, ("source",))
    assert (policy.minimum_of("accounts/freeze"), policy.minimum_of("other/handle")) == (20, 10)
    assert (policy.watches("accounts/freeze"), policy.watches("other/handle")) == (False, True)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("kinds:\n  accounts/frieze: {minimum: 20}\n", ("OPS554", 2)),
        ("ratio: 2\n", ("OPS555", 1)),
        ("ends_below: 0.5\nratio: 1\n", ("OPS555", 2)),
        ("kinds:\n  accounts/freeze:\n    ratio: 1.5\n", ("OPS555", 3)),
        ("window: 24h\n", ("OPS556", 1)),
        ("window: 10min\nevery: 6min\n", ("OPS556", 2)),
        ("every: 1s\n", ("OPS556", 1)),
        ("to: lead\ngroup: Acounts\n", ("OPS557", 2)),
        ("minimum: 0\n", ("OPS106", 1)),
        ("by: [keyword]\n", ("OPS104", 1)),
    ],
)
def test_what_is_wrong_is_found_where_it_stands(tmp_path: Path, text: str, place: tuple[str, int]) -> None:
    _, findings = load(tmp_path, text)
    assert findings == [place]
