import dataclasses
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.catalogue import activities_of, handlers_of
from activities.core_bank import NOT_EXECUTED, CoreBankActivities, order_of
from domain.errors import StepFailed
from domain.handlers import Effect, Queue
from domain.money import parse_amount
from domain.orders import OrderKind
from domain.steps import StepInput, StepOutput
from domain.task import OpsTask, RiskLevel
from tests.fakes.core_bank import Failure, FakeCoreBank

ACCOUNT = "6222020299991234"
HANDLERS = ("core_system_freeze", "core_system_unfreeze", "release_payment")


def a_step(handler: str = "core_system_freeze", account: str = ACCOUNT, **fields: Any) -> StepInput:
    return StepInput(
        task=OpsTask(
            task_id="T123",
            title="Police order",
            source="desk",
            external_id="X-1",
            account_ref=account,
            fields=fields,
        ),
        step_id="execute_freeze",
        step_name="Execute Freeze",
        handler=handler,
        risk=RiskLevel.LOW,
        now=datetime(2026, 11, 23, 19, 7, tzinfo=UTC),
    )


KEY = a_step().idempotency_key


class Attempts:
    """Runs a handler as Temporal would: attempts count up and the last heartbeat is kept."""

    def __init__(self, bank: FakeCoreBank, step: StepInput) -> None:
        self.bank = bank
        self.step = step
        self.count = 0
        self.details: tuple[Any, ...] = ()

    def next(self, *, heartbeat_arrives: bool = True) -> StepOutput:
        self.count += 1
        env = ActivityEnvironment()
        env.info = dataclasses.replace(env.info, attempt=self.count, heartbeat_details=self.details)
        beats: list[tuple[Any, ...]] = []
        env.on_heartbeat = lambda *details: beats.append(details)
        try:
            output: StepOutput = env.run(getattr(CoreBankActivities(self.bank), self.step.handler), self.step)
            return output
        finally:
            if beats and heartbeat_arrives:
                self.details = beats[-1]

    def failure(self, *, heartbeat_arrives: bool = True) -> ApplicationError:
        with pytest.raises(ApplicationError) as caught:
            self.next(heartbeat_arrives=heartbeat_arrives)
        return caught.value


def run(bank: FakeCoreBank, step: StepInput) -> StepOutput:
    return Attempts(bank, step).next()


def resolve(bank: FakeCoreBank, step: StepInput) -> StepOutput:
    return ActivityEnvironment().run(CoreBankActivities(bank).resolve_order, step)


def test_the_catalogue_knows_the_orders_as_effects_with_a_resolver_on_the_bank_s_own_queue() -> None:
    specs = handlers_of([CoreBankActivities])
    assert set(specs) == set(HANDLERS)
    for spec in specs.values():
        assert (spec.effect, spec.queue, spec.resolver) == (Effect.BANK, Queue.CORE_BANK, "resolve_order")
        assert not spec.local
    names = {each.__name__ for each in activities_of(CoreBankActivities(FakeCoreBank()))}
    assert names == {*HANDLERS, "resolve_order"}


def test_a_freeze_orders_the_amount_of_the_ticket_and_reports_the_receipt() -> None:
    bank = FakeCoreBank()
    output = run(bank, a_step(amount="86000.00"))
    order = bank.orders[KEY]
    assert (order.kind, order.account, order.amount) == (OrderKind.FREEZE, ACCOUNT, Decimal("86000.00"))
    assert output.outcome == "done"
    assert output.summary == "frozen CNY 86,000.00 on ****1234, order FK0"
    assert output.data == {
        "order_id": "FK0",
        "status": "executed",
        "account": "****1234",
        "currency": "CNY",
        "effective_amount": "86000.00",
        "executed_at": "2026-11-23T19:07:00+00:00",
        "short": False,
        "replayed": False,
    }


@pytest.mark.parametrize("amount", ["86000.50", " 86000.50 ", 86000.5])
def test_an_order_reads_the_amount_as_the_checks_before_it_did(amount: Any) -> None:
    assert order_of(a_step(amount=amount), OrderKind.FREEZE).amount == parse_amount(amount)


def test_what_the_sop_gives_stands_before_the_ticket_in_the_order_and_in_its_inquiry() -> None:
    bank = FakeCoreBank()
    given = {"account_ref": "6222020200005678", "amount": "120.50", "currency": "usd"}
    step = a_step(amount="86000.00").model_copy(update={"inputs": given})
    output = run(bank, step)
    order = bank.orders[KEY]
    assert (order.account, order.amount, order.currency) == ("6222020200005678", Decimal("120.50"), "USD")
    assert (output.data["account"], output.data["currency"]) == ("****5678", "USD")
    assert resolve(bank, step).data["order_id"] == output.data["order_id"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"amount": "-5"}, "inputs.amount"),
        ({"amount": None}, "inputs.amount"),
        ({"amount": "1.234"}, "inputs.amount"),
        ({"currency": "yuan"}, "inputs.currency"),
        ({"acount_ref": "1"}, "inputs.acount_ref"),
    ],
)
def test_a_wrong_input_is_refused_by_its_name_and_reaches_no_bank(given: dict[str, Any], field: str) -> None:
    bank = FakeCoreBank()
    attempts = Attempts(bank, a_step(amount="100").model_copy(update={"inputs": given}))
    failure = attempts.failure()
    assert (failure.type, failure.non_retryable) == ("input_invalid", True)
    assert failure.message.startswith(f"{field}: ")
    assert not bank.orders


def test_freeze_and_release_undo_each_other_and_a_payment_says_why_nothing_does() -> None:
    specs = handlers_of([CoreBankActivities])
    assert specs["core_system_freeze"].compensation == "core_system_unfreeze"
    assert specs["core_system_unfreeze"].compensation == "core_system_freeze"
    assert "camt.056" in specs["release_payment"].irreversible


def test_a_freeze_without_an_amount_is_of_the_whole_account() -> None:
    bank = FakeCoreBank(available={ACCOUNT: Decimal("120.50")})
    output = run(bank, a_step())
    assert bank.orders[KEY].amount is None
    assert output.summary == "frozen whole account ****1234, 120.50, order FK0"
    assert output.data["short"] is False


def test_a_freeze_that_found_less_than_ordered_is_done_and_says_so() -> None:
    bank = FakeCoreBank(available={ACCOUNT: Decimal("500.00")})
    output = run(bank, a_step(amount="86000.00"))
    assert output.outcome == "done"
    assert output.data["short"] is True
    assert output.summary.startswith("frozen CNY 500.00 of 86,000.00 ordered on ****1234")


def test_a_release_and_a_payment_say_what_they_did() -> None:
    release = run(FakeCoreBank(), a_step("core_system_unfreeze", amount=200))
    assert release.summary == "released CNY 200.00 on ****1234, order FK0"
    bank = FakeCoreBank()
    payment = run(bank, a_step("release_payment", amount="1200000", currency="usd", beneficiary="ACME Ltd"))
    assert payment.summary == "paid USD 1,200,000.00 from ****1234, order FK0"
    assert (bank.orders[KEY].currency, bank.orders[KEY].beneficiary) == ("USD", "ACME Ltd")


def test_no_output_shows_the_account() -> None:
    for handler in HANDLERS:
        assert ACCOUNT not in run(FakeCoreBank(), a_step(handler, amount="1")).model_dump_json()


@pytest.mark.parametrize(
    ("step", "field"),
    [
        (a_step(account=""), "account_ref"),
        (a_step(account="  "), "account_ref"),
        (a_step("release_payment"), "fields.amount"),
        (a_step(amount=""), "fields.amount"),
        (a_step(amount="86,000"), "fields.amount"),
        (a_step(amount="0"), "fields.amount"),
        (a_step(amount="-5"), "fields.amount"),
        (a_step(amount="0.001"), "fields.amount"),
        (a_step(amount="NaN"), "fields.amount"),
        (a_step(amount="1e99"), "fields.amount"),
        (a_step(amount=86000.555), "fields.amount"),
        (a_step(amount=True), "fields.amount"),
        (a_step(amount="1", currency="renminbi"), "fields.currency"),
        (a_step(amount="1", beneficiary=["x"]), "fields.beneficiary"),
    ],
)
def test_a_ticket_that_cannot_be_an_order_fails_for_good_and_names_the_field(
    step: StepInput, field: str
) -> None:
    bank = FakeCoreBank()
    error = Attempts(bank, step).failure()
    assert (error.type, error.non_retryable) == ("input_invalid", True)
    assert error.message.startswith(f"{field}:")
    assert not bank.attempts


def test_a_retry_after_a_lost_answer_asks_first_and_does_not_send_again() -> None:
    bank = FakeCoreBank()
    bank.fail_next(Failure.LOST_AFTER_COMMIT)
    attempts = Attempts(bank, a_step(amount="10"))
    error = attempts.failure()
    assert (error.type, error.non_retryable) == ("outcome_unknown", False)
    output = attempts.next()
    assert output.summary.endswith("(confirmed by inquiry)")
    assert output.data["replayed"] is True
    assert (bank.attempts[KEY], bank.effects[KEY]) == (1, 1)


def test_a_retry_after_a_lost_order_sends_it_again() -> None:
    bank = FakeCoreBank()
    bank.fail_next(Failure.LOST_BEFORE_COMMIT)
    attempts = Attempts(bank, a_step(amount="10"))
    attempts.failure()
    assert attempts.next().outcome == "done"
    assert (bank.attempts[KEY], bank.effects[KEY]) == (2, 1)


def test_a_retry_of_a_revoked_order_is_refused_for_good() -> None:
    bank = FakeCoreBank()
    bank.fail_next(Failure.LOST_BEFORE_COMMIT)
    attempts = Attempts(bank, a_step(amount="10"))
    attempts.failure()
    bank.revoke(KEY)
    error = attempts.failure()
    assert (error.type, error.non_retryable) == ("order_refused", True)
    assert not bank.effects


def test_a_bank_that_is_down_all_along_is_unavailable_not_in_doubt() -> None:
    bank = FakeCoreBank()
    bank.down = True
    attempts = Attempts(bank, a_step(amount="10"))
    assert [attempts.failure().type for _ in range(3)] == ["bank_unavailable"] * 3


def test_once_in_doubt_an_outage_does_not_make_it_certain() -> None:
    bank = FakeCoreBank()
    bank.fail_next(Failure.LOST_AFTER_COMMIT)
    attempts = Attempts(bank, a_step(amount="10"))
    attempts.failure()
    bank.down = True
    assert [attempts.failure().type for _ in range(3)] == ["outcome_unknown"] * 3
    bank.down = False
    assert attempts.next().outcome == "done"
    assert bank.effects[KEY] == 1


def test_an_attempt_that_left_no_trace_counts_as_sent() -> None:
    bank = FakeCoreBank()
    bank.down = True
    attempts = Attempts(bank, a_step(amount="10"))
    attempts.failure()
    attempts.failure(heartbeat_arrives=False)
    assert attempts.failure().type == "outcome_unknown"


def test_a_refused_order_is_not_tried_again() -> None:
    bank = FakeCoreBank()
    bank.fail_next(Failure.REFUSED)
    error = Attempts(bank, a_step(amount="10")).failure()
    assert (error.type, error.non_retryable) == ("order_refused", True)


def test_settling_an_executed_order_answers_as_the_call_would_have() -> None:
    bank = FakeCoreBank(available={ACCOUNT: Decimal("4.00")})
    bank.fail_next(Failure.LOST_AFTER_COMMIT)
    step = a_step(amount="10")
    Attempts(bank, step).failure()
    output = resolve(bank, step)
    assert output.outcome == "done"
    assert output.summary == "frozen CNY 4.00 of 10.00 ordered on ****1234, order FK0 (confirmed by inquiry)"
    assert (output.data["effective_amount"], output.data["short"]) == ("4.00", True)


def test_settling_an_order_that_was_not_executed_fences_it_off() -> None:
    bank = FakeCoreBank()
    bank.fail_next(Failure.LOST_BEFORE_COMMIT)
    attempts = Attempts(bank, a_step(amount="10"))
    attempts.failure()
    output = resolve(bank, a_step(amount="10"))
    assert output.outcome == NOT_EXECUTED == "not_executed"
    assert ACCOUNT not in output.model_dump_json()
    assert attempts.failure().type == "order_refused"
    assert not bank.effects


def test_settling_waits_for_a_bank_that_does_not_answer() -> None:
    bank = FakeCoreBank()
    bank.down = True
    with pytest.raises(ApplicationError) as caught:
        resolve(bank, a_step(amount="10"))
    assert (caught.value.type, caught.value.non_retryable) == ("bank_unavailable", False)


def test_only_steps_that_place_orders_can_be_settled() -> None:
    with pytest.raises(ApplicationError, match="places no orders"):
        resolve(FakeCoreBank(), a_step("sms_notifier"))


@given(
    failures=st.lists(st.none() | st.sampled_from(Failure), max_size=6),
    outages=st.sets(st.integers(0, 7)),
    settle_after=st.integers(0, 8),
)
def test_however_attempts_end_an_order_takes_effect_at_most_once_and_never_against_its_report(
    failures: list[Failure | None], outages: set[int], settle_after: int
) -> None:
    bank = FakeCoreBank()
    bank.fail_next(*(failure for failure in failures if failure))
    attempts = Attempts(bank, a_step(amount="10"))
    reported = ""
    for number in range(settle_after):
        bank.down = number in outages
        try:
            reported = attempts.next().outcome
        except ApplicationError as error:
            reported = error.type or ""
        if reported in ("done", "order_refused"):
            break
    bank.down = False
    if reported == "done":
        assert bank.effects[KEY] == 1
    elif reported in ("bank_unavailable", "order_refused"):
        assert bank.effects[KEY] == 0
    settled = resolve(bank, a_step(amount="10")).outcome
    assert bank.effects[KEY] == (1 if settled == "done" else 0)
    with suppress(StepFailed):
        bank.place(order_of(a_step(amount="10"), OrderKind.FREEZE))
    assert bank.effects[KEY] == (1 if settled == "done" else 0)
