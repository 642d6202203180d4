"""`opsloop review` where there is a form to fill in, or several must approve."""

import json

import pytest

from domain.fields import FieldType, FormField
from domain.review import DecisionOutcome

FORM = {
    "voucher_no": FormField(label="Voucher number"),
    "amount": FormField(type=FieldType.MONEY),
    "paid": FormField(type=FieldType.FLAG, required=False),
    "branch": FormField(choices=("north", "south")),
}
FILLED = ("--field", "voucher_no=V-1", "--field", "amount=12.50", "--field", "branch=north")


@pytest.fixture(autouse=True)
def _asking(office):
    office.asking(form=FORM, quorum=2, approvals=("li.wei",), on_late="escalate")
    office.temporal.on_update["decide"] = lambda _: DecisionOutcome(
        review_id="R1", accepted=True, code="accepted", message="1 of 2 approvals recorded"
    )


def test_a_review_shows_its_form_its_approvals_and_what_silence_means(terminal, api):
    shown = terminal("review", "show", "R1", "--as", "wang.fang").out
    assert "voucher_no: Voucher number: a text" in shown
    assert "amount: an amount such as 1200.50" in shown
    assert "paid: true or false (may be left out)" in shown
    assert "branch: one of north, south" in shown
    assert "1 of 2: li.wei" in shown
    assert "whoever is on call is asked" in shown


@pytest.mark.parametrize("on_late", ["wait", "escalate", "go_on", "reject"])
def test_every_meaning_of_silence_is_put_in_words(terminal, api, office, on_late):
    office.asking(on_late=on_late)
    shown = terminal("review", "show", "R1", "--as", "wang.fang").out
    line = next(each for each in shown.splitlines() if each.startswith("if nobody decides"))
    assert len(line.removeprefix("if nobody decides").split()) > 3


def test_one_approval_is_nothing_to_count(terminal, api, office):
    office.asking()
    assert "approvals" not in terminal("review", "show", "R1", "--as", "wang.fang").out


def test_the_answers_arrive_as_their_types(terminal, api, office):
    ran = terminal("review", "approve", "R1", *FILLED, "--field", "paid=yes", "--as", "wang.fang")
    assert ran.code == 0
    assert "1 of 2 approvals recorded" in ran.out
    decision = office.temporal.updates[0][2]
    assert decision.form == {"voucher_no": "V-1", "amount": "12.50", "branch": "north", "paid": True}


def test_answers_and_what_was_read_before_go_together(terminal, api, office):
    digest = office.reader.reviews["R1"].digest
    ran = terminal("review", "approve", "R1", *FILLED, "--digest", digest, "--as", "wang.fang", "--json")
    assert ran.document["accepted"] is True
    office.asking(form=FORM, evidence=("something else",))
    ran = terminal("review", "approve", "R1", *FILLED, "--digest", digest, "--as", "wang.fang", "--json")
    assert ran.document["error"]["code"] == "content_changed"


def test_what_is_missing_or_does_not_fit_is_named(terminal, api, office):
    ran = terminal(
        "review",
        "approve",
        "R1",
        "--field",
        "amount=much",
        "--field",
        "branch=west",
        "--as",
        "wang.fang",
        "--json",
    )
    assert ran.code == 1
    error = ran.document["error"]
    assert (error["code"], error["field"]) == ("form_invalid", "form")
    assert "voucher_no: is missing" in error["message"]
    assert "amount: is not an amount" in error["message"]
    assert "branch: is not one of north, south" in error["message"]
    ran = terminal("review", "approve", "R1", "--field", "paid=maybe", "--as", "wang.fang")
    assert "paid: expected true or false" in ran.err
    assert office.temporal.updates == []


def test_a_code_comes_with_the_form_to_fill_in(terminal, api):
    shown = terminal("review", "code", "R1", "--as", "wang.fang").out
    assert json.loads(shown[shown.index("{") :])["form"]["amount"] == "an amount such as 1200.50"
