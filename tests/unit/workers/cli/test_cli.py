"""The command line: what each command prints, with which exit code, and what it says when it cannot."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.lifecycle import TicketState
from domain.review import DecisionOutcome
from domain.task import task_id_for
from domain.ticket import EventKind, TicketEvent
from tests.fakes.store import NIGHT, a_task, a_view
from workers.cli import access
from workers.settings import Settings
from workflows.contract import CommandOutcome

TASK_ID = task_id_for("gateway", "X-1")
KEY = "a key of the tests, long enough for HS256"


def one_line(text: str) -> str:
    assert text.startswith("opsloop: ")
    assert text.count("\n") == 1
    return text


@pytest.fixture
def ticket_file(tmp_path: Path) -> Path:
    path = tmp_path / "tickets.yaml"
    path.write_text(
        "- title: Freeze the account\n  source: gateway\n  external_id: X-1\n"
        "- title: 客户投诉\n  source: gateway\n  external_id: X-2\n  fields: {channel: phone}\n",
        encoding="utf-8",
    )
    return path


class TestSubmit:
    def test_every_ticket_of_a_file_is_handed_in_once(self, terminal, api, office, ticket_file):
        ran = terminal("submit", str(ticket_file), "--as", "intake", "--json")
        assert ran.code == 0
        assert [(each["item"], each["repeated"]) for each in ran.document] == [(1, False), (2, False)]
        assert ran.document[0]["task_id"] == TASK_ID
        assert office.temporal.started[f"ticket-{TASK_ID}"].maker == "intake"
        again = terminal("submit", str(ticket_file), "--as", "intake", "--json")
        assert [each["repeated"] for each in again.document] == [True, True]
        assert len(office.temporal.started) == 2

    def test_people_see_what_was_accepted(self, terminal, api, ticket_file):
        ran = terminal("submit", str(ticket_file), "--as", "intake")
        assert TASK_ID in ran.out
        assert "accepted" in ran.out
        assert "was already in" in terminal("submit", str(ticket_file), "--as", "intake").out

    def test_a_single_ticket_as_json_is_taken(self, terminal, api, tmp_path):
        path = tmp_path / "one.json"
        path.write_text('{"title": "Freeze", "source": "gateway", "external_id": "X-1"}')
        assert terminal("submit", str(path), "--as", "intake", "--json").document[0]["task_id"] == TASK_ID

    def test_a_wrong_field_is_named_by_file_and_line_and_the_others_go_in(
        self, terminal, api, office, tmp_path
    ):
        path = tmp_path / "bad.yaml"
        path.write_text(
            "- title: Freeze\n  source: gateway\n  external_id: X-1\n"
            "- title: Freeze\n  source: gateway\n  external_id: X-2\n  priority: P9\n"
            "- title: Freeze\n  source: gateway\n"
            "- just text\n"
        )
        ran = terminal("submit", str(path), "--as", "intake")
        assert ran.code == 1
        lines = ran.err.splitlines()
        assert lines[0].startswith(f"opsloop: {path}:7: priority: ")
        assert lines[1].startswith(f"opsloop: {path}:8: external_id: missing")
        assert lines[2].startswith(f"opsloop: {path}:10: not a ticket")
        assert list(office.temporal.started) == [f"ticket-{TASK_ID}"]
        document = terminal("submit", str(path), "--as", "intake", "--json").document
        assert [each.get("error", {}).get("field") for each in document] == [
            None,
            "priority",
            "external_id",
            None,
        ]

    @pytest.mark.parametrize(
        ("name", "content", "expected"),
        [
            ("bomb.yaml", "a: &a [x]\nb: [*a, *a]\n", ":1:4: error OPS009"),
            ("twice.yaml", "title: a\ntitle: b\n", ":2:1: error OPS011"),
            ("broken.json", '{"title": \n}', "line 2, column 1"),
            ("latin.json", b"\xff", "not UTF-8"),
            ("empty.yaml", "", "OPS006"),
        ],
    )
    def test_a_file_that_cannot_be_read_is_refused_before_anything_is_sent(
        self, terminal, api, office, tmp_path, *, name, content, expected
    ):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        ran = terminal("submit", str(path), "--as", "intake")
        assert ran.code == 1
        line = one_line(ran.err)
        assert str(path) in line
        assert expected in line
        assert office.temporal.started == {}

    def test_an_absent_file_is_an_error_of_one_line(self, terminal, api):
        for name in ("none.yaml", "none.json"):
            ran = terminal("submit", name, "--as", "intake")
            assert ran.code == 1
            assert f"{name}" in one_line(ran.err)

    def test_without_a_file_the_usage_is_wrong(self, terminal):
        ran = terminal("submit")
        assert ran.code == 2
        assert "FILE" in one_line(ran.err)


class TestWhoAndWhere:
    def test_without_a_name_the_principals_are_listed_by_role(self, terminal, api):
        ran = terminal("ticket", "list")
        assert ran.code == 1
        assert "operator: boss, op.chen" in one_line(ran.err).replace("op.chen, boss", "boss, op.chen")

    def test_the_name_may_come_from_the_environment(self, terminal, api, monkeypatch):
        monkeypatch.setenv("OPSLOOP_USER", "op.chen")
        assert terminal("ticket", "list").code == 0

    def test_a_token_needs_no_local_key(self, terminal, api, office, monkeypatch):
        monkeypatch.setenv("OPSLOOP_TOKEN", office.identity.issue("audit.guo"))
        monkeypatch.delenv("OPSLOOP_IDENTITY_KEY")
        assert terminal("ticket", "list", "--json").document == {"tickets": []}

    def test_a_stranger_is_told_who_there_is(self, terminal, api):
        ran = terminal("ticket", "list", "--as", "nobody", "--json")
        assert ran.code == 1
        assert "reviewer: " in one_line(ran.err)
        assert ran.document["error"]["code"] == "not_found"

    def test_the_running_installation_is_found_by_itself(self, terminal, api, tmp_path, monkeypatch):
        monkeypatch.delenv("OPSLOOP_API_URL")
        (tmp_path / "data").mkdir(exist_ok=True)
        runtime = tmp_path / "data" / "runtime.json"
        runtime.write_text(json.dumps({"api_url": api}))
        assert terminal("ticket", "list", "--as", "op.chen").code == 0
        runtime.write_text("{")
        ran = terminal("ticket", "list", "--as", "op.chen")
        assert "runtime.json" in one_line(ran.err)

    def test_an_api_that_is_not_there_is_said_in_one_line(self, terminal):
        ran = terminal("ticket", "list", "--as", "op.chen", "--api", "http://127.0.0.1:9")
        assert ran.code == 1
        assert "opsloop up" in one_line(ran.err)

    def test_an_address_that_is_none_is_refused(self, terminal):
        for url in ("ftp://x", "localhost", "http://"):
            ran = terminal("ticket", "list", "--as", "op.chen", "--api", url)
            assert "expected http://host:port" in one_line(ran.err)

    def test_a_token_is_printed_for_a_principal(self, terminal, office):
        assert office.identity.principal(terminal("token", "op.chen").out.strip()).id == "op.chen"
        assert terminal("token", "op.chen", "--json").document["principal"] == "op.chen"
        assert terminal("token", "nobody").code == 1

    def test_production_makes_no_tokens_here(self, terminal, monkeypatch):
        for name, value in {
            "ENVIRONMENT": "production",
            "DATABASE_URL": "sqlite:///x",
            "DECISION_KEY": KEY,
        }.items():
            monkeypatch.setenv(f"OPSLOOP_{name}", value)
        ran = terminal("token", "op.chen")
        assert ran.code == 1
        assert "OPSLOOP_TOKEN" in one_line(ran.err)

    def test_a_missing_local_key_is_not_made_by_the_way(self, terminal, monkeypatch, tmp_path):
        monkeypatch.delenv("OPSLOOP_IDENTITY_KEY")
        ran = terminal("token", "op.chen")
        assert "identity.key" in one_line(ran.err)
        assert not (tmp_path / "data").exists()


class TestTickets:
    def test_a_ticket_is_shown_to_people_and_programs(self, terminal, api, office):
        office.running(waiting_for="core bank", state=TicketState.COMPLETED)
        assert terminal("ticket", "show", "T1", "--as", "op.chen", "--json").document["as_of"] == "recorded"
        shown = terminal("ticket", "show", "T1", "--as", "op.chen").out
        assert "core bank" in shown
        assert "completed" in shown

    def test_titles_from_outside_control_no_terminal(self, terminal, api, office):
        office.reader.views["T1"] = a_view(task=a_task(title="\x1b[2J[bold]Freeze[/bold]"))
        shown = terminal("ticket", "list", "--as", "op.chen").out
        assert "\x1b" not in shown
        assert "[bold]Freeze[/bold]" in shown

    def test_tickets_are_listed_with_filters(self, terminal, api, office):
        office.reader.views = {"T1": a_view("T1"), "T2": a_view("T2", state=TicketState.COMPLETED)}
        listed = terminal("ticket", "list", "--open", "--as", "op.chen", "--json").document["tickets"]
        assert [each["task_id"] for each in listed] == ["T1"]
        assert "T2" in terminal("ticket", "list", "--state", "completed", "--as", "op.chen").out
        assert "no tickets" in terminal("ticket", "list", "--group", "None", "--as", "op.chen").out

    def test_the_timeline_is_shown_in_order(self, terminal, api, office):
        office.running(state=TicketState.COMPLETED)
        office.reader.events["T1"] = [
            TicketEvent(seq=1, at=NIGHT, kind=EventKind.OPENED, summary="handed in"),
            TicketEvent(seq=2, at=NIGHT, kind=EventKind.CLOSED, summary="frozen", actor="li.wei"),
        ]
        shown = terminal("ticket", "timeline", "T1", "--as", "op.chen").out
        assert shown.index("handed in") < shown.index("frozen")
        assert len(terminal("ticket", "timeline", "T1", "--as", "op.chen", "--json").document["events"]) == 2

    @pytest.mark.parametrize(
        ("command", "verb", "more"),
        [
            ("hold", "hold", ()),
            ("resume", "resume", ()),
            ("reassign", "reassign", ("--group", "Reconciliation")),
            ("retry", "retry_step", ()),
            ("skip", "skip_step", ()),
            ("cancel", "cancel", ()),
        ],
    )
    def test_each_command_reaches_the_ticket(self, terminal, api, office, *, command, verb, more):
        office.running()
        office.temporal.on_update[verb] = lambda _: CommandOutcome(
            accepted=True, code="accepted", message="as you say", state=TicketState.PROCESSING
        )
        arguments = ("ticket", command, "T1", "--reason", "call back", *more, "--as", "op.chen")
        said = terminal(*arguments).out
        assert "as you say" in said
        # The ticket goes on after it answered, so a state here would be stale.
        assert "processing" not in said
        assert terminal(*arguments, "--json").document["accepted"] is True
        assert {name for _, name, _ in office.temporal.updates} == {verb}

    def test_a_refusal_is_one_line_and_exit_code_one(self, terminal, api, office):
        office.running()
        ran = terminal("ticket", "hold", "T1", "--reason", "x", "--as", "wang.fang", "--json")
        assert ran.code == 1
        assert "operator" in one_line(ran.err)
        assert ran.document["error"]["code"] == "not_permitted"

    def test_a_command_without_a_reason_is_wrong_usage(self, terminal):
        ran = terminal("ticket", "hold", "T1")
        assert ran.code == 2
        assert "--reason" in one_line(ran.err)

    def test_an_id_cannot_lead_to_another_route(self, terminal, api, office):
        ran = terminal("ticket", "show", "../audit", "--as", "audit.guo")
        assert ran.code == 1
        assert one_line(ran.err)


class TestReviews:
    @pytest.fixture(autouse=True)
    def _asking(self, office):
        office.asking()
        outcome = DecisionOutcome(review_id="R1", accepted=True, code="accepted", message="taken")
        office.temporal.on_update["decide"] = lambda _: outcome

    def test_reviews_are_listed_and_shown(self, terminal, api, office):
        assert "May the ticket be closed?" in terminal("review", "list", "--as", "wang.fang").out
        assert "frozen by order" in terminal("review", "show", "R1", "--as", "wang.fang").out
        digest = office.reader.reviews["R1"].digest
        assert terminal("review", "show", "R1", "--as", "wang.fang", "--json").document["digest"] == digest
        listed = terminal("review", "list", "--mine", "--as", "wang.fang", "--json").document
        assert len(listed["reviews"]) == 1

    def test_a_long_question_leaves_room_for_group_and_deadline(self, terminal, api, office, monkeypatch):
        monkeypatch.setenv("COLUMNS", "110")
        office.asking(question="May it go on? " * 30, deadline_at=datetime(2026, 11, 23, 14, 30, tzinfo=UTC))
        listed = terminal("review", "list", "--as", "wang.fang").out
        assert "Account Operations" in listed
        assert "2026-11-23" in listed

    def test_whoever_approves_sees_what_they_approve(self, terminal, api, office):
        ran = terminal("review", "approve", "R1", "--as", "wang.fang")
        assert ran.code == 0
        assert ran.out.index("May the ticket be closed?") < ran.out.index("taken")
        assert office.temporal.updates[0][2].verb == "approve"

    def test_an_answer_may_be_bound_to_what_was_read_before(self, terminal, api, office):
        before = office.reader.reviews["R1"].digest
        office.asking(evidence=("something else",))
        ran = terminal("review", "approve", "R1", "--digest", before, "--as", "wang.fang", "--json")
        assert ran.code == 1
        assert ran.document["error"]["code"] == "content_changed"

    def test_a_rejection_carries_its_reason(self, terminal, api, office):
        ran = terminal("review", "reject", "R1", "--reason", "no papers", "--as", "wang.fang", "--json")
        assert ran.document["accepted"] is True
        decision = office.temporal.updates[0][2]
        assert (decision.verb, decision.reason) == ("reject", "no papers")
        assert terminal("review", "reject", "R1", "--as", "wang.fang").code == 2

    def test_a_code_is_shown_with_how_to_use_it(self, terminal, api):
        issued = terminal("review", "code", "R1", "--as", "wang.fang", "--json").document
        assert issued["expires_in_s"] == 300
        shown = terminal("review", "code", "R1", "--as", "wang.fang").out
        assert "Update `decide`" in shown
        assert json.loads(shown[shown.index("{") :])["review_id"] == "R1"

    def test_the_maker_is_refused(self, terminal, api, office):
        office.reader.views["T1"] = a_view("T1", maker="wang.fang")
        ran = terminal("review", "approve", "R1", "--as", "wang.fang")
        assert ran.code == 1
        assert "four eyes" in one_line(ran.err)


class TestSettings:
    def test_every_setting_is_shown_with_its_meaning_and_secrets_are_masked(self, terminal):
        ran = terminal("settings", "--json")
        assert KEY not in ran.out
        shown = {each["name"]: each for each in ran.document}
        assert list(shown) == list(Settings.model_fields)
        assert shown["identity_key"]["value"] == "********"
        assert shown["identity_key"]["secret"] is True
        assert shown["database_url"]["value"] is None
        assert shown["api_port"]["value"] == 8480
        assert all(each["description"] for each in shown.values())
        table = terminal("settings").out
        assert "OPSLOOP_API_PORT" in table
        assert KEY not in table

    def test_a_wrong_setting_is_named_by_its_variable(self, terminal, monkeypatch):
        monkeypatch.setenv("OPSLOOP_API_PORT", "many")
        ran = terminal("settings")
        assert ran.code == 1
        assert "OPSLOOP_API_PORT" in one_line(ran.err)

    def test_descriptions_come_from_the_settings_themselves(self):
        described = {each["name"]: each["description"] for each in access.describe_settings(Settings())}
        assert described == {name: field.description for name, field in Settings.model_fields.items()}


class TestUsage:
    @pytest.mark.parametrize(
        "arguments",
        [("nonsense",), ("ticket", "nonsense"), ("ticket", "list", "--limit", "x"), ("review", "show")],
    )
    def test_wrong_usage_is_exit_code_two_and_one_line(self, terminal, arguments):
        ran = terminal(*arguments)
        assert ran.code == 2
        assert "--help" in one_line(ran.err)

    def test_help_is_not_an_error(self, terminal):
        ran = terminal("ticket", "--help")
        assert ran.code == 0
        assert "timeline" in ran.out


def test_ids_are_never_cut_on_a_narrow_screen(terminal, api, office, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    office.reader.views = {TASK_ID: a_view(TASK_ID, task=a_task(TASK_ID, title="word " * 50))}
    assert TASK_ID in terminal("ticket", "list", "--as", "op.chen").out
