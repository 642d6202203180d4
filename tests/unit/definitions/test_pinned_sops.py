"""A process reads, writes and digests each pinned SOP once, and tells contents apart exactly."""

import json
from typing import Any

from definitions.book import MOST_KEPT, PinnedSop, pin
from definitions.schema import Sop
from domain.handlers import HandlerSpec

HANDLERS = {"check": HandlerSpec(name="check", summary="checks")}


def sop(name: str = "Freeze", **step: Any) -> Sop:
    return Sop.model_validate({"name": name, "steps": [{"name": "Check", "handler": "check", **step}]})


def written(pinned: PinnedSop) -> dict[str, Any]:
    form: dict[str, Any] = json.loads(pinned.model_dump_json())
    return form


def read(form: dict[str, Any]) -> PinnedSop:
    return PinnedSop.model_validate_json(json.dumps(form))


def test_the_same_content_is_read_as_the_same_object() -> None:
    pinned = pin(sop(), HANDLERS)
    assert read(written(pinned)) is read(written(pinned))
    assert read(written(pinned)) == pinned


def test_another_content_is_another_object() -> None:
    form = written(pin(sop(), HANDLERS))
    other = written(pin(sop(retry=1), HANDLERS))
    assert read(other) is not read(form)
    assert read(other).sop.steps[0].retry == 1
    assert read(form).sop.steps[0].retry is None


def test_other_handlers_under_the_same_digest_are_another_object() -> None:
    form = written(pin(sop(), HANDLERS))
    control = {**form, "handlers": {"check": {**form["handlers"]["check"], "control": True}}}
    assert control["digest"] == form["digest"]
    assert not read(form).handlers["check"].control
    assert read(control).handlers["check"].control


def test_sequences_side_by_side_keep_the_order_that_their_ticket_has() -> None:
    def side_by_side(*names: str) -> Sop:
        parallel = {name: [{"name": name, "handler": "check"}] for name in names}
        return Sop.model_validate({"name": "Both", "steps": [{"name": "Both", "parallel": parallel}]})

    one, other = pin(side_by_side("left", "right"), HANDLERS), pin(side_by_side("right", "left"), HANDLERS)
    assert one.digest == other.digest
    assert list(read(written(one)).sop.steps[0].parallel or ()) == ["left", "right"]
    assert list(read(written(other)).sop.steps[0].parallel or ()) == ["right", "left"]


def test_values_that_only_python_calls_equal_are_told_apart() -> None:
    def given(value: object) -> Any:
        return read(written(pin(sop(**{"with": {"x": value}}), HANDLERS))).sop.steps[0].inputs["x"]

    assert [type(given(value)) for value in (1, 1.0, True)] == [int, float, bool]


def test_a_wrong_content_is_refused_each_time() -> None:
    form = {**written(pin(sop(), HANDLERS)), "version": None}
    for _ in range(2):
        try:
            read(form)
        except ValueError as error:
            assert "version" in str(error)
        else:
            raise AssertionError("a version that is no text was read")


def test_only_so_many_are_kept() -> None:
    form = written(pin(sop("First"), HANDLERS))
    first = read(form)
    for number in range(MOST_KEPT):
        read({**form, "version": f"v{number}"})
    assert read(form) is not first
    assert read(form) == first


def test_what_is_written_is_the_content_and_nobody_can_change_it() -> None:
    pinned = pin(sop(timeout="5s"), HANDLERS)
    assert written(pinned)["sop"] == pinned.sop.model_dump(mode="json")
    pinned.model_dump(mode="json")["sop"]["steps"].clear()
    assert written(pinned)["sop"] == pinned.sop.model_dump(mode="json")


def test_the_same_sop_is_another_version_when_one_that_it_calls_changes() -> None:
    caller = Sop.model_validate({"name": "Caller", "steps": [{"name": "Go", "call": "inner"}]})
    before, after = sop("Inner"), sop("Inner", retry=2)
    assert pin(caller, HANDLERS, [caller, before]).digest != pin(caller, HANDLERS, [caller, after]).digest
    assert pin(caller, HANDLERS, [caller, after]).called == {"inner": after}
