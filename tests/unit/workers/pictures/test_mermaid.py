"""Mermaid flowcharts: within the plain part of the syntax, whatever the names are."""

import html
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from definitions.graph import graph_of
from definitions.graph_model import Graph
from definitions.schema import Sop
from tests.fakes.catalogue import CATALOGUE
from tests.fakes.sops import everything, sops
from workers.pictures.mermaid import mermaid_of, quoted

HOSTILE = st.text(min_size=1, max_size=40)
LABEL = r'"[^"\n`<>{}\[\]|;]*(?:(?:<br/>|#\d+;)[^"\n`<>{}\[\]|;]*)*"'
PAIRS = (
    r"\[,\]",
    r"\[\[,\]\]",
    "\\[/,/\\]",
    r"\[/,\\\]",
    r"\(\[,\]\)",
    r"\(\(,\)\)",
    r"\{,\}",
    r"\{\{,\}\}",
    r">,\]",
)
NODE = r"[A-Za-z0-9_]+(?:" + "|".join(pair.replace(",", LABEL) for pair in PAIRS) + ")"
STATEMENTS = [
    r"flowchart TD",
    r"accTitle: [^\n;#]*",
    r"accDescr: [^\n;#]*",
    NODE,
    rf"[A-Za-z0-9_]+ (?:-->|-\.->|==>)(?:\|{LABEL}\|)? [A-Za-z0-9_]+",
    rf"subgraph [A-Za-z0-9_]+\[{LABEL}\]",
    r"end",
    r"classDef [a-z_]+ [a-z0-9#:,. -]+",
    r"class [A-Za-z0-9_,]+ [a-z_]+",
    r"linkStyle [0-9,]+ [a-z0-9#:,. -]+",
]


def drawn() -> Graph:
    sop, called = everything()
    return graph_of(sop, CATALOGUE, called)


def wrong_lines(text: str) -> list[str]:
    return [
        line
        for line in text.splitlines()
        if not any(re.fullmatch(rf"\s*{each}", line) for each in STATEMENTS)
    ]


def test_a_flowchart_is_made_of_known_statements():
    text = mermaid_of(drawn())
    assert wrong_lines(text) == []
    assert text.startswith("flowchart TD\n")
    assert text.count("subgraph ") == len(re.findall(r"^\s*end$", text, re.MULTILINE))


@settings(max_examples=60, deadline=None)
@given(sops(names=HOSTILE))
def test_no_name_breaks_out_of_its_label(sop: Sop):
    assert wrong_lines(mermaid_of(graph_of(sop, CATALOGUE))) == []


@given(st.lists(st.text(max_size=60), min_size=1, max_size=3))
def test_a_label_reads_back_as_the_text_that_went_in(lines: list[str]):
    label = quoted(lines)
    assert re.fullmatch(LABEL, label)
    coded = label[1:-1].split("<br/>")
    read = [html.unescape(re.sub(r"#(\d+);", r"&#\1;", each)) for each in coded]
    printable = [" ".join("".join(c if c.isprintable() else " " for c in line).split()) for line in lines]
    assert read == printable


def test_edges_name_nodes_that_exist():
    text = mermaid_of(drawn())
    nodes = set(re.findall(r"^\s*([a-z0-9_A-Z]+)(?=[\[({>])", text, re.MULTILINE))
    for source, target in re.findall(r"^\s*(\w+) (?:-->|-\.->|==>)(?:\|[^|]*\|)? (\w+)$", text, re.MULTILINE):
        assert {source, target} <= nodes


def test_chinese_stays_readable():
    assert "受理 #34;receipt#34; #91;now#93;" in mermaid_of(drawn())


def test_failures_are_dotted_and_outcomes_are_on_their_edges():
    text = mermaid_of(drawn())
    assert re.search(r'_risk -->\|"high"\| n\d+_risk_escalate_to_compliance', text)
    assert re.search(r'_freeze -\.->\|"failed"\| n\d+_freeze_fallback', text)
