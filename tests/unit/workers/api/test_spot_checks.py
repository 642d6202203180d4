"""The API of spot checks: the queue, who may answer, and what cannot be answered any more."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.messages import CodeCheck
from domain.spot_check import CheckAnswer, CheckOutcome, CheckReply, CheckVerb, SpotCheckPolicy
from tests.support.duty_office import DutyOffice, a_check, duty_office
from workflows.spot_check_contract import DECIDE_UPDATE

PASS = {"verb": "pass", "reason": "papers and amount agree"}


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[DutyOffice]:
    with duty_office(tmp_path) as made:
        yield made


async def answer(bank: DutyOffice, who: str, task_id: str = "T1", **changes: Any) -> tuple[int, Any]:
    return await bank.ask(who, "POST", f"/spot-checks/{task_id}/answer", json={**PASS, **changes})


async def test_the_queue_is_listed_for_all_and_for_me(bank: DutyOffice) -> None:
    bank.opened("T1")
    bank.opened("T2", group="Reconciliation")
    bank.store.spot_checks.leave_out(a_check("T3"))

    async def listed(who: str, **wanted: Any) -> list[str]:
        _, found = await bank.ask(who, "GET", "/spot-checks", params=wanted)
        return [each["check"]["task_id"] for each in found["checks"]]

    assert sorted(await listed("li.wei")) == ["T1", "T2", "T3"]
    assert await listed("li.wei", state="open", mine=True) == ["T1"]
    assert await listed("wang.fang", state="open", mine=True) == []  # had a hand in both
    assert await listed("op.chen", group="Reconciliation") == ["T2"]
    assert (await bank.ask("intake", "GET", "/spot-checks"))[0] == 403


async def test_an_answer_goes_to_the_workflow_with_a_code_bound_to_what_was_shown(bank: DutyOffice) -> None:
    check = bank.opened()
    status, reply = await answer(bank, "li.wei", verb="object", reason="wrong account")
    assert (status, reply["accepted"]) == (200, True)
    [(workflow, name, sent)] = bank.temporal.updates
    assert (workflow, name) == ("spot-check-T1", DECIDE_UPDATE)
    assert (sent.verb, sent.reason) == (CheckVerb.OBJECT, "wrong account")
    claim = {"purpose": "spot_check", "subject": "T1"}
    verified = bank.codes.verify(_check_of(sent, digest=check.digest, **claim))
    assert verified.principal is not None
    assert verified.principal.id == "li.wei"
    assert bank.codes.verify(_check_of(sent, digest="f" * 64, **claim)).principal is None


def _check_of(sent: CheckAnswer, **claim: str) -> CodeCheck:
    return CodeCheck(code=sent.code, **claim)


@pytest.mark.parametrize(
    ("who", "code"), [("wang.fang", "four_eyes"), ("zhao.min", "not_permitted"), ("op.chen", "not_permitted")]
)
async def test_who_may_not_answer_is_told_and_audited(bank: DutyOffice, who: str, code: str) -> None:
    bank.opened()
    status, problem = await answer(bank, who)
    assert (status, problem["code"]) == (403, code)
    assert bank.temporal.updates == []
    row = bank.store.audit.entries()[-1]
    assert (row.action, row.actor, row.accepted, row.task_id) == ("spot_check.refused", who, False, "T1")


async def test_what_the_workflow_refuses_is_refused(bank: DutyOffice) -> None:
    bank.opened()
    bank.temporal.on_update[DECIDE_UPDATE] = lambda _: CheckReply(
        task_id="T1", accepted=False, code="late", message="already decided"
    )
    assert (await answer(bank, "li.wei"))[0] == 409

    def refuse(_: object) -> CheckReply:
        raise ApplicationError("verb: expected pass or object", type="input_invalid")

    bank.temporal.on_update[DECIDE_UPDATE] = refuse
    assert (await answer(bank, "li.wei"))[0] == 422


async def test_a_check_that_is_over_says_by_whom(bank: DutyOffice) -> None:
    check = bank.opened()
    outcome = CheckOutcome(
        task_id="T1", kind=check.kind, verb=CheckVerb.PASS, by="li.wei", reason="fine", at=check.drawn_at
    )
    bank.store.spot_checks.close(outcome, SpotCheckPolicy())
    status, problem = await answer(bank, "li.wei")
    assert status == 409
    assert "passed by li.wei" in problem["message"]
    shown = (await bank.ask("audit.guo", "GET", "/spot-checks/T1"))[1]
    assert (shown["state"], shown["outcome"]["reason"]) == ("passed", "fine")


async def test_what_was_not_drawn_cannot_be_answered(bank: DutyOffice) -> None:
    bank.store.spot_checks.leave_out(a_check("T3"))
    assert (await answer(bank, "li.wei", "T3"))[0] == 409
    assert (await answer(bank, "li.wei", "T9"))[0] == 404
    assert (await bank.ask("li.wei", "GET", "/spot-checks/T9"))[0] == 404


async def test_without_temporal_nothing_is_lost_and_the_answer_can_be_given_again(bank: DutyOffice) -> None:
    bank.opened()
    bank.temporal.down = True
    assert (await answer(bank, "li.wei"))[0] == 503
    bank.temporal.down = False
    bank.temporal.no_worker = True
    assert (await answer(bank, "li.wei"))[0] == 503
    bank.temporal.no_worker = False
    assert (await answer(bank, "li.wei"))[0] == 200


@pytest.mark.parametrize(("changes", "field"), [({"verb": "maybe"}, "verb"), ({"reason": " "}, "reason")])
async def test_an_answer_that_does_not_fit_names_its_field(
    bank: DutyOffice, changes: dict[str, Any], field: str
) -> None:
    bank.opened()
    status, problem = await answer(bank, "li.wei", **changes)
    assert (status, problem["field"]) == (422, field)
