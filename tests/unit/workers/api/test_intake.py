"""Handing tickets in over HTTP: exactly once, and every bad body refused by name."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator

import pytest

from domain.task import task_id_for
from tests.support.problems import problem

TASK_ID = task_id_for("gateway", "X-1")
TICKET = {"title": "Freeze the account", "source": "gateway", "external_id": "X-1"}


class TestHandingIn:
    async def test_a_ticket_is_accepted_with_its_ids_and_links(self, office):
        response = await office.submit()
        assert response.status_code == 202
        body = response.json()
        assert body["task_id"] == TASK_ID
        assert body["workflow_id"] == f"ticket-{TASK_ID}"
        assert body["repeated"] is False
        assert body["links"] == {
            "self": f"/tickets/{TASK_ID}",
            "timeline": f"/tickets/{TASK_ID}/timeline",
            "temporal_ui": f"http://127.0.0.1:8233/namespaces/default/workflows/ticket-{TASK_ID}",
        }
        assert response.headers["location"] == f"/tickets/{TASK_ID}"

    async def test_a_repeat_answers_the_same_and_says_so(self, office):
        first = (await office.submit()).json()
        again = await office.submit()
        assert again.status_code == 202
        assert again.json() == {**first, "repeated": True}

    async def test_many_at_once_make_one_ticket(self, office):
        answers = await asyncio.gather(*(office.submit() for _ in range(8)))
        assert {each.json()["task_id"] for each in answers} == {TASK_ID}
        assert len(office.temporal.started) == 1

    async def test_another_body_under_the_same_id_is_a_conflict(self, office):
        await office.submit()
        assert TASK_ID in problem(await office.submit(title="Unfreeze"), 409, "conflict")

    async def test_while_temporal_is_down_the_source_is_told_to_come_back(self, office):
        office.temporal.down = True
        response = await office.submit()
        problem(response, 503, "engine_unavailable")
        assert response.headers["retry-after"] == "5"
        office.temporal.down = False
        assert (await office.submit()).json()["repeated"] is False

    @pytest.mark.parametrize(
        ("changes", "field", "expected"),
        [
            ({"task_id": "T1"}, "task_id", "unknown field"),
            ({"risk_level": "low"}, "risk_level", "expected title, description, source"),
            ({"titel": "x"}, "titel", "did you mean 'title'"),
            ({"title": None}, "title", "valid string"),
            ({"title": 7}, "title", "valid string"),
            ({"title": "  "}, "title", "blanks"),
            ({"title": "x" * 301}, "title", "at most 300"),
            ({"external_id": ""}, "external_id", "at least 1"),
            ({"external_id": " \t"}, "external_id", "blanks"),
            ({"source": "Court Gateway"}, "source", "pattern"),
            ({"priority": "P9"}, "priority", "'P1', 'P2', 'P3' or 'P4'"),
            ({"created_at": 1700000000}, "created_at", "ISO 8601"),
            ({"created_at": "2999-01-01T00:00:00Z"}, "created_at", "in the future"),
            ({"fields": []}, "fields", "valid dict"),
            ({"fields": {"note": "x" * 70_000}}, "fields", "at most 64000"),
            ({"description": "x" * 50_001}, "description", "at most 50000"),
        ],
    )
    async def test_a_wrong_field_is_named_with_what_was_expected(self, office, changes, field, expected):
        message = problem(await office.submit(**changes), 422, "input_invalid", field)
        assert expected in message
        assert office.intake.places == {}
        assert office.temporal.starts == []

    async def test_every_missing_field_is_named_at_once(self, office):
        message = problem(await office.post("/tickets", {}, "intake"), 422, "input_invalid", "title")
        assert message == "title: missing; source: missing; external_id: missing"

    async def test_a_value_is_never_repeated_in_an_error(self, office):
        response = await office.submit(source="6222020200001234", priority="6222020200001234")
        problem(response, 422, "input_invalid", "source")
        assert "6222" not in response.text


class TestBodies:
    async def send(self, office, content, media_type="application/json"):
        headers = {**office.signed_in("intake"), "Content-Type": media_type}
        return await office.http.post("/tickets", content=content, headers=headers)

    async def test_ten_megabytes_are_refused_by_their_announced_size(self, office):
        message = problem(await self.send(office, b" " * 10_000_000), 413, "body_too_large")
        assert "200,000 bytes" in message

    async def test_ten_megabytes_in_chunks_are_refused_and_not_kept(self, office):
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(160):
                yield b" " * 65_536

        problem(await self.send(office, chunks()), 413, "body_too_large")

    async def test_the_largest_body_that_is_allowed_is_read(self, office):
        body = json.dumps(TICKET).encode()
        assert (await self.send(office, body + b" " * (200_000 - len(body)))).status_code == 202
        problem(await self.send(office, body + b" " * (200_001 - len(body))), 413, "body_too_large")

    @pytest.mark.parametrize(
        "media_type", ["text/plain", "application/x-www-form-urlencoded", "application/yaml", ""]
    )
    async def test_only_json_is_taken(self, office, media_type):
        message = problem(await self.send(office, b"title: x", media_type), 415, "media_type_unsupported")
        assert "expected application/json" in message

    async def test_a_compressed_body_is_refused_as_what_it_is(self, office):
        headers = {
            **office.signed_in("intake"),
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
        }
        response = await office.http.post("/tickets", content=gzip.compress(b"{}"), headers=headers)
        assert "uncompressed" in problem(response, 415, "media_type_unsupported")

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            (b"{", "line 1, column 2"),
            (b"\xff", "not UTF-8"),
            (b'{"fields": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", "at most 20 levels"),
            (b'{"title": "a", "title": "b"}', "appears twice"),
            (b'{"title": NaN}', "NaN"),
        ],
    )
    async def test_what_is_not_strict_json_is_refused(self, office, content, expected):
        response = await self.send(office, content)
        assert response.status_code == 422
        assert expected in response.json()["message"]

    @pytest.mark.parametrize("content", [b"[]", b'"x"', b"null", b"7"])
    async def test_json_that_is_not_an_object_is_refused(self, office, content):
        problem(await self.send(office, content), 422, "input_invalid")

    async def test_no_body_at_all_is_refused(self, office):
        response = await office.http.post("/tickets", headers=office.signed_in("intake"))
        assert "missing" in problem(response, 422, "input_invalid")
