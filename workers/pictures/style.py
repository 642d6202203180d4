"""Colours and words of the pictures, light and dark. Every meaning is told by shape and text as well."""

from dataclasses import dataclass
from functools import cache
from typing import Final

from definitions.graph_model import NodeKind

FONT: Final = (
    "system-ui,'Segoe UI',Roboto,'Helvetica Neue',Arial,'Noto Sans SC',"
    "'PingFang SC','Microsoft YaHei',sans-serif"
)


@dataclass(frozen=True)
class Paint:
    """Fill and stroke, light and dark."""

    fill: str
    stroke: str
    dark_fill: str
    dark_stroke: str


PAINTS: Final[dict[NodeKind, Paint]] = {
    NodeKind.CHECK: Paint("#eaf2fb", "#33699e", "#16283c", "#6ea8df"),
    NodeKind.EFFECT: Paint("#fdeedd", "#b35309", "#3a2410", "#f0a35a"),
    NodeKind.PERSON: Paint("#f0eafc", "#6741b9", "#2a2145", "#b197f0"),
    NodeKind.WAIT: Paint("#f5f4de", "#77700f", "#2e2c10", "#d3c95a"),
    NodeKind.CALL: Paint("#e1f3f0", "#11776a", "#10302c", "#5cc9b8"),
    NodeKind.BLOCK: Paint("#eceff3", "#56606d", "#262d37", "#a7b2c0"),
    NodeKind.UNDO: Paint("#fbe9f2", "#a02c6b", "#3b1a2c", "#e58abb"),
    NodeKind.COMPLETED: Paint("#e2f5e6", "#237a36", "#14301b", "#69c97f"),
    NodeKind.REJECTED: Paint("#fdeaea", "#c02626", "#3b1818", "#f28b8b"),
}
PAINTS[NodeKind.PICK] = PAINTS[NodeKind.PERSON]
PAINTS[NodeKind.START] = PAINTS[NodeKind.BLOCK]
for _kind in (NodeKind.LANE, NodeKind.GATE, NodeKind.FORK, NodeKind.JOIN):
    PAINTS[_kind] = PAINTS[NodeKind.BLOCK]

LEGEND: Final = (
    (NodeKind.CHECK, "check: changes nothing outside"),
    (NodeKind.EFFECT, "effect: changes something outside"),
    (NodeKind.PERSON, "person: a decision, or work by hand"),
    (NodeKind.WAIT, "wait: for time, or for an event"),
    (NodeKind.CALL, "call: another SOP"),
    (NodeKind.BLOCK, "block: holds other steps"),
    (NodeKind.GATE, "condition: the step, or past it"),
    (NodeKind.FORK, "background: the run goes on beside it"),
    (NodeKind.PICK, "no route: a person picks one"),
    (NodeKind.UNDO, "undoes a step when the ticket ends badly"),
    (NodeKind.REJECTED, "the ticket ends as rejected"),
)


@cache
def style_sheet() -> str:
    """The rules of a picture: light, and dark where the viewer prefers it."""
    light = [
        "svg{background:#fff}",
        f"text{{font-family:{FONT};fill:#1a2330}}",
        ".word,.fact,.about{fill:#4a5666}.label{fill:#2c3746}.halo{fill:#fff}",
        ".edge{fill:none;stroke:#6b7787;stroke-width:1.4}.head{fill:#6b7787}",
        ".frame{fill:none;stroke:#8894a4;stroke-width:1.2}",
        ".lane{stroke-dasharray:2 3}.badge circle{fill:#12508f}.badge text{fill:#fff}",
        ".taken{stroke:#12508f;stroke-width:3.2}.taken-head{fill:#12508f}.said{fill:#12508f}",
        ".bad{stroke:#c02626}.bad-said{fill:#c02626}.bad-head{fill:#c02626}.strike{stroke:#4a5666}",
    ]
    dark = [
        "svg{background:#11161d}text{fill:#e8edf4}.word,.fact,.about{fill:#aab6c5}.label{fill:#cdd6e1}",
        ".halo{fill:#11161d}.edge{stroke:#8592a3}.head{fill:#8592a3}",
        ".taken{stroke:#6db6ff}.taken-head,.said{fill:#6db6ff}",
        ".badge circle{fill:#6db6ff}.badge text{fill:#0b1220}",
        ".bad{stroke:#ff8a8a}.bad-said,.bad-head{fill:#ff8a8a}.strike{stroke:#aab6c5}",
    ]
    for kind, paint in PAINTS.items():
        light.append(f".{kind} .shape{{fill:{paint.fill};stroke:{paint.stroke}}}")
        light.append(f".{kind} .band{{fill:{paint.stroke}}}")
        dark.append(f".{kind} .shape{{fill:{paint.dark_fill};stroke:{paint.dark_stroke}}}")
        dark.append(f".{kind} .band{{fill:{paint.dark_stroke}}}")
    fixed = [
        ".shape{stroke-width:1.5}.inner{fill:none}.visited .shape{stroke-width:3}",
        ".name{font-size:13px;font-weight:600}.word{font-size:10px;letter-spacing:.04em}",
        ".fact{font-size:11px}.label{font-size:11px}.said,.bad-said{font-size:11px;font-weight:600}",
        ".title{font-size:18px;font-weight:700}.about{font-size:12px}",
        ".badge text{font-size:11px;font-weight:700;text-anchor:middle}",
        ".error,.no,.otherwise{stroke-dasharray:6 4}.undo{stroke-dasharray:1.5 4;stroke-linecap:round}",
        ".async,.pick{stroke-dasharray:10 3 2 3}.undo .shape,.pick .shape{stroke-dasharray:4 3}",
        ".passed,.not_needed{opacity:.42}.untaken{opacity:.45}.strike{stroke-width:1.3}",
        ".current .shape{stroke-dasharray:none}.pulse{fill:none;stroke:#e0a100;stroke-width:4}",
        "@media (prefers-reduced-motion:no-preference){.pulse{animation:pulse 1.6s ease-in-out infinite}}",
        "@keyframes pulse{50%{stroke-opacity:.25}}",
    ]
    bad = ".failed .shape,.refused .shape{stroke:#c02626}"
    dark_bad = ".failed .shape,.refused .shape{stroke:#ff8a8a}"
    return (
        "".join(light)
        + bad
        + "".join(fixed)
        + "@media (prefers-color-scheme:dark){"
        + "".join(dark)
        + dark_bad
        + "}"
    )
