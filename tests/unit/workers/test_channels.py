"""Channels over the API and the command line: who may test them, what is told, what is audited."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import structlog
import typer

from domain.alerts import AlertPolicy
from domain.clock import BankClock
from domain.errors import StoreUnavailable
from domain.notices import Channel, ChannelTest, ChannelTestResult
from tests.fakes.channel_health import FakeChannelHealth
from tests.support.http_server import serving
from workers.api.app import create_app
from workers.cli import channels
from workers.cli.entry import execute
from workers.desk.channels import ChannelDesk
from workers.identity import Identity

KEY = "a key of the tests, long enough for HS256"


class Bank:
    """An office whose workers have announced two SMS gateways and a mail server."""

    def __init__(self, office: Any) -> None:
        self.office = office
        self.health = FakeChannelHealth()
        self.health.announce({Channel.EMAIL: ("email-1",), Channel.SMS: ("first", "second")})
        self.tests: list[ChannelTest] = []
        self.taken = True
        office.temporal.on_workflow["ChannelTestWorkflow"] = self._run
        desk = ChannelDesk(
            office.temporal,
            health=self.health,
            audit=office.audit,
            clock=BankClock(),
            directory=lambda: office.directory,
            policy=lambda: AlertPolicy(levels={}, backups={Channel.EMAIL: None}),
        )
        self.identity = Identity(KEY, lambda: office.directory)
        self.app = create_app(
            office.desk, self.identity, office.reader, office.audit, office.settings, channels=desk
        )

    def _run(self, test: ChannelTest) -> ChannelTestResult:
        self.tests.append(test)
        said = "first: taken by the gateway" if self.taken else "sms: first: answered 503"
        return ChannelTestResult(
            test_id=test.test_id, channel=test.channel, to=test.to, taken=self.taken, detail=said
        )

    async def ask(self, by: str, method: str, path: str, **content: Any) -> tuple[int, Any]:
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {self.identity.issue(by)}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            answer = await client.request(method, path, headers=headers, **content)
        return answer.status_code, answer.json()

    async def test(self, by: str, channel: str = "sms", **body: Any) -> tuple[int, Any]:
        return await self.ask(by, "POST", f"/channels/{channel}/test", json={"to": "li.wei", **body})


@pytest.fixture
def bank(office: Any) -> Bank:
    return Bank(office)


class TestApi:
    async def test_every_way_out_is_listed_with_its_backups_and_providers(self, bank: Bank) -> None:
        bank.health.failed(Channel.SMS, "first", "no connection to the gateway")
        status, answer = await bank.ask("audit.guo", "GET", "/channels")
        assert status == 200
        listed = {each["channel"]: each for each in answer["channels"]}
        assert set(listed) == {"email", "sms", "wecom", "webhook"}
        assert listed["sms"]["backups"] == ["wecom", "email"]
        assert listed["email"]["backups"] == []
        first, second = listed["sms"]["providers"]
        assert (first["provider"], first["failures"], first["reason"]) == (
            "first",
            1,
            "no connection to the gateway",
        )
        assert (second["provider"], second["failures"]) == ("second", 0)
        assert listed["webhook"]["providers"] == []

    async def test_those_who_only_hand_in_tickets_see_nothing(self, bank: Bank) -> None:
        assert (await bank.ask("intake", "GET", "/channels"))[0] == 403

    @pytest.mark.parametrize("taken", [True, False])
    async def test_a_test_runs_on_a_worker_and_is_audited_with_its_result(
        self, bank: Bank, taken: bool
    ) -> None:
        bank.taken = taken
        status, result = await bank.test("op.chen", provider="first")
        assert (status, result["taken"], result["to"]) == (200, taken, "li.wei")
        [test] = bank.tests
        assert (test.channel, test.provider, test.by) == (Channel.SMS, "first", "op.chen")
        row = bank.office.audit.rows[-1]
        assert (row.action, row.actor, row.accepted) == ("channel.test", "op.chen", True)
        assert (row.detail["channel"], row.detail["to"]) == ("sms", "li.wei")
        assert (row.detail["taken"], row.detail["test_id"]) == (str(taken).lower(), test.test_id)

    @pytest.mark.parametrize(("by", "status"), [("op.chen", 200), ("duty.liu", 200), ("admin", 200)])
    async def test_operators_and_on_call_may_test(self, bank: Bank, by: str, status: int) -> None:
        assert (await bank.test(by))[0] == status

    async def test_nobody_else_may_and_the_refusal_is_audited(self, bank: Bank) -> None:
        status, problem = await bank.test("audit.guo")
        assert (status, problem["code"]) == (403, "not_permitted")
        row = bank.office.audit.rows[-1]
        assert (row.action, row.actor, row.accepted) == ("channel.test", "audit.guo", False)
        assert bank.tests == []

    @pytest.mark.parametrize(
        ("channel", "body", "status", "code"),
        [
            ("fax", {}, 422, "input_invalid"),
            ("dashboard", {}, 422, "input_invalid"),
            ("sms", {"to": "nobody"}, 404, "not_found"),
            ("sms", {"to": ""}, 422, "input_invalid"),
            ("sms", {"number": "+8619900001234"}, 422, "input_invalid"),
        ],
    )
    async def test_a_wrong_test_is_refused(
        self, bank: Bank, *, channel: str, body: dict[str, Any], status: int, code: str
    ) -> None:
        got, problem = await bank.test("op.chen", channel, **body)
        assert (got, problem["code"]) == (status, code)
        assert bank.tests == []

    @pytest.mark.parametrize("trouble", ["down", "no_worker"])
    async def test_without_temporal_or_workers_it_says_so(self, bank: Bank, trouble: str) -> None:
        setattr(bank.office.temporal, trouble, True)
        status, problem = await bank.test("op.chen")
        assert (status, problem["code"]) == (503, "engine_unavailable")

    async def test_without_the_store_the_list_says_so(
        self, bank: Bank, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def down() -> None:
            raise StoreUnavailable("the database does not answer")

        monkeypatch.setattr(bank.health, "all", down)
        assert (await bank.ask("op.chen", "GET", "/channels"))[0] == 503


Opsloop = Callable[..., tuple[int, str, str]]


@pytest.fixture
def opsloop(
    bank: Bank, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Opsloop]:
    """Runs `opsloop …` against the bank's API."""
    terminal = typer.Typer(no_args_is_help=True, add_completion=False)
    terminal.add_typer(channels.app, name="channel")
    terminal.command("outbox")(channels.outbox)
    with structlog.testing.capture_logs(), serving(bank.app) as url:
        monkeypatch.setenv("OPSLOOP_API_URL", url)
        monkeypatch.setenv("OPSLOOP_TOKEN", bank.identity.issue("op.chen"))
        monkeypatch.setenv("OPSLOOP_DATA_DIR", str(tmp_path))
        monkeypatch.setenv("COLUMNS", "200")

        def run(*arguments: str) -> tuple[int, str, str]:
            capsys.readouterr()
            code = execute(terminal, arguments)
            printed = capsys.readouterr()
            return code, printed.out, printed.err

        yield run


class TestCommandLine:
    def test_the_list_names_failures_in_a_row_and_what_is_not_configured(
        self, bank: Bank, opsloop: Opsloop
    ) -> None:
        bank.health.failed(Channel.SMS, "first", "no connection to the gateway")
        code, out, _ = opsloop("channel", "list")
        assert code == 0
        line = next(each for each in out.splitlines() if " first " in each)
        assert "no connection to the gateway" in line
        assert "none is configured" in out
        assert json.loads(opsloop("channel", "list", "--json")[1])["channels"]

    def test_a_test_that_is_not_taken_fails_the_command(self, bank: Bank, opsloop: Opsloop) -> None:
        assert opsloop("channel", "test", "sms", "--to", "li.wei")[:2] == (
            0,
            "taken: first: taken by the gateway\n",
        )
        bank.taken = False
        code, out, _ = opsloop("channel", "test", "sms", "--to", "li.wei", "--provider", "first", "--json")
        assert (code, json.loads(out)["taken"]) == (1, False)
        assert bank.tests[-1].provider == "first"

    def test_a_stranger_is_named(self, opsloop: Opsloop) -> None:
        code, _, err = opsloop("channel", "test", "sms", "--to", "nobody")
        assert (code, "'nobody'" in err) == (1, True)

    def test_the_outbox_shows_what_was_sent_and_skips_half_a_line(
        self, opsloop: Opsloop, tmp_path: Any
    ) -> None:
        assert opsloop("outbox", "--json")[:2] == (0, "[]\n")
        lines = [
            {"received_at": "2026-11-23T12:00:00Z", "channel": channel, "to": to, "body": body}
            for channel, to, body in (("sms", "1", "a"), ("wecom", "ops", "b"), ("sms", "2", "c"))
        ]
        text = "".join(json.dumps(each) + "\n" for each in lines)
        (tmp_path / "outbox.jsonl").write_text(text + '{"received_at": "2026-')
        assert [each["body"] for each in json.loads(opsloop("outbox", "--json")[1])] == ["a", "b", "c"]
        assert [each["to"] for each in json.loads(opsloop("outbox", "--channel", "sms", "--json")[1])] == [
            "1",
            "2",
        ]
        assert [each["to"] for each in json.loads(opsloop("outbox", "--limit", "1", "--json")[1])] == ["2"]
        code, out, _ = opsloop("outbox", "--to", "ops")
        assert (code, "wecom" in out, "sms" in out) == (0, True, False)

    def test_an_unknown_channel_of_the_outbox_is_named(self, opsloop: Opsloop) -> None:
        code, _, err = opsloop("outbox", "--channel", "fax")
        assert (code, "--channel: expected one of email, sms" in err) == (1, True)
