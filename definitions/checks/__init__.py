"""What an SOP means: small checks over one SOP and the handler catalogue, one module for each subject.

Each check is a function `(Subject) -> findings` and looks at one thing. To add one, write it in the module
of its subject, append it to that module's `CHECKS`, register its codes in `definitions.findings`, and give
each a page in `docs/findings/`.
"""

from typing import Final

from definitions.checks import coverage, effects, expressions, inputs, loops, names, people, targets, times
from definitions.checks.subject import Catalogue, Check, Subject, outcomes_of
from definitions.findings import Finding, bounded
from definitions.schema import Sop
from definitions.yaml_source import Document

__all__ = ["CHECKS", "Catalogue", "check_sop", "outcomes_of"]

CHECKS: Final[tuple[Check, ...]] = (
    *names.CHECKS,
    *targets.CHECKS,
    *coverage.CHECKS,
    *effects.CHECKS,
    *people.CHECKS,
    *times.CHECKS,
    *inputs.CHECKS,
    *expressions.CHECKS,
    *loops.CHECKS,
)


def check_sop(sop: Sop, positions: Document, catalogue: Catalogue) -> list[Finding]:
    """What all checks find, in the order of the file."""
    subject = Subject(sop, positions, catalogue)
    findings = bounded(finding for check in CHECKS for finding in check(subject))
    return sorted(findings, key=lambda finding: (finding.line, finding.column, finding.code))
