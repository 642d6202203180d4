"""`opsloop token` and `opsloop settings`: who you are, and how this installation runs."""

from typing import Annotated, Any, Final

import typer
from pydantic import SecretStr

from workers.cli.output import console, print_json, table
from workers.cli.session import JsonOption, issue_token, load_settings
from workers.settings import Settings

_MASK: Final = "********"


def token(
    name: Annotated[str, typer.Argument(metavar="NAME", help="id of a principal in policies/directory.yaml")],
    as_json: JsonOption = False,
) -> None:
    """Print a sign-in token, signed with the local key of the embedded run."""
    issued = issue_token(load_settings(), name)
    if as_json:
        print_json({"principal": name, "token": issued})
    else:
        print(issued)


def settings(as_json: JsonOption = False) -> None:
    """Show every setting: its variable, what it is for, and its value now. Secrets are masked."""
    shown = describe_settings(load_settings())
    if as_json:
        print_json(shown)
        return
    rows = [(each["variable"], each["value"], each["description"]) for each in shown]
    console().print(table(("variable", "value", "what for"), rows, fold_last=True))


def describe_settings(current: Settings) -> list[dict[str, Any]]:
    """Every setting with its environment variable, description, value and default."""
    return [
        {
            "name": name,
            "variable": f"OPSLOOP_{name.upper()}",
            "description": field.description,
            "value": _shown(getattr(current, name)),
            "default": _shown(field.default),
            "secret": "SecretStr" in str(field.annotation),
        }
        for name, field in Settings.model_fields.items()
    ]


def _shown(value: Any) -> str | int | float | None:
    if isinstance(value, SecretStr):
        return _MASK
    return value if isinstance(value, int | float) or value is None else str(value)
