from decimal import Decimal

import pytest
from pydantic import ValidationError

from domain.orders import BankOrder, OrderKind
from workers.sandbox_bank.faults import Fault, FaultBoard, FaultKind, Operation

FREEZE = BankOrder(key="T1/a/1", kind=OrderKind.FREEZE, account="A1", amount=Decimal(1))
PAYMENT = FREEZE.model_copy(update={"kind": OrderKind.PAYMENT, "account": "A2"})


def board_with(*faults: Fault) -> FaultBoard:
    board = FaultBoard(seed=1)
    board.switch(faults)
    return board


def test_a_fault_with_a_count_hits_the_next_so_many_requests_only() -> None:
    board = board_with(Fault(kind=FaultKind.RESET, count=2))
    hits = [board.draw(Operation.PLACE, FREEZE) is not None for _ in range(4)]
    assert hits == [True, True, False, False]
    assert board.show()[0].hits == 2


def test_a_filter_spares_other_orders_and_leaves_the_count_alone() -> None:
    board = board_with(Fault(kind=FaultKind.RESET, count=1, order_kind=OrderKind.FREEZE, account="A1"))
    assert board.draw(Operation.PLACE, PAYMENT) is None
    assert board.draw(Operation.FIND) is None
    assert board.draw(Operation.PLACE, FREEZE) is not None


def test_faults_hit_orders_unless_told_otherwise() -> None:
    board = board_with(Fault(kind=FaultKind.ERROR_500))
    assert board.draw(Operation.FIND) is None
    assert board.draw(Operation.PLACE, FREEZE) is not None
    board = board_with(Fault(kind=FaultKind.ERROR_500, on=frozenset({Operation.REVOKE})))
    assert board.draw(Operation.PLACE, FREEZE) is None
    assert board.draw(Operation.REVOKE) is not None


@pytest.mark.parametrize("operation", Operation)
def test_down_hits_everything(operation: Operation) -> None:
    assert board_with(Fault(kind=FaultKind.DOWN)).draw(operation) is not None


def test_a_probability_hits_some_requests() -> None:
    board = board_with(Fault(kind=FaultKind.SLOW, probability=0.3))
    hits = sum(board.draw(Operation.PLACE, FREEZE) is not None for _ in range(1000))
    assert 200 < hits < 400


def test_after_a_spent_fault_the_next_one_in_the_list_has_its_turn() -> None:
    board = board_with(Fault(kind=FaultKind.RESET, count=1), Fault(kind=FaultKind.ERROR_500))
    kinds = [fault.kind for _ in range(2) if (fault := board.draw(Operation.PLACE, FREEZE))]
    assert kinds == [FaultKind.RESET, FaultKind.ERROR_500]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"kind": "reset", "count": 1, "probability": 0.5}, "not both"),
        ({"kind": "reset", "count": 0}, "greater than or equal to 1"),
        ({"kind": "reset", "probability": 1.5}, "less than or equal to 1"),
        ({"kind": "explode"}, "Input should be 'slow'"),
        ({"kind": "reset", "acount": "A1"}, "Extra inputs"),
        ({"kind": "slow", "on": ["find"], "account": "A1"}, "can only be place"),
    ],
)
def test_a_wrong_fault_is_refused_with_a_reason(fields: dict[str, object], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Fault.model_validate(fields)
