"""The one shape of the API's errors, checked."""

import httpx


def problem(response: httpx.Response, status: int, code: str, field: str | None = None) -> str:
    """Asserts status, code, field and shape of an error answer; returns its message."""
    assert response.status_code == status, response.text
    body = response.json()
    assert list(body) == ["code", "message", "field", "request_id"]
    assert (body["code"], body["field"]) == (code, field)
    assert body["request_id"] == response.headers["x-request-id"]
    message: str = body["message"]
    return message
