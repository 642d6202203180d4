"""Fields of the SOP language that name things, or say that there is nothing to do: their effect in a run."""

from typing import Any

from definitions.schema import Sop
from domain.ticket import EventKind
from tests.support.scripts import Script
from tests.support.sop_runs import Run, pinned, play


def run(*sops: dict[str, Any], script: Script = Script()) -> Run:  # noqa: B008 - an immutable value
    return play(pinned([Sop.model_validate(each) for each in sops]), script)


def keys(done: Run) -> list[str]:
    return [call.key for call in done.record.calls]


def test_a_steps_id_is_its_key_and_how_others_name_it() -> None:
    steps = [
        {"name": "Look into it", "id": "first", "handler": "look"},
        {"name": "Jot", "handler": "jot", "when": 'steps.first.outcome != "odd"'},
    ]
    assert keys(run({"name": "Test", "steps": steps})) == ["first", "jot"]


def test_a_steps_name_is_what_people_read() -> None:
    done = run({"name": "Test", "steps": [{"name": "Look into it", "handler": "look"}]})
    assert [each.summary for each in done.record.notes if each.kind is EventKind.STEP_STARTED] == [
        "Look into it"
    ]


def test_an_sops_id_is_how_others_call_it() -> None:
    called = {
        "name": "A long name that may change",
        "id": "short",
        "steps": [{"name": "Jot", "handler": "jot"}],
    }
    assert keys(run({"name": "Test", "steps": [{"name": "Do", "call": "short"}]}, called)) == ["do.jot"]


def test_expressions_know_the_sops_id_name_and_version() -> None:
    inputs = {"text": "${ sop.id }, ${ sop.name }, ${ sop.version }"}
    sop = {"name": "My Test", "version": "2.10", "steps": [{"name": "Jot", "handler": "jot", "with": inputs}]}
    assert run(sop).record.calls[0].inputs == '{"text": "my_test, My Test, 2.10"}'


def test_a_reason_against_a_compensation_stands_where_the_catalogue_would_expect_one() -> None:
    done = run(
        {
            "name": "Test",
            "steps": [
                {"name": "Pay", "handler": "pay", "compensate": {"none": "it was cash"}},
                {
                    "name": "No",
                    "handler": "jot",
                    "on_error": {"any": ["reject"]},
                    "when": "fields.missing > 1",
                },
            ],
        }
    )
    assert (done.state, keys(done), done.undone) == ("rejected", ["pay"], ())
