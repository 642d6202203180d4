"""`opsloop dispatch explain` over the definitions that ship."""

import io

import pytest

from workers.settings import PROJECT

SHIPPED = ("--definitions", str(PROJECT / "definitions"))


def test_the_evidence_is_shown(terminal):
    ran = terminal("dispatch", "explain", "please unfreeze account", *SHIPPED)
    assert ran.code == 0
    assert 'matched "unfreeze' in ran.out
    answer = terminal("dispatch", "explain", "please unfreeze account", "--json", *SHIPPED).document
    assert (answer["category"], answer["action"], answer["layer"]) == ("accounts", "unfreeze", "rules")


def test_what_nobody_knows_goes_to_the_safety_net_with_its_reason(terminal):
    answer = terminal("dispatch", "explain", "hello", "--json", *SHIPPED).document
    assert answer["layer"] == "fallback"
    assert answer["evidence"]["reason"]


def test_long_texts_come_from_standard_input(terminal, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{'word ' * 100}\nplease unfreeze account"))
    answer = terminal("dispatch", "explain", "-", "--json", *SHIPPED).document
    assert answer["action"] == "unfreeze"


@pytest.mark.parametrize("text", ["", "  "])
def test_no_text_is_an_error(terminal, text):
    ran = terminal("dispatch", "explain", text, *SHIPPED)
    assert (ran.code, ran.err) == (1, "opsloop: there is no text to dispatch\n")


def test_definitions_that_cannot_be_used_are_an_error_of_one_line(terminal, definitions):
    ran = terminal("dispatch", "explain", "hello")
    assert ran.code == 1
    assert ran.err.count("\n") == 1
    assert str(definitions) in ran.err
