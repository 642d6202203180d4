"""Whether services that SOPs call by HTTP are described well, and whether SOPs keep to what is allowed."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from definitions.findings import Finding, found, listed, suggestion
from definitions.policy_files import Policies
from definitions.schema import Place, Sop, all_steps
from definitions.yaml_source import Document
from domain.handlers import HandlerSpec
from domain.http_services import HttpService, address_problem, header_problem, path_problem, pattern_problem

HTTP_HANDLER = "http"


def services_can_be_called(policies: Policies, _: Mapping[str, HandlerSpec]) -> Iterator[Finding]:
    """Addresses, path patterns and headers of `policies/http.yaml` are such as may be used."""
    document = policies.documents.get("http")
    if policies.http is None or document is None:
        return
    for name, service in policies.http.services.items():
        here = ("services", name)
        problem = address_problem(service.base_url)
        if problem:
            yield found(
                document.file,
                document.value_at(*here, "base_url"),
                "OPS320",
                f"base_url of {name}: {problem}",
                "an address such as https://ledger.bank.example/api",
            )
        for number, pattern in enumerate(service.paths):
            problem = pattern_problem(pattern)
            if problem:
                yield found(
                    document.file,
                    document.value_at(*here, "paths", number),
                    "OPS321",
                    f"the path {pattern!r} {problem}",
                    "a path such as /accounts/* or /reports/**",
                )
        for header in service.headers:
            problem = header_problem(header, is_secret=False)
            if problem:
                yield found(
                    document.file,
                    document.key_at(*here, "headers", header),
                    "OPS322",
                    problem,
                    "another header",
                )
        secret = service.secret_header
        problem = header_problem(secret.name, is_secret=True) if secret else None
        if problem:
            at = document.value_at(*here, "secret_header", "name")
            yield found(document.file, at, "OPS322", problem, "a header such as Authorization")


def http_calls_fit(document: Document, sop: Sop, policies: Policies) -> Iterator[Finding]:
    """What an SOP calls by `handler: http` is allowed, as far as that is known before it runs."""
    if policies.http is None:
        return
    for place, step in all_steps(sop.steps):
        if step.handler == HTTP_HANDLER:
            yield from _call_fits(document, (*place, "with"), step.inputs, policies.http.services)
        undo = step.compensate
        if undo and undo.handler == HTTP_HANDLER and undo.inputs:
            at = (*place, "compensate", "with")
            yield from _call_fits(document, at, undo.inputs, policies.http.services)


def _call_fits(
    document: Document, place: Place, given: Mapping[str, Any], services: Mapping[str, HttpService]
) -> Iterator[Finding]:
    name, method, path = (given.get(each) for each in ("service", "method", "path"))
    if not _is_known(name):
        return
    service = services.get(name)
    if service is None:
        yield found(
            document.file,
            document.value_at(*place, "service"),
            "OPS323",
            f"unknown service {name!r}{suggestion(name, services)}",
            f"{listed(services)} of policies/http.yaml",
        )
        return
    if _is_known(method) and method not in service.methods:
        yield found(
            document.file,
            document.value_at(*place, "method"),
            "OPS324",
            f"{name} does not allow the method {method}",
            listed(service.methods),
        )
    problem = path_problem(path) if _is_known(path) else None
    if problem is None and _is_known(path) and not service.allows(path):
        problem = f"is not one that {name} allows"
    if problem:
        yield found(
            document.file,
            document.value_at(*place, "path"),
            "OPS324",
            f"the path {path!r} {problem}",
            listed(service.paths),
        )


def _is_known(value: Any) -> TypeGuard[str]:
    """Whether the value is a text that stands there as it will be used."""
    return isinstance(value, str) and "${" not in value
