"""`opsloop sop publish …`: definitions on their way from a folder into force, and back.

What is published comes from the definitions folder of whoever publishes; everything else is the API's.
"""

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from definitions.findings import Finding, has_errors
from definitions.loader import definition_digests, is_definition, load_rulebook
from definitions.releases import FolderState, Version, folder_states
from definitions.sources import DefinitionFiles, files_in
from domain.errors import InvalidInput, NotFound
from workers.cli.output import console, plain, print_json, table, when
from workers.cli.release_pages import (
    SHORT_DIGEST,
    print_published,
    print_released,
    print_status,
    print_withdrawn,
)
from workers.cli.session import (
    Api,
    ApiOption,
    ApiRefusedError,
    AsOption,
    JsonOption,
    connect,
    load_settings,
)

app = typer.Typer()

DefinitionsOption = Annotated[
    Path | None,
    typer.Option(
        "--definitions", metavar="DIR", help="definitions folder [default: $OPSLOOP_DEFINITIONS_DIR]"
    ),
]
_FOLDER: Final = "folder"
_IN_FORCE: Final = "in_force"


@app.command()
def publish(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="[FILE]…", help="files of the definitions folder")
    ] = None,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="whatever differs from what is in force, removed files included")
    ] = False,
    delete: Annotated[
        list[str] | None,
        typer.Option("--delete", metavar="PATH", help="a file to remove; may be given again"),
    ] = None,
    note: Annotated[str, typer.Option("--note", help="what changes and why")] = "",
    definitions: DefinitionsOption = None,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Publish files as one change set, checked with all that is in force. Another person releases it."""
    folder = definitions or load_settings().definitions_dir
    local = files_in(folder)
    connection = connect(api, principal)
    if everything:
        in_force = _in_force(connection)
        digests = definition_digests(local)
        paths = [path for path, digest in digests.items() if in_force.get(path) != digest]
        gone = [path for path in in_force if path not in local.paths()]
    else:
        paths, gone = [_path_of(each, folder, local) for each in files or []], []
    gone += [_below(each, folder) for each in delete or []]
    if not everything and not paths and not gone:
        raise InvalidInput("name the files to publish, or give --all")
    changes: list[dict[str, str | None]] = [
        {"path": path, "content": _text(local, path, as_json=as_json)} for path in sorted({*paths})
    ]
    changes += [{"path": path, "content": None} for path in sorted({*gone} - {*paths})]
    if not changes:
        print_published(
            {"change_set": None, "repeated": False, "unchanged": [], "warnings": []}, as_json=as_json
        )
        return
    done = _post(connection, "publish", {"files": changes, "note": note}, as_json=as_json)
    print_published(done, as_json=as_json)


@app.command()
def release(
    change_set: Annotated[
        int | None,
        typer.Argument(metavar="[CHANGE_SET]", help="its number; default: the only one that waits"),
    ] = None,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a change set in force that somebody else published."""
    done = _post(connect(api, principal), "release", {"change_set": change_set}, as_json=as_json)
    print_released(done, as_json=as_json)


@app.command()
def withdraw(
    change_set: Annotated[int, typer.Argument(metavar="CHANGE_SET", help="its number")],
    *,
    reason: Annotated[str, typer.Option("--reason", help="why; kept with the change set")],
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take back a change set that nobody has released: one of yours, or any if you may release."""
    body = {"change_set": change_set, "reason": reason}
    print_withdrawn(_post(connect(api, principal), "withdraw", body, as_json=as_json), as_json=as_json)


@app.command()
def rollback(
    target: Annotated[str, typer.Argument(metavar="PATH|CHANGE_SET", help="a file, or all of a change set")],
    *,
    reason: Annotated[str, typer.Option("--reason", help="why; kept with the release")],
    to: Annotated[
        int | None,
        typer.Option("--to", help="version to go back to; default: the one before; 0 takes it away"),
    ] = None,
    definitions: DefinitionsOption = None,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go back to the version before, at once: what was in force once was released by two."""
    body: dict[str, Any] = {"reason": reason, "to": to}
    if target.isdecimal():
        body["change_set"] = int(target)
    else:
        body["path"] = _below(target, definitions or load_settings().definitions_dir)
    print_released(_post(connect(api, principal), "rollback", body, as_json=as_json), as_json=as_json)


@app.command()
def versions(
    path: Annotated[str | None, typer.Argument(help="only versions of this file")] = None,
    definitions: DefinitionsOption = None,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """List versions: number, digest, who, when, and where each stands."""
    wanted = None if path is None else _below(path, definitions or load_settings().definitions_dir)
    listed = connect(api, principal).get("definitions", "versions", path=wanted)
    if as_json:
        print_json(listed)
        return
    rows = [
        (
            each["path"],
            each["number"],
            each["state"],
            each["sha256"][:SHORT_DIGEST] or "(removed)",
            each["published_by"],
            when(each["published_at"]),
            ", ".join(map(str, each["change_sets"])),
            each["note"],
        )
        for each in listed["versions"]
    ]
    columns = ("file", "version", "state", "digest", "published by", "when", "change set", "note")
    console().print(table(columns, rows) if rows else "nothing was published yet")


@app.command()
def diff(
    path: Annotated[str, typer.Argument(help="a file of the definitions folder")],
    old: Annotated[str, typer.Argument(help="a version's number, in_force or folder")] = _IN_FORCE,
    new: Annotated[str, typer.Argument(help="a version's number, in_force or folder")] = _FOLDER,
    *,
    definitions: DefinitionsOption = None,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two states of a file; by default what is in force with the file in the folder."""
    from workers.library_reading import difference  # noqa: PLC0415  # the other commands start without it

    folder = definitions or load_settings().definitions_dir
    name = _below(path, folder)
    connection = connect(api, principal)
    found = difference(name, *(_state(connection, folder, name, each) for each in (old, new)))
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    out = console()
    for line in found.changes:
        out.print(plain(line), soft_wrap=True)
    if found.changes:
        out.print()
    for line in found.text.splitlines():
        out.print(plain(line), soft_wrap=True)
    if not found.text:
        out.print(f"{name}: no difference between {found.old} and {found.new}")


@app.command()
def status(
    definitions: DefinitionsOption = None,
    principal: AsOption = None,
    api: ApiOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is served, each file's version in force, what the folder has edited, and what waits."""
    folder = definitions or load_settings().definitions_dir
    connection = connect(api, principal)
    shown = connection.get("definitions", "status")
    _compare(shown, connection, folder)
    if as_json:
        print_json(shown)
    else:
        print_status(shown)


def _compare(shown: dict[str, Any], connection: Api, folder: Path) -> None:
    """Tells the status of this folder instead of that beside the API, and what is wrong with it."""
    # The other commands start without these.
    from workers.activity_set import handler_specs  # noqa: PLC0415
    from workers.library_reading import definitions_of  # noqa: PLC0415

    in_force = {each["path"]: each["sha256"] for each in shown["files"] if each["sha256"]}
    published = [Version(**each) for each in connection.get("definitions", "versions")["versions"]]
    states = folder_states(definitions_of(folder), in_force, published)
    known = {each["path"]: each for each in shown["files"]}
    empty = {"version": None, "sha256": None, "released_by": None, "released_at": None}
    shown["files"] = [
        {**known.get(path, {"path": path, **empty}), "folder": state.value} for path, state in states.items()
    ]
    edited = any(state is FolderState.EDITED for state in states.values())
    findings = load_rulebook(folder, handler_specs())[1] if edited else []
    shown["broken"] = [each.__dict__ for each in findings if has_errors([each])]


def _post(connection: Api, verb: str, body: dict[str, Any], *, as_json: bool) -> dict[str, Any]:
    """The API's answer. Refused definitions end the command with their findings, one a line."""
    try:
        answer: dict[str, Any] = connection.post("definitions", verb, body=body)
    except ApiRefusedError as error:
        findings = error.answer.get("findings")
        if not findings:
            raise
        hint = error.answer.get("hint", "")
        _refuse([Finding(**each) for each in findings], hint=hint, as_json=as_json)
    return answer


def _refuse(findings: list[Finding], *, hint: str = "", as_json: bool) -> None:
    """Prints findings as `sop check` does, and ends the command."""
    if as_json:
        print_json(
            {
                "error": {"code": "definition_invalid"},
                "hint": hint,
                "findings": [each.__dict__ for each in findings],
            }
        )
    else:
        for each in findings:
            print(each)
        print(f"refused: {hint or 'what is in force stays as it is'}")
    raise typer.Exit(1)


def _in_force(connection: Api) -> dict[str, str]:
    files = connection.get("definitions", "status")["files"]
    return {each["path"]: each["sha256"] for each in files if each["sha256"]}


def _state(connection: Api, folder: Path, path: str, wanted: str) -> tuple[str, str | None]:
    """What a state of a file is called, and its text."""
    if wanted == _FOLDER:
        content = files_in(folder).contents.get(path)
        return _FOLDER, None if content is None else content.decode("utf-8", "replace")
    name = f"version {wanted}"
    if wanted == _IN_FORCE:
        files = connection.get("definitions", "status")["files"]
        version = next((each["version"] for each in files if each["path"] == path), None)
        if version is None:
            return "not in force", None
        wanted, name = str(version), f"version {version}, in force"
    found = connection.get("definitions", "content", path=path, version=wanted)
    return name, found["content"]


def _path_of(given: str, folder: Path, local: DefinitionFiles) -> str:
    """A file to publish, by its path below the folder."""
    path = _below(given, folder)
    if path not in local.paths():
        hint = f"; to remove it give --delete {path}" if is_definition(path) else ""
        raise NotFound(f"{given}: no such file in {folder}{hint}")
    return path


def _below(given: str, folder: Path) -> str:
    """A path below the definitions folder, whether it was given from there or from here."""
    root = folder.resolve()
    resolved = Path(given).resolve()
    if resolved.is_relative_to(root) and resolved.exists():
        return resolved.relative_to(root).as_posix()
    return Path(given).as_posix()


def _text(local: DefinitionFiles, path: str, *, as_json: bool) -> str:
    """A file's text, if it is YAML at all: what is not does not have to travel to be refused."""
    _, findings = local.document(path)
    if has_errors(findings):
        _refuse(findings, as_json=as_json)
    return local.contents[path].decode("utf-8")
