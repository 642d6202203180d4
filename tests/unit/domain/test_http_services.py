import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.http_services import (
    HttpService,
    address_problem,
    header_problem,
    path_problem,
    pattern_problem,
)


def service(**changes: object) -> HttpService:
    given = {"base_url": "https://a.example", "methods": ["GET"], "paths": ["/accounts/*"], **changes}
    return HttpService.model_validate(given)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://ledger.bank.example/api", None),
        ("http://127.0.0.1:8490", None),
        ("http://localhost:8490", None),
        ("http://[::1]:8490", None),
        ("http://ledger.bank.example", "http is for the loopback only"),
        ("http://127.0.0.1.evil.example", "http is for the loopback only"),
        ("ftp://ledger.bank.example", "not an https URL with a host"),
        ("ledger.bank.example", "not an https URL with a host"),
        ("https://", "not an https URL with a host"),
        ("https://a.example:port", "not a URL"),
        ("https://user:word@a.example", "user, query and fragment have no place in a base URL"),
        ("https://a.example?x=1", "user, query and fragment have no place in a base URL"),
        ("https://a.example/../x", "its path holds . or .. as a part"),
    ],
)
def test_only_https_and_this_machine_may_be_called(url: str, problem: str | None) -> None:
    assert address_problem(url) == problem


def test_production_calls_https_only() -> None:
    assert address_problem("http://127.0.0.1:8490", https_only=True) == "production calls https only"
    assert address_problem("https://a.example", https_only=True) is None


@pytest.mark.parametrize("path", ["accounts", "/a/../b", "/..", "/a/./b", "//b", "/a//b"])
def test_a_path_leads_nowhere_else(path: str) -> None:
    assert path_problem(path) is not None


@pytest.mark.parametrize("path", ["/a%2e", "/a?b", "/a#b", "/a\\b", "/a\nb", f"/{'a' * 1000}"])
def test_a_path_is_written_plainly(path: str) -> None:
    assert path_problem(path) is not None


@pytest.mark.parametrize(
    ("pattern", "path", "allowed"),
    [
        ("/accounts/*", "/accounts/6222", True),
        ("/accounts/*", "/accounts/6222/close", False),
        ("/accounts/*", "/accounts/", False),
        ("/accounts/*", "/accounts", False),
        ("/accounts/*", "/accountsx/1", False),
        ("/customers/*/addresses", "/customers/C1/addresses", True),
        ("/reports/**", "/reports/2026/11", True),
        ("/reports/**", "/reports", False),
        ("/healthz", "/healthz", True),
        ("/healthz", "/healthz/x", False),
    ],
)
def test_a_star_is_one_part_of_a_path(pattern: str, path: str, allowed: bool) -> None:
    assert service(paths=[pattern]).allows(path) is allowed


@given(st.text(alphabet="ab/.*", max_size=12))
def test_what_an_interpolated_part_holds_never_leads_out_of_its_place(part: str) -> None:
    path = f"/accounts/{part}"
    if path_problem(path) is None and service().allows(path):
        assert "/" not in part
        assert part not in ("", ".", "..")


@pytest.mark.parametrize("pattern", ["/a*", "/**/b", "/a/*x", "a/*"])
def test_a_pattern_that_means_nothing_is_refused(pattern: str) -> None:
    assert pattern_problem(pattern) is not None


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "ok"),
        (204, "ok"),
        (404, "not_found"),
        (410, "not_found"),
        (409, "conflict"),
        (400, "rejected"),
        (403, "rejected"),
        (422, "conflict"),
        (302, None),
        (401, None),
        (429, None),
        (500, None),
        (503, None),
    ],
)
def test_statuses_become_outcomes(status: int, outcome: str | None) -> None:
    assert service(outcomes={"422": "conflict"}).outcome_of(status) == outcome


def test_of_an_answer_only_what_is_listed_is_kept() -> None:
    picky = service(keep=["status"])
    assert picky.kept({"status": "active", "name": "Ann"}) == {"status": "active"}
    assert picky.kept([{"status": 1, "name": 2}, "Ann"]) == [{"status": 1}, None]
    assert service().kept({"name": "Ann"}) == {"name": "Ann"}


@pytest.mark.parametrize("name", ["Host", "content-length", "Idempotency-Key"])
def test_some_headers_are_set_by_opsloop(name: str) -> None:
    assert header_problem(name, is_secret=False)
    assert header_problem(name, is_secret=True)


def test_a_secret_does_not_stand_in_the_file() -> None:
    assert "secret_header" in str(header_problem("Authorization", is_secret=False))
    assert header_problem("Authorization", is_secret=True) is None


@pytest.mark.parametrize(
    "change",
    [
        {"methods": []},
        {"methods": ["TRACE"]},
        {"paths": []},
        {"outcomes": {"500": "ok"}},
        {"outcomes": {"404": "gone"}},
        {"timeout": "2min"},
        {"max_response_bytes": 100_000},
        {"headers": {"X-Note": "a\r\nHost: b"}},
        {"secret_header": {"secret": "lower"}},
        {"proxy": "x"},
    ],
)
def test_an_entry_is_strict(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        service(**change)
