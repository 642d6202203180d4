"""`opsloop submit`: hands in the tickets of YAML and JSON files, each exactly once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from definitions.policy_files import read_document
from domain.errors import InvalidInput, OpsloopError
from workers.api.strict_json import read_json
from workers.cli.output import console, print_json, table
from workers.cli.session import Api, ApiOption, ApiRefusedError, AsOption, JsonOption, connect

_MOST_BYTES: Final = 10_000_000


@dataclass(frozen=True)
class _Item:
    """One ticket of a file, and how to say where in it a field stands."""

    file: str
    number: int
    body: Any
    place: Callable[[str], str]


def submit(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="YAML or JSON: a ticket, or a list of them")
    ],
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hand tickets in. Handing the same file in again starts nothing twice.

    Fields: title, source, external_id; and if you have them description, category, action, priority,
    created_at, customer_ref, account_ref, fields.
    """
    items = [item for file in files for item in _read(file)]
    connection = connect(api, principal)
    results = [_hand_in(connection, item) for item in items]
    if as_json:
        print_json(results)
    else:
        _print(results)
    if any("error" in result for result in results):
        raise typer.Exit(1)


def _hand_in(connection: Api, item: _Item) -> dict[str, Any]:
    result: dict[str, Any] = {"file": item.file, "item": item.number}
    if not isinstance(item.body, dict):
        message = f"{item.place('')}: not a ticket; expected a mapping with title, source and external_id"
        return {**result, "error": {"code": InvalidInput.code, "message": message}}
    try:
        return {**result, **connection.post("tickets", body=item.body)}
    except ApiRefusedError as error:
        place = item.place(error.field)
        message = f"{place}: {error}"
        return {**result, "error": {"code": error.refusal, "message": message, "field": error.field or None}}


def _read(path: Path) -> list[_Item]:
    """The tickets of a file. Raises `InvalidInput` naming file and line."""
    return list(_read_json(path) if path.suffix.lower() == ".json" else _read_yaml(path))


def _read_json(path: Path) -> Iterator[_Item]:
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise InvalidInput(f"{path}: cannot read the file: {error.strerror}") from error
    if len(raw) > _MOST_BYTES:
        raise InvalidInput(f"{path}: larger than {_MOST_BYTES:,} bytes; split it")
    try:
        content = read_json(raw)
    except OpsloopError as error:
        raise InvalidInput(f"{path}: {error}") from error
    several = isinstance(content, list)
    for number, body in enumerate(content if several else [content], start=1):
        yield _Item(str(path), number, body, _json_place(path, number if several else None))


def _json_place(path: Path, number: int | None) -> Callable[[str], str]:
    where = f"{path}: item {number}" if number else f"{path}"
    return lambda _field: where


def _read_yaml(path: Path) -> Iterator[_Item]:
    document, findings = read_document(path)
    if document is None:
        raise InvalidInput("; ".join(str(finding) for finding in findings))
    several = isinstance(document.data, list)
    for index, body in enumerate(document.data if several else [document.data]):
        root: tuple[str | int, ...] = (index,) if several else ()

        def place(field: str, root: tuple[str | int, ...] = root) -> str:
            return f"{path}:{document.key_at(*root, *_steps(field)).line}"

        yield _Item(str(path), index + 1, body, place)


def _steps(field: str) -> list[str | int]:
    """`fields.lines[2].amount` as the steps of a path."""
    steps: list[str | int] = []
    for part in field.split(".") if field else []:
        name, *indexes = part.replace("]", "").split("[")
        steps.append(name)
        steps.extend(int(index) for index in indexes if index.isdecimal())
    return steps


def _print(results: list[dict[str, Any]]) -> None:
    done = [result for result in results if "error" not in result]
    rows = [
        (
            result["task_id"],
            "was already in" if result["repeated"] else "accepted",
            f"{result['file']} #{result['item']}",
        )
        for result in done
    ]
    if rows:
        console().print(table(("ticket", "", "from"), rows))
    for result in results:
        if "error" in result:
            typer.echo(f"opsloop: {result['error']['message']}", err=True)
