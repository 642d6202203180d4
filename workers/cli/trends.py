"""`opsloop alert trends`: which kinds of tickets come more often than usual."""

from collections.abc import Mapping
from typing import Any

from workers.cli.output import console, print_json, table, when
from workers.cli.session import ApiOption, AsOption, JsonOption, connect


def trends(principal: AsOption = None, api: ApiOption = None, as_json: JsonOption = False) -> None:
    """Show what similar tickets came lately, what is usual at these hours, and which kinds surge."""
    listed = connect(api, principal).get("alerts", "trends")
    if as_json:
        print_json(listed)
        return
    rows = [
        (
            each["name"],
            each["count"],
            f"{each['baseline']:g}" if each["days"] else f"{each['baseline']:g} (no history)",
            f"{each['ratio']:.1f}×",
            _stands(each),
            each["desk"],
        )
        for each in listed["trends"]
    ]
    columns = ("similar tickets", "lately", "usual", "ratio", "state", "desk")
    console().print(table(columns, rows, fold_last=True) if rows else "nothing has been counted yet")


def _stands(trend: Mapping[str, Any]) -> str:
    if trend["state"] == "surging":
        calm = f", calm since {when(trend['calm_since'])}" if trend["calm_since"] else ""
        return f"surging since {when(trend['since'])}, at most {trend['peak']}{calm}"
    return f"quiet; the last surge ended {when(trend['ended_at'])}" if trend["ended_at"] else "quiet"
