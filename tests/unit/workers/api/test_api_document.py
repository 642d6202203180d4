"""`docs/api.md` names every route, every error code and every field of a ticket."""

from http import HTTPStatus

import pytest

from workers.api.errors import _REFUSALS, _STATUS
from workers.settings import PROJECT
from workers.ticket_request import TicketRequest

DOCUMENT = (PROJECT / "docs" / "api.md").read_text(encoding="utf-8")


def test_every_route_is_described(office):
    for path, methods in office.app.openapi()["paths"].items():
        for method in methods:
            assert f"| `{method.upper()} {path}` |" in DOCUMENT


@pytest.mark.parametrize(
    ("code", "status"),
    [(kind.code, status) for kind, status in _STATUS.items()]
    + [(code, status) for code, (status, _) in _REFUSALS.items()],
)
def test_every_error_code_is_described_with_its_status(code: str, status: HTTPStatus):
    assert f"| {status.value} | `{code}` |" in DOCUMENT


@pytest.mark.parametrize("name", TicketRequest.model_fields)
def test_every_field_of_a_ticket_is_described(name: str):
    assert f"`{name}`" in DOCUMENT
