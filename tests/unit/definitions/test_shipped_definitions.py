"""What is in the box works: every SOP and policy, ours and the article's."""

from pathlib import Path

import pytest
import yaml

from definitions.findings import Severity
from definitions.loader import load_rulebook, read_sop
from definitions.policy_files import FILES, read_policies
from definitions.schema import all_steps
from workers.activity_set import handler_specs

DEFINITIONS = Path(__file__).resolve().parents[3] / "definitions"
SOPS = sorted(path for path in (DEFINITIONS / "sops").glob("*.yaml") if not path.name.endswith(".test.yaml"))
CALLED = {"payment_authority", "period_close"}
"""SOPs that only others run."""
TRIGGERS = {
    ("accounts", "freeze"),
    ("accounts", "unfreeze"),
    ("settlement", "cross_border"),
    ("settlement", "reconcile"),
    ("complaint", "handle"),
    ("compliance", "review"),
    ("finance", "expense"),
    ("finance", "invoice"),
    ("finance", "tax"),
    ("finance", "statements"),
    ("other", None),
}


def test_the_definitions_in_use_have_no_findings_at_all() -> None:
    rulebook, findings = load_rulebook(DEFINITIONS, handler_specs())
    assert [str(finding) for finding in findings] == []
    assert rulebook is not None
    triggers = {sop.id: sop.trigger for sop in rulebook.sops}
    assert {sop for sop, trigger in triggers.items() if trigger is None} == CALLED
    assert {(each.category, each.action) for each in triggers.values() if each} == TRIGGERS


@pytest.mark.parametrize("path", SOPS, ids=lambda path: path.stem)
def test_every_sop_says_when_silence_is_safe(path: Path) -> None:
    sop, findings = read_sop(path, None)
    assert sop is not None, [str(finding) for finding in findings]
    assert sop.version
    # The clock of a called SOP is its caller's.
    assert bool(sop.sla) == bool(sop.escalation) == bool(sop.trigger)
    for _, step in all_steps(sop.steps):
        if person := step.review or step.manual:
            assert person.deadline is not None
            # Only the general SOP leaves to dispatch who is asked.
            assert bool(person.group) == (path.stem != "general")


@pytest.mark.parametrize("path", SOPS, ids=lambda path: path.stem)
def test_every_sop_says_before_its_steps_what_it_rests_on(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    head = text[: text.index("\nname:")]
    assert all(line.startswith("#") for line in head.splitlines())
    if path.stem != "general":
        assert any(
            word in head for word in ("Law:", "Rules:", "Facts:", "Order of the controls:", "Authority:")
        )


@pytest.mark.parametrize("path", SOPS, ids=lambda path: path.stem)
def test_every_sop_but_the_general_one_has_cases(path: Path) -> None:
    assert path.with_suffix(".test.yaml").exists() == (path.stem != "general")


def test_the_articles_set_is_complete_and_its_sop_runs_with_its_policies() -> None:
    policies, findings = read_policies(DEFINITIONS / "seed" / "policies")
    assert [str(finding) for finding in findings] == []
    catalogue = policies.catalogue(handler_specs())
    sop, findings = read_sop(DEFINITIONS / "seed/sops/workflow_account_freeze.yaml", catalogue)
    assert sop is not None
    assert {finding.severity for finding in findings} == {Severity.WARNING}


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_every_policy_says_what_it_is_before_it_says_anything(file: tuple[str, object]) -> None:
    path = DEFINITIONS / "policies" / file[0]
    assert path.read_text(encoding="utf-8").startswith("#")


@pytest.mark.parametrize("path", SOPS, ids=lambda path: path.stem)
def test_our_reader_and_a_standard_one_agree_on_our_sops(path: Path) -> None:
    sop, _ = read_sop(path, None)
    assert sop is not None
    standard = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert [step.name for step in sop.steps] == [step["name"] for step in standard["steps"]]
