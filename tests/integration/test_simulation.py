"""SOPs on a virtual clock: the whole language, with scripted handlers, people and events."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from definitions.book import Rulebook
from definitions.loader import load_rulebook
from domain.lifecycle import TicketState
from tests.fakes.definition_folder import edited, write_definitions
from tests.support.requirements import need
from workers.activity_set import handler_specs
from workers.dev_server import TemporalNotInstalled, temporal_command
from workers.settings import PROJECT
from workers.simulation.cases import Case
from workers.simulation.expectations import differences
from workers.simulation.facts import Facts
from workers.simulation.record import script_names
from workers.simulation.run import Play, Played, Stage, stage
from workers.simulation.timeline import rows

SOPS = {
    "wait": """\
steps:
  - {name: Risk, handler: risk_assessor}
  - {name: Cool Down, wait: {duration: 12h}}
  - {name: Papers, wait: {event: papers_arrived, deadline: 4h, on_late: go_on}}
""",
    "each": """\
steps:
  - {name: Risk, handler: risk_assessor}
  - name: All
    foreach:
      items: fields.customers
      as: customer
      steps:
        - {name: Tell, handler: sms_notifier, timeout: 10s, retry: 1}
""",
    "poll": """\
steps:
  - {name: Risk, handler: risk_assessor}
  - name: Until Clear
    repeat:
      until: steps.screen.outcome == "clear"
      limit: 5
      every: 1h
      steps:
        - {name: Screen, handler: sanctions_screener}
    on_error: {repeat_exhausted: [reject]}
""",
    "undo": """\
steps:
  - {name: Risk, handler: risk_assessor}
  - {name: Freeze, handler: core_system_freeze, compensate: core_system_unfreeze}
  - {name: Agree, review: {question: Is it right?, deadline: 1h}}
""",
    "form": """\
steps:
  - {name: Risk, handler: risk_assessor}
  - name: Look
    manual:
      instructions: Look at it.
      deadline: 2h
      form: {memo: {type: text}, alarming: {type: flag}}
  - {name: Tell, handler: sms_notifier, when: steps.look.data.alarming}
""",
    "both": """\
steps:
  - {name: Risk, handler: risk_assessor}
  - name: Both
    parallel:
      left: [{name: Left, wait: {duration: 2h}}]
      right: [{name: Right, wait: {duration: 3h}}]
""",
    "plain": """\
steps:
  - {name: Risk, handler: risk_assessor}
  - {name: Freeze, handler: core_system_freeze, timeout: 30s, retry: 1}
""",
}
CALLED = """\
name: Screening
inputs: {party: text}
steps:
  - {name: Screen, handler: sanctions_screener}
  - {name: Wait, wait: {duration: 30min}}
"""
NIGHT = "2026-11-24T22:00:00+08:00"
ZONE = ZoneInfo("Asia/Shanghai")
PAPERS = {"authority": "customer", "document_no": "K-1", "identity_verified": True}


@pytest.fixture(scope="module")
def rulebook(tmp_path_factory: pytest.TempPathFactory) -> Rulebook:
    try:
        temporal_command()
    except TemporalNotInstalled as error:
        need(False, str(error))
    sops = {
        f"sops/{name}.yaml": f"name: {name.title()}\ntrigger: {{category: accounts, action: {name}}}\n{text}"
        for name, text in SOPS.items()
    }
    reachable = edited("policies/directory.yaml", "name: Ann,", 'name: Ann, phone: "1",')
    people = {"policies/directory.yaml": reachable.replace("name: Bob,", 'name: Bob, phone: "2",')}
    # Waits that are longer than the SLA are waited for: no ticket of these tests goes on the fast track.
    patient = {"policies/rescue.yaml": "fast_track: {enabled: false}\n", "sops/screening.yaml": CALLED}
    folder = write_definitions(tmp_path_factory.mktemp("definitions"), **sops, **people, **patient)
    book, findings = load_rulebook(folder, handler_specs())
    assert book is not None, [str(each) for each in findings]
    return book


@pytest.fixture(scope="module")
async def place(rulebook: Rulebook) -> AsyncIterator[Stage]:
    async with stage(rulebook, rulebook.sops) as made:
        yield made


@pytest.fixture
def play(place: Stage, rulebook: Rulebook) -> Any:
    async def playing(sop: str, **case: Any) -> Played:
        fields = {**PAPERS, "amount": "10.00", **case.pop("fields", {})}
        given = {"name": sop, "at": NIGHT, "ticket": {"account_ref": "A1", "fields": fields}, **case}
        parsed = Case.model_validate(given)
        procedure = next(each for each in rulebook.sops if each.id == sop)
        return await place.play(Play(parsed, procedure, tuple(script_names(parsed))))

    return playing


async def test_a_night_passes_in_a_moment_and_every_hour_is_right(play: Any) -> None:
    played = await play("wait", events=[{"name": "papers_arrived", "after": "13h"}])
    assert played.view.state is TicketState.COMPLETED
    assert round(played.took.total_seconds() / 3600) == 13
    assert Facts(played).outcomes == {"risk": "low", "cool_down": "elapsed", "papers": "received"}
    assert differences(played) == []


async def test_an_event_that_never_comes_is_late_on_time(play: Any) -> None:
    played = await play("wait", expect={"outcomes": {"papers": "late"}, "within": "16h1min"})
    assert differences(played) == []


async def test_attempts_follow_the_script_and_back_off_in_virtual_time(play: Any, rulebook: Rulebook) -> None:
    played = await play(
        "plain",
        handlers={
            "freeze": [{"error": "bank_unavailable", "takes": "20s"}, {"outcome": "done", "takes": "5s"}]
        },
    )
    attempts = [each for each in played.record.attempts if each.step == "freeze"]
    assert [(each.number, each.error or each.outcome) for each in attempts] == [
        (1, "bank_unavailable"),
        (2, "done"),
    ]
    assert round((attempts[1].at - attempts[0].at).total_seconds()) == 21  # 20 s, then a pause of 1 s
    assert round(played.took.total_seconds()) == 26


async def test_an_answer_that_takes_too_long_is_an_unknown_outcome_and_is_settled(play: Any) -> None:
    played = await play("plain", handlers={"freeze": {"takes": "45s"}, "resolve_order": {"outcome": "done"}})
    assert [each.error for each in played.record.attempts[:2]] == ["outcome_unknown", "outcome_unknown"]
    assert Facts(played).effects == ("core_system_freeze",)
    assert "unknown" in [row["kind"] for row in rows(played, ZONE)]


async def test_an_operator_retries_what_failed(play: Any) -> None:
    played = await play(
        "plain",
        handlers={"freeze": [{"error": "order_refused"}, {"error": "order_refused"}, {"outcome": "done"}]},
        people={"freeze": [{"operator": "retry", "after": "10min"}, {"operator": "retry", "after": "1h"}]},
        expect={
            "state": "completed",
            "effects": ["core_system_freeze"],
            "alerts": ["failure", "pre_alert", "orange", "red", "critical", "failure"],
        },
    )
    found = [each for each in differences(played) if not each.startswith("alerts")]
    assert found == []
    assert round(played.took.total_seconds() / 60) == 70


async def test_a_failed_step_that_nobody_looks_after_waits_and_is_told(play: Any) -> None:
    played = await play("plain", handlers={"freeze": {"error": "order_refused"}}, until="2h")
    assert not played.ended
    assert played.view.steps_failed == ("freeze",)
    assert differences(played) == []


async def test_what_was_done_is_undone_when_a_person_says_no(play: Any) -> None:
    played = await play(
        "undo",
        people={"agree": {"reject": "wrong account", "after": "5min", "by": "bob"}},
        expect={
            "state": "rejected",
            "undone": ["freeze"],
            "effects": ["core_system_freeze", "core_system_unfreeze"],
        },
    )
    assert differences(played) == []


async def test_items_of_a_foreach_have_scripts_of_their_own(play: Any) -> None:
    played = await play(
        "each",
        fields={"customers": ["C1", "C2", "C3"]},
        handlers={"all.2.tell": [{"error": "channel_failed"}, {"outcome": "no_address"}]},
    )
    outcomes = Facts(played).outcomes
    assert {outcomes[f"all.{number}.tell"] for number in (1, 3)} == {"sent"}
    assert outcomes["all.2.tell"] == "no_address"
    assert differences(played) == []


async def test_a_loop_goes_on_in_the_script_round_after_round(play: Any) -> None:
    screens = [{"outcome": "hit"}, {"outcome": "hit"}, {"outcome": "clear"}]
    played = await play("poll", handlers={"screen": screens}, expect={"state": "completed"})
    assert differences(played) == []
    assert round(played.took.total_seconds() / 3600) == 2
    refused = await play("poll", handlers={"screen": "hit"}, expect={"state": "rejected"})
    assert differences(refused) == []


async def test_a_form_decides_what_follows(play: Any) -> None:
    form = {"memo": "nothing unusual", "alarming": False}
    played = await play("form", people={"look": {"form": form, "by": "bob", "after": "1h"}})
    assert Facts(played).outcomes["tell"] == "not_needed"
    assert "tell" not in Facts(played).ran
    assert differences(played) == []


async def test_side_by_side_takes_as_long_as_the_longer(play: Any) -> None:
    played = await play("both")
    assert round(played.took.total_seconds() / 3600) == 3


async def test_an_sop_without_a_trigger_is_called_with_its_inputs(play: Any) -> None:
    played = await play(
        "screening",
        inputs={"party": "Somebody"},
        handlers={"screen": "hit"},
        expect={"state": "completed", "outcomes": {"screen": "hit", "wait": "elapsed"}, "within": "31min"},
    )
    assert differences(played) == []


async def test_a_ticket_with_a_text_goes_where_dispatch_sends_it(play: Any) -> None:
    played = await play("wait", ticket={"title": "Please freeze this account"}, until="1h")
    assert differences(played)[0].startswith("dispatch: expected the SOP 'Wait', was 'Freeze' (rule")


async def test_scripts_that_are_not_played_fail_the_case(play: Any) -> None:
    played = await play(
        "plain",
        handlers={"freeze": [{"outcome": "done"}, {"error": "bank_unavailable"}]},
        people={"closing": {"reject": "never asked"}},
        commands=[{"hold": "too late", "after": "3h"}],
    )
    assert differences(played) == [
        "handlers.freeze[2] was never used",
        "people.closing[1] was never used",
        "commands[1] was never used",
    ]


async def test_an_answer_that_is_refused_is_told_unless_it_was_expected(play: Any) -> None:
    asked = {"maker": "bob", "fields": {"amount": "600000.00"}}
    played = await play("plain", people={"gate": [{"by": "bob"}, {"by": "ann", "after": "1min"}]}, **asked)
    assert len(differences(played)) == 1
    assert differences(played)[0].startswith("people.gate[1] by bob: expected to be taken, was four_eyes: ")
    expected = await play(
        "plain",
        people={"gate": [{"by": "bob", "refused": "four_eyes"}, {"by": "ann", "after": "1min"}]},
        **asked,
    )
    assert differences(expected) == []


async def test_everybody_answers_where_no_script_is_left(play: Any) -> None:
    played = await play("form", everybody={"after": "10min"})
    assert played.view.state is TicketState.COMPLETED
    assert round(played.took.total_seconds() / 60) == 10


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workers.cli", "sop", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, timeout=110, check=False)


def test_every_case_of_the_shipped_sops_passes(tmp_path: Path) -> None:
    report = tmp_path / "junit.xml"
    done = run("test", "--json", "--junit", report)
    document = json.loads(done.stdout)
    assert [each for each in document["results"] if not each["passed"]] == []
    assert done.returncode == 0, done.stderr
    assert {"account_freeze", "account_unfreeze"} <= {each["sop"] for each in document["coverage"]}
    assert f'tests="{document["cases"]}" failures="0"' in report.read_text()


def test_a_draft_is_simulated_in_place_of_the_sop_that_it_replaces(tmp_path: Path) -> None:
    shipped = (PROJECT / "definitions/sops/account_freeze.yaml").read_text()
    draft = tmp_path / "my_freeze.yaml"
    draft.write_text(shipped.replace("sla: 1h", "sla: 50min"))
    done = run("simulate", draft, "--at", NIGHT, "--set", "authority=customer", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["state"] == "completed"
    assert document["timeline"][0] == {
        "at": "2026-11-24T22:00:00",
        "kind": "received",
        "step": "",
        "text": "received from simulation",
    }


def test_a_case_that_fails_says_why_and_ends_with_1(tmp_path: Path) -> None:
    cases = tmp_path / "wrong.test.yaml"
    cases.write_text(
        "sop: account_freeze\n"
        "cases:\n"
        "  - name: It is said to be rejected\n"
        f"    at: {NIGHT}\n"
        "    ticket:\n"
        "      account_ref: A1\n"
        "      fields: {authority: customer, document_no: K1, identity_verified: true, amount: '5.00'}\n"
        "    expect: {state: rejected}\n"
    )
    done = run("test", cases)
    assert done.returncode == 1
    assert (
        "  FAILED  It is said to be rejected\n          state: expected rejected, was completed"
        in done.stdout
    )
    assert run("test", cases, "--min-coverage", "101").returncode == 2
