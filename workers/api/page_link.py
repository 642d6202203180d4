"""The page behind an acknowledgement link, as HTML: GET and HEAD only show, POST acts.

Mail scanners and link previews open links; they press no button. Nothing on the page is fetched from
anywhere, nothing of it is stored, and the address, which is the key, goes to nobody as a referrer.
"""

from collections.abc import Iterator
from datetime import datetime, tzinfo
from html import escape
from http import HTTPStatus
from typing import Final

from starlette.responses import HTMLResponse

from domain.page_views import LinkUse, PageView
from domain.paging import PagePhase
from workers.desk.paging import LinkActed, LinkShown

_STYLE: Final = """
body{font:18px/1.5 system-ui,sans-serif;max-width:34rem;margin:1.5rem auto;padding:0 1rem;color:#1c2430}
h1{font-size:1.3rem}dt{color:#5b6675;font-size:.85rem;margin-top:.8rem}dd{margin:0}
button{font:inherit;font-weight:600;width:100%;padding:1rem;margin-top:1.5rem;border:0;border-radius:.5rem;
background:#12683f;color:#fff}small{color:#5b6675}.drill{background:#fff3cd;padding:.3rem .6rem}
"""
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}


def shown(link: LinkShown, zone: tzinfo) -> HTMLResponse:
    """The matter, and a button while it makes sense."""
    view = link.view
    if link.used is not None:
        below = f"<p>{_used(link.used, zone)}</p>"
    elif view.state.phase is PagePhase.OVER:
        below = f"<p>The page is over ({escape(view.state.outcome)}): there is nothing to acknowledge.</p>"
    else:
        below = (
            '<form method="post"><button type="submit">I am looking at it</button></form>'
            f"<p><small>For {escape(link.person)}, once. It stops the calls and approves nothing; "
            "decide in the desk or with <code>opsloop</code>.</small></p>"
        )
    return _page(HTTPStatus.OK, _matter(view, zone) + below)


def acted(link: LinkActed, zone: tzinfo) -> HTMLResponse:
    """What pressing the button came to."""
    if link.used is not None:
        return _page(HTTPStatus.CONFLICT, f"<h1>Used before</h1><p>{_used(link.used, zone)}</p>")
    outcome = link.outcome
    if outcome is not None and outcome.accepted:
        words = f"<h1>Acknowledged by {escape(outcome.acknowledged_by)}</h1><p>{escape(outcome.message)}.</p>"
        return _page(HTTPStatus.OK, words + _matter(link.view, zone))
    message = outcome.message if outcome else "nothing happened"
    return _page(HTTPStatus.CONFLICT, f"<h1>Not acknowledged</h1><p>{escape(message)}.</p>")


def problem(status: int, message: str) -> HTMLResponse:
    """A link that cannot be used, in words."""
    return _page(HTTPStatus(status), f"<h1>Not possible</h1><p>{escape(message)}.</p>")


def _matter(view: PageView, zone: tzinfo) -> str:
    page, state = view.page, view.state
    drill = '<p class="drill">This is a drill.</p>' if page.drill else ""
    return (
        f"<h1>{escape(page.subject)}</h1>{drill}<dl>"
        + "".join(_facts(view, zone))
        + _state(state.acknowledged_by, state.acknowledged_at, zone)
    )


def _facts(view: PageView, zone: tzinfo) -> Iterator[str]:
    page = view.page
    facts = (
        ("Until", _when(page.deadline_at, zone)),
        ("You can", ", ".join(page.choices)),
        ("If nobody answers", page.silence),
        ("Group", page.group),
        ("Ticket", page.task_id),
        ("Page", page.page_id),
    )
    for name, value in facts:
        if value:
            yield f"<dt>{name}</dt><dd>{escape(value)}</dd>"


def _state(by: str, at: datetime | None, zone: tzinfo) -> str:
    if not by:
        return "</dl>"
    return f"<dt>Acknowledged</dt><dd>by {escape(by)}, {_when(at, zone)}</dd></dl>"


def _used(use: LinkUse, zone: tzinfo) -> str:
    return f"This link was used by {escape(use.by)} on {_when(use.at, zone)}. It works once."


def _when(at: datetime | None, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M %Z}" if at else ""


def _page(status: HTTPStatus, body: str) -> HTMLResponse:
    document = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Page</title><style>{_STYLE}</style></head><body>{body}</body></html>"
    )
    return HTMLResponse(document, status_code=status, headers=_HEADERS)
