"""The examples of the language's pages are true: wrong ones have the finding that they name."""

import re
import textwrap
from pathlib import Path

import pytest

from definitions.findings import has_errors
from definitions.loader import check_sop_files
from workers.activity_set import handler_specs
from workers.settings import PROJECT

PAGES = ("sop-language", "sop-steps", "sop-expressions", "sop-failures", "sop-mistakes")
HEAD = """\
name: Documented Example
trigger: {category: documented, action: example}
sla: 10d
steps:
  - {name: Judge, handler: risk_assessor}
"""


def examples() -> list[tuple[str, str]]:
    """Each block of steps, and each whole SOP, with the page and line where it stands."""
    found = []
    for page in PAGES:
        text = (PROJECT / "docs" / f"{page}.md").read_text(encoding="utf-8")
        for match in re.finditer(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            content = re.sub(r"^#.*\n", "", match[1])
            if content.lstrip().startswith(("name:", "- ")):
                found.append((f"{page}:{text[: match.start()].count(chr(10)) + 1}", match[1]))
    return found


def as_sop(block: str) -> str:
    """The block as a whole SOP. Its risk is assessed first, unless the block does that itself."""
    if block.startswith("name:"):
        return block
    head = HEAD if "risk_assessor" not in block else HEAD.rsplit("\n", 2)[0] + "\n"
    return head + textwrap.indent(block, "  ")


@pytest.mark.parametrize(("place", "block"), examples(), ids=[place for place, _ in examples()])
def test_an_example_is_as_its_page_says(place: str, block: str, tmp_path: Path) -> None:
    file = tmp_path / "documented_example.yaml"
    file.write_text(as_sop(block), encoding="utf-8")
    findings = check_sop_files([file], PROJECT / "definitions", handler_specs())
    own = [each for each in findings if Path(each.file) == file]
    wrong = re.match(r"# wrong: (OPS\d{3})", block)
    if wrong:
        assert wrong[1] in {each.code for each in own}, [str(each) for each in own]
    elif block.startswith("# right"):
        assert own == []
    else:
        assert not has_errors(own), [str(each) for each in own]
