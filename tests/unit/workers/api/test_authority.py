"""Who may do what over HTTP: every route for every role, and for nobody."""

import pytest

from domain.lifecycle import TicketState
from domain.review import DecisionOutcome
from tests.support.problems import problem
from workflows.contract import CommandOutcome

TICKET = {"title": "Freeze the account", "source": "gateway", "external_id": "X-1"}
EVERYBODY = ("wang.fang", "op.chen", "duty.liu", "audit.guo", "intake", "admin")


class TestWhoMayWhat:
    """Route by route, who is let in. `*` is everybody who is signed in."""

    TABLE = (
        ("GET", "/whoami", EVERYBODY),
        ("GET", "/tickets", ("wang.fang", "op.chen", "duty.liu", "audit.guo", "admin")),
        ("GET", "/tickets/T1", EVERYBODY),
        ("GET", "/tickets/T1/timeline", EVERYBODY),
        ("GET", "/tickets/T1/graph", EVERYBODY),
        ("GET", "/reviews", ("wang.fang", "op.chen", "duty.liu", "audit.guo", "admin")),
        ("GET", "/reviews/R1", ("wang.fang", "op.chen", "duty.liu", "audit.guo", "admin")),
        ("GET", "/audit", ("audit.guo", "admin")),
        ("POST", "/tickets", ("intake", "admin")),
        ("POST", "/tickets/T1/hold", ("op.chen", "admin")),
        ("POST", "/tickets/T1/resume", ("op.chen", "admin")),
        ("POST", "/tickets/T1/reassign", ("op.chen", "admin")),
        ("POST", "/tickets/T1/claim", ("wang.fang", "op.chen", "duty.liu", "admin")),
        ("POST", "/tickets/T1/unclaim", ("wang.fang", "op.chen", "duty.liu", "admin")),
        ("POST", "/tickets/T1/retry", ("op.chen", "admin")),
        ("POST", "/tickets/T1/skip", ("op.chen", "admin")),
        ("POST", "/tickets/T1/cancel", ("op.chen", "admin")),
        ("POST", "/tickets/T1/events", ("op.chen", "intake", "admin")),
        ("POST", "/tickets/T1/migrate", ("op.chen", "admin")),
        ("GET", "/migrations", ("wang.fang", "op.chen", "duty.liu", "audit.guo", "admin")),
        ("POST", "/reviews/R1/decision", ("wang.fang", "duty.liu")),
        ("POST", "/reviews/R1/code", ("wang.fang", "duty.liu")),
    )

    def body(self, path: str, office) -> dict[str, object]:
        if path == "/tickets":
            return TICKET
        if path.endswith("decision"):
            return {"verb": "approve", "digest": office.reader.reviews["R1"].digest}
        if path.endswith("code"):
            return {}
        if path.endswith("events"):
            return {"name": "payment_received", "event_id": "E-1"}
        return {"reason": "x", **({"group": "Reconciliation"} if path.endswith("reassign") else {})}

    @pytest.mark.parametrize("name", EVERYBODY)
    @pytest.mark.parametrize(("method", "path", "allowed"), TABLE)
    async def test_every_cell(self, office, pinned_sop, *, method, path, allowed, name):
        office.asking()
        if path.endswith("graph"):
            office.temporal.on_query["sop"] = lambda _: pinned_sop("1")
        if path.endswith("migrate"):
            office.pinned_to("T1", "1")
            office.in_force = {"freeze": pinned_sop("2")}
        outcome = CommandOutcome(accepted=True, code="accepted", message="ok", state=TicketState.PROCESSING)
        decided = DecisionOutcome(review_id="R1", accepted=True, code="accepted", message="ok")
        verbs = (
            "hold",
            "resume",
            "reassign",
            "claim",
            "unclaim",
            "retry_step",
            "skip_step",
            "cancel",
            "deliver_event",
            "migrate",
        )
        office.temporal.on_update = {
            "decide": lambda _: decided,
            **{verb: lambda _: outcome for verb in verbs},
        }
        send = {"content": None} if method == "GET" else {"json": self.body(path, office)}
        response = await office.http.request(method, path, headers=office.signed_in(name), **send)
        if name in allowed:
            assert response.is_success, response.text
        else:
            problem(response, 403, "not_permitted")

    @pytest.mark.parametrize(("method", "path", "allowed"), TABLE)
    async def test_nobody_gets_in_without_signing_in(self, office, method, path, allowed):
        send = {"content": None} if method == "GET" else {"json": {"verb": "approve"}}
        response = await office.http.request(method, path, **send)
        problem(response, 401, "not_signed_in")
        assert response.headers["www-authenticate"].startswith("Bearer")
        for token in ("Bearer x", "Basic eDp5", "Bearer "):
            answer = await office.http.request(method, path, headers={"Authorization": token}, **send)
            problem(answer, 401, "not_signed_in")

    def test_the_table_has_every_route(self, office):
        routes = {
            (method.upper(), path.replace("{task_id}", "T1").replace("{review_id}", "R1"))
            for path, methods in office.app.openapi()["paths"].items()
            for method in methods
        }
        open_to_all = {("GET", "/healthz"), ("GET", "/readyz")}
        assert routes - open_to_all == {(method, path) for method, path, _ in self.TABLE}
