"""Reading over HTTP: tickets, the service itself, its documentation."""

import pytest
import structlog

from domain.audit import AuditEntry
from domain.lifecycle import TicketState
from tests.fakes.store import NIGHT, a_view
from tests.support.problems import problem


class TestReading:
    async def test_a_ticket_is_shown_with_its_freshness(self, office):
        office.running(waiting_for="operator")
        body = (await office.get("/tickets/T1")).json()
        assert (body["as_of"], body["view"]["waiting_for"]) == ("recorded", "operator")
        assert body["links"]["self"] == "/tickets/T1"

    async def test_tickets_are_listed_and_filtered(self, office):
        office.reader.views = {"T1": a_view("T1"), "T2": a_view("T2", state=TicketState.COMPLETED)}
        listed = (await office.get("/tickets")).json()["tickets"]
        assert [each["task_id"] for each in listed] == ["T1", "T2"]
        listed = (await office.get("/tickets?state=completed")).json()["tickets"]
        assert [each["task_id"] for each in listed] == ["T2"]
        listed = (await office.get("/tickets?open_only=true&limit=1")).json()["tickets"]
        assert [each["task_id"] for each in listed] == ["T1"]

    @pytest.mark.parametrize(
        ("query", "field"), [("stat=open", "stat"), ("limit=0", "limit"), ("limit=x", "limit")]
    )
    async def test_a_filter_that_means_nothing_is_refused(self, office, query, field):
        problem(await office.get(f"/tickets?{query}"), 422, "input_invalid", field)

    async def test_an_unknown_ticket_is_not_found(self, office):
        assert "T9" in problem(await office.get("/tickets/T9"), 404, "not_found")
        problem(await office.get("/tickets/T9/timeline"), 404, "not_found")

    @pytest.mark.parametrize("task_id", ["a" * 65, "..%2Fx", "a b", "%00"])
    async def test_an_id_that_cannot_be_is_refused(self, office, task_id):
        response = await office.get(f"/tickets/{task_id}")
        assert response.status_code in (404, 422)
        assert response.json()["code"] in ("not_found", "input_invalid")

    async def test_an_intake_service_reads_its_own_tickets_by_id_only(self, office):
        office.reader.views = {
            "T1": a_view("T1", maker="intake", state=TicketState.COMPLETED),
            "T2": a_view("T2", maker="mailbox", state=TicketState.COMPLETED),
        }
        assert (await office.get("/tickets/T1", "intake")).status_code == 200
        assert (await office.get("/tickets/T1/timeline", "intake")).status_code == 200
        foreign = problem(await office.get("/tickets/T2", "intake"), 404, "not_found")
        absent = problem(await office.get("/tickets/T3", "intake"), 404, "not_found")
        assert foreign.replace("T2", "T3") == absent

    async def test_a_store_that_is_down_is_503(self, office):
        office.reader.down = True
        response = await office.get("/tickets")
        problem(response, 503, "store_unavailable")
        assert response.headers["retry-after"]


class TestService:
    async def test_health_and_readiness_need_no_token(self, office):
        assert (await office.http.get("/healthz")).json() == {"status": "ok"}
        assert (await office.http.get("/readyz")).json() == {"status": "ready"}

    async def test_what_is_not_ready_is_named(self, office):
        office.reader.down = True
        problem(await office.http.get("/readyz"), 503, "store_unavailable")
        office.temporal.down = True
        assert "Temporal" in problem(await office.http.get("/readyz"), 503, "engine_unavailable")
        assert (await office.http.get("/healthz")).status_code == 200

    async def test_whoami_shows_roles_and_no_addresses(self, office):
        body = (await office.get("/whoami", "wang.fang")).json()
        assert body == {
            "id": "wang.fang",
            "name": "wang.fang",
            "roles": ["reviewer"],
            "groups": ["Account Operations"],
        }

    async def test_auditors_read_the_audit_log(self, office):
        for number in range(3):
            office.audit.write(AuditEntry(at=NIGHT, actor="x", action="a", task_id=f"T{number}"))
        entries = (await office.get("/audit?limit=2", "audit.guo")).json()["entries"]
        assert [each["task_id"] for each in entries] == ["T1", "T2"]
        entries = (await office.get("/audit?task_id=T0", "audit.guo")).json()["entries"]
        assert [each["task_id"] for each in entries] == ["T0"]

    async def test_an_unknown_address_or_method_has_the_same_shape(self, office):
        problem(await office.get("/nowhere"), 404, "not_found")
        response = await office.http.delete("/tickets")
        problem(response, 405, "method_not_allowed")
        assert response.headers["allow"]

    async def test_a_fault_of_ours_shows_nothing_of_the_inside(self, office):
        def fail(*_: object, **__: object) -> None:
            raise RuntimeError("secret: /etc/passwd")

        office.reader.tickets = fail
        with structlog.testing.capture_logs() as logs:
            response = await office.get("/tickets")
        assert "secret" not in problem(response, 500, "internal_error")
        failed = next(each for each in logs if each["event"] == "request.failed")
        assert failed["route"] == "/tickets"

    async def test_a_harmless_request_id_is_kept_and_another_is_replaced(self, office):
        response = await office.http.get("/healthz", headers={"X-Request-ID": "abc-1"})
        assert response.headers["x-request-id"] == "abc-1"
        for bad in ("a b", "x" * 65, "<script>"):
            response = await office.http.get("/healthz", headers={"X-Request-ID": bad})
            assert response.headers["x-request-id"] != bad

    async def test_logs_name_the_route_and_not_what_was_typed(self, office):
        with structlog.testing.capture_logs() as logs:
            await office.get("/tickets/A6222020200001234?state=6222020200001234")
            await office.get("/6222020200001234")
        assert [each["route"] for each in logs if each["event"] == "request"] == [
            "/tickets/{task_id}",
            "unmatched",
        ]
        assert all("6222020200001234" not in str(each) for each in logs if each["event"] == "request")

    async def test_answers_are_not_cached(self, office):
        assert (await office.http.get("/healthz")).headers["cache-control"] == "no-store"


class TestDocumentation:
    async def test_openapi_describes_every_operation_field_and_error(self, office):
        document = (await office.http.get("/openapi.json")).json()
        assert "SignInToken" in document["components"]["securitySchemes"]
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                assert operation["summary"], (path, method)
                assert operation["description"], (path, method)
                error = operation["responses"]["422"]["content"]["application/json"]["schema"]["$ref"]
                assert error.endswith("/Problem"), (path, method)
                if path not in ("/healthz", "/readyz"):
                    assert operation["security"], (path, method)
        request = document["components"]["schemas"]["TicketRequest"]
        assert all("description" in field for field in request["properties"].values())
        assert request["examples"]

    async def test_the_example_of_the_documentation_is_accepted(self, office):
        document = (await office.http.get("/openapi.json")).json()
        example = document["components"]["schemas"]["TicketRequest"]["examples"][0]
        assert (await office.post("/tickets", example, "intake")).status_code == 202

    async def test_the_page_fetches_nothing_from_anywhere(self, office):
        page = await office.http.get("/docs")
        assert "/reviews/{review_id}/decision" in page.text
        assert "<script" not in page.text
        assert "http://" not in page.text
        assert "https://" not in page.text
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
