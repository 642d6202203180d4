"""Effects of runs, named so that runs of two versions can be compared."""

from typing import Any

import pytest

from definitions.book import PinnedSop, pin
from definitions.schema import Sop
from definitions.shadow import effects_of, handler_of, standing_in
from tests.fakes.catalogue import CATALOGUE

FREEZE = {"name": "Freeze", "handler": "core_system_freeze", "fallback": "manual_freeze"}
UNDONE = {"name": "Undone", "handler": "core_system_freeze", "compensate": "sms_notifier"}


def pinned(*steps: dict[str, Any], sops: tuple[Sop, ...] = ()) -> PinnedSop:
    return pin(Sop.model_validate({"name": "S", "steps": steps}), CATALOGUE, sops)


INNER = Sop.model_validate({"name": "Inner", "steps": [FREEZE]})
WHOLE = pinned(
    FREEZE,
    UNDONE,
    {"name": "Each", "foreach": {"items": "[1]", "steps": [{**FREEZE, "id": "one"}]}},
    {"name": "Inside", "call": "inner"},
    sops=(INNER,),
)


@pytest.mark.parametrize(
    ("key", "handler"),
    [
        ("freeze", "core_system_freeze"),
        ("each.3.one", "core_system_freeze"),
        ("inside.freeze", "core_system_freeze"),
        ("undone.compensation", "sms_notifier"),
        ("manual_freeze", "manual_freeze"),
        ("freeze.manual_freeze", "manual_freeze"),
        ("inside.manual_freeze", "manual_freeze"),
    ],
)
def test_every_key_of_a_run_leads_to_its_handler(key: str, handler: str) -> None:
    assert handler_of(WHOLE, key) == handler


def test_a_fallback_by_hand_stands_in_for_what_it_replaces() -> None:
    by_hand = pinned({"name": "Do it", "handler": "manual_freeze"})
    stands = standing_in(by_hand, WHOLE)
    [done] = effects_of({"do_it": "by hand: do_it"}, by_hand, stands)
    assert (done.what, done.digest) == ("core_system_freeze", "")


def test_the_same_step_done_by_hand_stands_in_as_well() -> None:
    by_hand = pinned({"name": "Freeze", "manual": {"instructions": "Do it."}})
    [done] = effects_of({"freeze": "by hand: freeze"}, by_hand, standing_in(by_hand, WHOLE))
    assert done.what == "core_system_freeze"


def test_other_work_by_hand_is_named_for_itself() -> None:
    by_hand = pinned({"name": "Call them", "manual": {"instructions": "Call."}})
    [done] = effects_of({"call_them": "by hand: call_them"}, by_hand, standing_in(by_hand, WHOLE))
    assert done.what == "by hand: call_them"


def test_orders_to_the_bank_have_an_order_and_messages_have_none() -> None:
    whole = pinned(FREEZE, {"name": "Tell", "handler": "sms_notifier"})
    effects = effects_of({"freeze": "a", "tell": "b"}, whole, {})
    assert [(each.what, each.in_order) for each in effects] == [
        ("core_system_freeze", True),
        ("sms_notifier", False),
    ]
