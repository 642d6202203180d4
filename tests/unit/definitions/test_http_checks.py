"""What `sop check` says of `policies/http.yaml`, and of SOPs that call its services."""

from pathlib import Path

import pytest

from activities.catalogue import handlers_of
from activities.http_call import HttpActivities
from definitions.findings import Finding
from definitions.loader import load_rulebook
from tests.fakes.catalogue import CODE
from tests.fakes.definition_folder import write_definitions

HTTP = """\
services:
  ledger:
    base_url: https://ledger.bank.example
    methods: [GET, POST]
    paths: [/entries, /entries/*]
"""
SOP = """\
name: Booking
trigger: {category: settlement, action: book}
steps:
  - {name: Risk, handler: risk_assessor, branch: {low: [], medium: [], high: []}}
  - name: Ask
    handler: http
    with: {service: ledger, method: GET, path: /entries/7}
    branch: {ok: [], not_found: [], conflict: [], rejected: []}
    compensate: {none: it only reads}
sla: 1h
"""
HANDLERS = {**CODE, **handlers_of([HttpActivities])}


def findings(folder: Path, http: str | None = HTTP, sop: str = SOP) -> list[Finding]:
    write_definitions(folder, **{"policies/http.yaml": http, "sops/booking.yaml": sop})
    _, found = load_rulebook(folder, HANDLERS)
    return [each for each in found if Path(each.file).name in ("http.yaml", "booking.yaml")]


def codes(found: list[Finding]) -> list[tuple[str, int]]:
    return [(each.code, each.line) for each in found if each.code.startswith(("OPS1", "OPS32"))]


def test_a_call_that_is_allowed_is_fine(tmp_path: Path) -> None:
    assert codes(findings(tmp_path)) == []
    book, _ = load_rulebook(tmp_path, HANDLERS)
    assert book is not None
    assert set(book.http_services) == {"ledger"}


def test_a_bank_may_do_without_the_file_and_then_nothing_may_be_called(tmp_path: Path) -> None:
    [finding] = [each for each in findings(tmp_path, http=None) if each.code == "OPS323"]
    assert (finding.line, finding.message) == (7, "unknown service 'ledger'")


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ("https://ledger.bank.example", "http://ledger.bank.example", "OPS320", 3),
        ("https://ledger.bank.example", "https://me:word@ledger.bank.example", "OPS320", 3),
        ("/entries/*]", "/entries/x*]", "OPS321", 5),
        ("/entries/*]", "entries]", "OPS321", 5),
        ("/entries/*]\n", "/entries/*]\n    headers: {Authorization: secret}\n", "OPS322", 6),
        ("/entries/*]\n", "/entries/*]\n    secret_header: {name: Host, secret: A}\n", "OPS322", 6),
        ("[GET, POST]", "[GET, FETCH]", "OPS104", 4),
        ("    methods: [GET, POST]\n", "", "OPS102", 3),
        ("/entries/*]\n", "/entries/*]\n    redirects: true\n", "OPS101", 6),
    ],
)
def test_an_entry_that_cannot_be_used_is_an_error_at_its_place(
    tmp_path: Path, old: str, new: str, code: str, line: int
) -> None:
    assert (code, line) in codes(findings(tmp_path, http=HTTP.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("service: ledger", "service: leger", "OPS323"),
        ("method: GET", "method: PUT", "OPS324"),
        ("/entries/7", "/accounts/7", "OPS324"),
        ("/entries/7", "/entries/../accounts", "OPS324"),
    ],
)
def test_an_sop_keeps_to_what_is_allowed(tmp_path: Path, old: str, new: str, code: str) -> None:
    assert codes(findings(tmp_path, sop=SOP.replace(old, new))) == [(code, 7)]


def test_a_service_that_is_nearly_named_is_suggested(tmp_path: Path) -> None:
    [finding] = [
        each for each in findings(tmp_path, sop=SOP.replace("ledger", "leger")) if each.code == "OPS323"
    ]
    assert "did you mean 'ledger'?" in finding.message


def test_what_is_known_only_when_it_runs_is_left_to_the_run(tmp_path: Path) -> None:
    later = SOP.replace("/entries/7", '"/entries/${ fields.entry }"')
    assert codes(findings(tmp_path, sop=later)) == []


def test_a_file_with_an_error_is_not_blamed_on_the_sops(tmp_path: Path) -> None:
    broken = HTTP.replace("methods:", "verbs:")
    assert {Path(each.file).name for each in findings(tmp_path, http=broken)} == {"http.yaml"}
