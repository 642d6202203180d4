"""`opsloop channel …`: how the ways out fare, and a real test of each."""

from typing import Annotated, Any, get_args

import typer

from domain.errors import InvalidInput
from workers.cli.entry import FAILED
from workers.cli.output import console, print_json, table, when
from workers.cli.session import ApiOption, AsOption, JsonOption, connect, load_settings
from workers.outbox import OUTBOX_FILE, OutsideChannel, read_outbox, selected

app = typer.Typer(help="The ways out: how their providers fare, and tests of them.", no_args_is_help=True)


@app.command("list")
def list_channels(principal: AsOption = None, api: ApiOption = None, as_json: JsonOption = False) -> None:
    """Show every channel: its providers in their order, failures in a row, what stands in for it."""
    found = connect(api, principal).get("channels")
    if as_json:
        print_json(found)
        return
    rows = [row for each in found["channels"] for row in _rows(each)]
    columns = ("channel", "provider", "failures in a row", "last taken", "last failed", "backups", "why")
    console().print(table(columns, rows, fold_last=True))


@app.command("test")
def test_channel(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="email, sms, wecom or webhook")],
    to: Annotated[str, typer.Option("--to", metavar="PERSON", help="a person's id, or a group")],
    *,
    provider: Annotated[
        str, typer.Option("--provider", metavar="NAME", help="only this one [default: as any message]")
    ] = "",
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> int:
    """Send a real message, marked as a test. Exits with 1 when no provider took it."""
    body = {"to": to, "provider": provider}
    result = connect(api, principal).post("channels", channel, "test", body=body)
    if as_json:
        print_json(result)
    else:
        print(f"{'taken' if result['taken'] else 'not taken'}: {result['detail']}")
    return 0 if result["taken"] else FAILED


def outbox(
    channel: Annotated[
        str | None, typer.Option("--channel", help="only email, sms, wecom or webhook")
    ] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="ADDRESS", help="only to this address")] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=10_000, help="at most so many, the latest")
    ] = 20,
    as_json: JsonOption = False,
) -> None:
    """Show what the embedded run has sent, as the receiving side has it."""
    if channel is not None and channel not in get_args(OutsideChannel):
        raise InvalidInput(f"expected one of {', '.join(get_args(OutsideChannel))}", field="--channel")
    path = load_settings().data_dir / OUTBOX_FILE
    found = selected(read_outbox(path), channel=channel, to=to, limit=limit)
    if as_json:
        print_json([each.model_dump(mode="json") for each in found])
        return
    rows = [
        (
            when(each.received_at.isoformat()),
            each.channel,
            each.provider,
            each.to,
            " · ".join(filter(None, (each.subject, *each.body.splitlines()))),
        )
        for each in found
    ]
    console().print(table(("at", "channel", "by", "to", "message"), rows, fold_last=True))


def _rows(channel: dict[str, Any]) -> list[tuple[object, ...]]:
    backups = ", ".join(channel["backups"])
    return [
        (
            channel["channel"],
            each["provider"],
            each["failures"],
            when(each["taken_at"]),
            when(each["failed_at"]),
            backups,
            each["reason"] if each["failures"] else None,
        )
        for each in channel["providers"]
    ] or [(channel["channel"], "none is configured", None, None, None, backups, None)]
