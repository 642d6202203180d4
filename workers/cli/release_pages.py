"""What the commands of the rules library show to people."""

from typing import Any, Final

from definitions.findings import Finding
from workers.cli.output import console, facts, plain, print_json, table, when

SHORT_DIGEST: Final = 12
"""Digits of a digest that people compare."""


_OF_A_SERVED_FOLDER: Final = {
    "in_force": "as released",
    "published": "as published",
    "edited": "not published",
    "missing": "gone",
}
"""How a folder that tickets are served by compares with the library: whatever it has is in force."""


def print_status(shown: dict[str, Any]) -> None:
    """What is served, each file's version, what is broken and what waits."""
    out = console()
    from_folder = shown["serving"]["source"] == "folder"
    serving, refused = shown["serving"], shown["serving"]["refused"]
    out.print(
        facts(
            [
                ("tickets are served by", _what_serves(serving)),
                ("since", when(serving["since"])),
                ("digest", serving["digest"][:SHORT_DIGEST]),
                ("from", "the definitions folder" if from_folder else "the rules library"),
                ("latest release", shown["release"] or "none"),
            ]
        )
    )
    if refused:
        out.print(
            f"\n{refused['edition']} was refused at {when(refused['since'])}; the last good one serves on:"
        )
    errors = [each for each in (refused or {}).get("findings", []) if each["severity"] == "error"]
    for each in errors or shown["broken"]:
        out.print(plain(str(Finding(**each))), soft_wrap=True)
    if from_folder:
        released = "the library's versions only wait here" if shown["release"] else "nothing was released yet"
        out.print(f"\nthis installation serves its folder as it is edited; {released}")
    rows = [
        (
            each["path"],
            each["version"],
            (each["sha256"] or "")[:SHORT_DIGEST],
            each["released_by"],
            when(each["released_at"]),
            _OF_A_SERVED_FOLDER[each["folder"]] if from_folder else each["folder"].replace("_", " "),
        )
        for each in shown["files"]
    ]
    out.print()
    out.print(table(("file", "version", "digest", "released by", "when", "the folder's"), rows))
    for each in shown["waiting"]:
        files = ", ".join(f"{file['path']} version {file['version']}" for file in each["files"])
        out.print(f"\nchange set {each['number']} by {each['published_by']} waits: {files}")
        if each["outdated"]:
            out.print(f"it cannot be released any more: {each['outdated']}; publish it again")


def _what_serves(serving: dict[str, Any]) -> str:
    if not serving["edition"]:
        return "nothing yet"
    return "the folder, as it is edited" if serving["source"] == "folder" else str(serving["edition"])


def print_published(done: dict[str, Any], *, as_json: bool) -> None:
    """What became of an attempt to publish, with its warnings first."""
    if as_json:
        print_json(done)
        return
    out = console()
    for each in done["warnings"]:
        out.print(plain(str(Finding(**each))), soft_wrap=True)
    change = done["change_set"]
    if change is None:
        out.print("nothing to publish: all of it is in force already")
        return
    for file in change["files"]:
        base = f"after version {file['based_on']}" if file["based_on"] else "new"
        out.print(f"{file['path']}: version {file['version']}, {base}")
    before = " before" if done["repeated"] else ""
    out.print(
        f"published{before} by {change['published_by']} as change set {change['number']}: "
        f"another person releases it with `opsloop sop release {change['number']}`"
    )


def print_withdrawn(done: dict[str, Any], *, as_json: bool) -> None:
    """What was taken back, and by whom."""
    if as_json:
        print_json(done)
        return
    change = done["change_set"]
    taken_back = change["withdrawal"]
    before = " before" if done["repeated"] else ""
    told = (
        f"change set {change['number']} by {change['published_by']} was withdrawn{before} by "
        f"{taken_back['withdrawn_by']}: {taken_back['reason']}"
    )
    console().print(plain(told), soft_wrap=True)


def print_released(done: dict[str, Any], *, as_json: bool) -> None:
    """What a release or rollback put in force."""
    if as_json:
        print_json(done)
        return
    out = console()
    made = done["release"]
    for each in done["warnings"]:
        out.print(plain(str(Finding(**each))), soft_wrap=True)
    for move in made["moves"]:
        now = f"version {move['version']} is in force" if move["version"] else "is no longer there"
        out.print(
            f"{move['path']}: {now}, was version {move['was']}" if move["was"] else f"{move['path']}: {now}"
        )
    word = "rolled back" if made["kind"] == "rollback" else "released"
    before = " before" if done["repeated"] else ""
    out.print(f"{word}{before} by {made['released_by']} as release {made['number']}")
