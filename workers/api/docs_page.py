"""The documentation page: the OpenAPI document as plain HTML, with nothing fetched from anywhere."""

from collections.abc import Iterator
from html import escape
from typing import Any

from starlette.responses import HTMLResponse

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2430}
h2{margin-top:2.5rem;border-bottom:1px solid #ccd3dc}code,pre{font:14px/1.5 ui-monospace,monospace}
pre{background:#f4f6f9;padding:.75rem;overflow:auto}table{border-collapse:collapse}
td,th{text-align:left;padding:.2rem 1rem .2rem 0;vertical-align:top}
.verb{display:inline-block;min-width:3.5rem;font-weight:600}
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"


def docs_page(document: dict[str, Any]) -> HTMLResponse:
    """A page that lists every operation of an OpenAPI document with its fields."""
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style><h1>{title}</h1>"
        f"<p>{escape(document['info'].get('description', ''))}</p>"
        '<p>For programs: <a href="/openapi.json">/openapi.json</a></p>'
        + "".join(_operations(document))
        + "</html>"
    )
    return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY})


def _operations(document: dict[str, Any]) -> Iterator[str]:
    schemas = document.get("components", {}).get("schemas", {})
    for path, methods in document["paths"].items():
        for verb, operation in methods.items():
            yield f'<h2><code><span class="verb">{verb.upper()}</span> {escape(path)}</code></h2>'
            yield f"<p><b>{escape(operation.get('summary', ''))}</b></p>"
            yield "".join(
                f"<p>{escape(text)}</p>" for text in operation.get("description", "").split("\n\n") if text
            )
            yield _fields(
                "Parameters",
                [
                    (each["name"], each.get("required", False), each["schema"] | each)
                    for each in operation.get("parameters", [])
                ],
            )
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            schema = schemas.get(body.get("schema", {}).get("$ref", "").rpartition("/")[2], {})
            required = schema.get("required", [])
            yield _fields(
                "Body",
                [(name, name in required, field) for name, field in schema.get("properties", {}).items()],
            )


def _fields(title: str, fields: list[tuple[str, bool, dict[str, Any]]]) -> str:
    if not fields:
        return ""
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{'required' if required else ''}</td>"
        f"<td>{escape(field.get('description', ''))}</td></tr>"
        for name, required, field in fields
    )
    return f"<table><tr><th colspan=3>{title}</th></tr>{rows}</table>"
