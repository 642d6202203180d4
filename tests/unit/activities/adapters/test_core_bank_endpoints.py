"""Two endpoints of one ledger: which is asked, and that nothing is done twice."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.adapters.core_bank_endpoints import BankEndpoints
from domain.errors import BankUnavailable, OrderRefused, OutcomeUnknown
from domain.notices import Channel
from domain.orders import BankOrder, OrderKind, OrderReceipt, OrderStatus
from tests.fakes.core_bank import Failure, FakeCoreBank

ORDER = BankOrder(key="T1/freeze/1", kind=OrderKind.FREEZE, account="6222020299991234", amount=Decimal(100))


class Endpoint:
    """One way to a ledger, which fails by itself."""

    def __init__(self, ledger: FakeCoreBank) -> None:
        self.ledger = ledger
        self.down = False
        self.next: list[Failure] = []
        self.placed = 0
        self.asked = 0

    def _answer(self) -> None:
        self.asked += 1
        if self.down:
            raise BankUnavailable("this endpoint is down")

    def place(self, order: BankOrder) -> OrderReceipt:
        self._answer()
        failure = self.next.pop(0) if self.next else None
        if failure is Failure.UNAVAILABLE:
            raise BankUnavailable("busy")
        if failure is Failure.REFUSED:
            raise OrderRefused("no")
        if failure is Failure.LOST_BEFORE_COMMIT:
            raise OutcomeUnknown("no answer")
        self.placed += 1
        receipt = self.ledger.place(order)
        if failure is Failure.LOST_AFTER_COMMIT:
            raise OutcomeUnknown("no answer")
        return receipt

    def find(self, key: str) -> OrderReceipt | None:
        self._answer()
        return self.ledger.find(key)

    def revoke(self, key: str) -> OrderReceipt:
        self._answer()
        return self.ledger.revoke(key)

    def contact(self, customer_ref: str, channel: Channel) -> str:
        self._answer()
        return self.ledger.contact(customer_ref, channel)


class Bank:
    def __init__(self) -> None:
        self.ledger = FakeCoreBank()
        self.primary, self.secondary = Endpoint(self.ledger), Endpoint(self.ledger)
        self.time = 1000.0
        self.both = BankEndpoints(self.primary, self.secondary, cool_down_s=30, clock=lambda: self.time)

    @property
    def effects(self) -> int:
        return self.ledger.effects[ORDER.key]


@pytest.fixture
def bank() -> Bank:
    return Bank()


def test_while_the_primary_answers_the_secondary_is_left_alone(bank: Bank) -> None:
    bank.both.place(ORDER)
    assert bank.both.find(ORDER.key) is not None
    assert (bank.primary.asked, bank.secondary.asked) == (2, 0)


def test_what_the_primary_did_not_take_the_secondary_takes_once(bank: Bank) -> None:
    bank.primary.down = True
    assert bank.both.place(ORDER).status is OrderStatus.EXECUTED
    assert (bank.primary.placed, bank.secondary.placed, bank.effects) == (0, 1, 1)


def test_what_the_primary_may_have_done_is_asked_at_the_secondary_and_not_sent_again(bank: Bank) -> None:
    bank.primary.next = [Failure.LOST_AFTER_COMMIT]
    assert bank.both.place(ORDER).status is OrderStatus.EXECUTED
    assert (bank.secondary.placed, bank.effects) == (0, 1)


def test_what_nobody_knows_of_stays_unknown_until_the_next_attempt(bank: Bank) -> None:
    bank.primary.next = [Failure.LOST_BEFORE_COMMIT]
    with pytest.raises(OutcomeUnknown):
        bank.both.place(ORDER)
    assert (bank.secondary.asked, bank.secondary.placed) == (1, 0)


def test_an_unknown_outcome_stays_unknown_where_the_secondary_cannot_be_asked(bank: Bank) -> None:
    bank.primary.next = [Failure.LOST_AFTER_COMMIT]
    bank.secondary.down = True
    with pytest.raises(OutcomeUnknown):
        bank.both.place(ORDER)


def test_an_order_that_was_revoked_meanwhile_is_refused(bank: Bank) -> None:
    bank.ledger.revoke(ORDER.key)
    bank.primary.next = [Failure.LOST_BEFORE_COMMIT]
    with pytest.raises(OrderRefused, match="revoked"):
        bank.both.place(ORDER)


def test_a_refusal_is_an_answer(bank: Bank) -> None:
    bank.primary.next = [Failure.REFUSED]
    with pytest.raises(OrderRefused):
        bank.both.place(ORDER)
    assert bank.secondary.asked == 0


def test_with_both_down_nothing_was_taken(bank: Bank) -> None:
    bank.primary.down = bank.secondary.down = True
    with pytest.raises(BankUnavailable):
        bank.both.place(ORDER)
    with pytest.raises(BankUnavailable):
        bank.both.revoke(ORDER.key)
    assert bank.effects == 0


def test_a_primary_that_failed_is_asked_second_until_it_has_cooled_down(bank: Bank) -> None:
    bank.primary.down = True
    bank.both.find("T0/freeze/1")
    asked = bank.primary.asked
    bank.both.find("T0/freeze/1")
    assert bank.primary.asked == asked
    bank.time += 30
    bank.primary.down = False
    bank.both.find("T0/freeze/1")
    assert bank.primary.asked == asked + 1


def test_a_primary_that_answers_in_place_of_the_secondary_is_first_again(bank: Bank) -> None:
    bank.primary.down = True
    bank.both.find("T0/freeze/1")
    bank.primary.down, bank.secondary.down = False, True
    bank.both.find("T0/freeze/1")
    asked = bank.secondary.asked
    bank.both.find("T0/freeze/1")
    assert bank.secondary.asked == asked


_FAILURES = st.lists(
    st.sampled_from([Failure.UNAVAILABLE, Failure.LOST_BEFORE_COMMIT, Failure.LOST_AFTER_COMMIT]), max_size=4
)


@given(_FAILURES, _FAILURES, st.lists(st.integers(0, 40), min_size=1, max_size=8))
def test_whatever_fails_an_order_has_one_effect_at_most_and_a_no_is_true(
    first: list[Failure], second: list[Failure], waits: list[int]
) -> None:
    bank = Bank()
    bank.primary.next, bank.secondary.next = first, second
    unsure = False  # whether the order may have been carried out before
    for seconds in waits:
        bank.time += seconds
        try:
            assert bank.both.place(ORDER).status is OrderStatus.EXECUTED
        except BankUnavailable:
            assert unsure or bank.effects == 0
        except OutcomeUnknown:
            unsure = True
        else:
            unsure = True
            assert bank.effects == 1
        assert bank.effects <= 1
