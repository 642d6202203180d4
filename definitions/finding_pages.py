"""The page of each finding's code: what it means, an example, the mended example, and why.

Pages are written by hand in `docs/findings/`; a test runs their examples through the checks.
"""

from pathlib import Path
from typing import Final

from definitions.findings import CODES, suggestion
from domain.errors import NotFound

PAGES: Final = Path(__file__).resolve().parent.parent / "docs" / "findings"


def page_path(code: str) -> Path:
    """Where the page of a code lies."""
    return PAGES / f"{code}.md"


def explained(code: str) -> str:
    """All about a code, to be read in a terminal. Raises `NotFound` for one that does not exist."""
    code = code.upper()
    if code not in CODES:
        raise NotFound(
            f"no finding has the code {code}{suggestion(code, CODES)}; docs/findings lists them all"
        )
    severity, title, explanation = CODES[code]
    path = page_path(code)
    if not path.is_file():
        return f"{code}: {title} ({severity})\n\n{explanation}"
    return path.read_text(encoding="utf-8").removeprefix("# ").strip()
