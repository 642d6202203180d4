"""What is in the box works: every SOP and policy, ours and the article's."""

from pathlib import Path

import pytest
import yaml

from definitions.findings import Severity
from definitions.loader import load_rulebook, read_sop
from definitions.policy_files import FILES, read_policies
from workers.composition import handler_specs

DEFINITIONS = Path(__file__).resolve().parents[3] / "definitions"
SOPS = sorted(path for path in (DEFINITIONS / "sops").glob("*.yaml") if not path.name.endswith(".test.yaml"))
TRIGGERS = {
    ("accounts", "freeze"),
    ("accounts", "unfreeze"),
    ("settlement", "cross_border"),
    ("settlement", "reconcile"),
    ("complaint", "handle"),
    ("compliance", "review"),
    ("other", None),
}


def test_the_definitions_in_use_have_no_findings_at_all() -> None:
    rulebook, findings = load_rulebook(DEFINITIONS, handler_specs())
    assert [str(finding) for finding in findings] == []
    assert rulebook is not None
    assert {(sop.trigger.category, sop.trigger.action) for sop in rulebook.sops} == TRIGGERS


@pytest.mark.parametrize("path", SOPS, ids=lambda path: path.stem)
def test_every_sop_says_when_silence_is_safe(path: Path) -> None:
    sop, findings = read_sop(path, None)
    assert sop is not None, [str(finding) for finding in findings]
    assert sop.version
    assert sop.sla
    assert sop.escalation
    for step in sop.steps:
        person = step.review or step.manual
        assert person is None or person.deadline is not None


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
