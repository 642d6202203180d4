"""Where versions stand, and how two of them differ."""

from datetime import UTC, datetime, timedelta
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from definitions.differences import sop_changes, unified_diff
from definitions.loader import is_definition, parse_sop
from definitions.releases import (
    ABSENT,
    ChangeSet,
    FileChange,
    FolderState,
    Move,
    Version,
    VersionState,
    custody,
    earlier_versions,
    folder_states,
    outdated_by,
    states_of,
)
from definitions.schema import Sop
from definitions.sources import DefinitionFiles, content_digest, files_in
from domain.people import Directory, Principal, Role
from tests.fakes.definition_folder import write_definitions

A = "sops/a.yaml"
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def moves(*told: tuple[Literal["release", "rollback"], int], path: str = A) -> list[Move]:
    made: list[Move] = []
    for number, (kind, version) in enumerate(told, 1):
        was = made[-1].version if made else ABSENT
        at = NOW + timedelta(hours=number)
        made.append(Move(release=number, kind=kind, path=path, version=version, was=was, by="bob", at=at))
    return made


def version(number: int, path: str = A, sha256: str = "") -> Version:
    return Version(
        path=path,
        number=number,
        sha256=sha256 or f"{number:064x}",
        note="",
        published_by="ann",
        published_at=NOW,
    )


def test_a_version_is_published_in_force_superseded_or_rolled_back() -> None:
    told = moves(("release", 1), ("release", 2), ("release", 3), ("rollback", 2))
    states = states_of(A, [version(number) for number in range(1, 5)], told)
    assert states == {
        1: VersionState.SUPERSEDED,
        2: VersionState.IN_FORCE,
        3: VersionState.ROLLED_BACK,
        4: VersionState.PUBLISHED,
    }


def test_moves_of_other_files_count_nothing() -> None:
    told = moves(("release", 1), path="sops/b.yaml")
    assert states_of(A, [version(1), version(1, "sops/b.yaml")], told) == {1: VersionState.PUBLISHED}
    assert earlier_versions(A, told) == [ABSENT]


_HISTORIES = st.lists(
    st.one_of(
        st.tuples(st.just("release"), st.integers(1, 6)), st.tuples(st.just("rollback"), st.integers(0, 6))
    ),
    min_size=1,
    max_size=20,
)


@given(_HISTORIES)
def test_at_most_one_version_is_in_force_and_it_is_the_last_that_was_moved(history) -> None:
    told = moves(*history)
    states = states_of(A, [version(number) for number in range(1, 7)], told)
    in_force = [number for number, state in states.items() if state is VersionState.IN_FORCE]
    assert in_force == [told[-1].version] * (told[-1].version != ABSENT)
    moved = {each.version for each in told}
    assert all((state is VersionState.PUBLISHED) == (number not in moved) for number, state in states.items())


@given(_HISTORIES)
def test_rolling_back_again_and_again_ends_before_the_first_version(history) -> None:
    told = moves(*history)
    for _ in range(len(told) + 1):
        passed = earlier_versions(A, told)
        assert passed[-1] == told[-1].version
        if len(passed) == 1:
            break
        told += [told[-1].model_copy(update={"kind": "rollback", "version": passed[-2]})]
    assert earlier_versions(A, told) == [ABSENT]


def test_a_change_set_is_outdated_by_whoever_moved_one_of_its_files() -> None:
    file = FileChange(path=A, version=3, based_on=1)
    change = ChangeSet(number=1, note="", published_by="ann", published_at=NOW, files=(file,))
    assert outdated_by(change, []) is None
    assert outdated_by(change, moves(("release", 1))) is None
    told = moves(("release", 1), ("release", 2))
    assert outdated_by(change, told) is told[-1]
    assert outdated_by(change, [*told, *moves(("rollback", 1))]) is None, "it is as it was"


def test_each_file_of_a_folder_is_compared_with_the_library() -> None:
    folder = DefinitionFiles({"a": b"1", "b": b"2", "c": b"3"})
    in_force = {"a": content_digest(b"1"), "b": content_digest(b"1"), "d": content_digest(b"4")}
    known = [version(2, "b", content_digest(b"2"))]
    assert folder_states(folder, in_force, known) == {
        "a": FolderState.IN_FORCE,
        "b": FolderState.PUBLISHED,
        "c": FolderState.EDITED,
        "d": FolderState.MISSING,
    }


def people(**roles: set[Role]) -> Directory:
    return Directory(
        principals=tuple(Principal(id=name, name=name, roles=frozenset(each)) for name, each in roles.items())
    )


def test_two_people_are_needed_to_publish_and_release() -> None:
    author, releaser, admin = {Role.AUTHOR}, {Role.RELEASER}, {Role.ADMIN}
    for good in (
        people(ann=author, bob=releaser),
        people(ann=author | releaser, bob=author),
        people(ann=author, bob=admin),
        people(ann=admin, bob=admin),
    ):
        assert custody(good, "d") == []
    for bad in (
        people(ann=author | releaser),
        people(ann=author, bob=author),
        people(ann=releaser),
        people(ann=admin, bob={Role.REVIEWER}),
    ):
        assert [each.code for each in custody(bad, "d")] == ["OPS330"]


def test_only_paths_that_a_rulebook_is_read_from_are_definitions() -> None:
    for path in ("sops/a.yaml", "policies/duty.yaml", "policies/dispatch/rules.yaml"):
        assert is_definition(path)
    for path in (
        "",
        "sops",
        "sops/a.yml",
        "sops/a.test.yaml",
        "sops/b/a.yaml",
        "policies/rules.yaml",
        "../sops/a.yaml",
        "a.yaml",
    ):
        assert not is_definition(path)


def test_files_are_read_once_with_their_places(tmp_path) -> None:
    folder = write_definitions(tmp_path)
    (folder / "sops/large.yaml").write_bytes(b"x" * 5_000_000)
    files = files_in(folder)
    assert len(files.contents["sops/large.yaml"]) < 300_000
    _, findings = files.document("sops/large.yaml")
    assert (findings[0].file, findings[0].code) == (str(folder / "sops/large.yaml"), "OPS002")
    assert files.below("policies").below("dispatch").paths() == [
        "escalation.yaml",
        "keywords.yaml",
        "rules.yaml",
    ]
    changed = files.with_changes({"sops/large.yaml": None, "sops/new.yaml": b"a: 1"})
    assert "sops/large.yaml" not in changed.paths()
    assert changed.document("sops/large.yaml")[1][0].code == "OPS001"


def sop(text: str) -> Sop:
    read, findings = parse_sop(text, None)
    assert read is not None, findings
    return read


OLD = """\
name: Freeze
trigger: {category: accounts}
steps:
  - {name: Check, handler: auth_validator, timeout: 5s}
  - {name: Risk, handler: risk_assessor}
  - name: Each
    foreach: {items: "[1]", steps: [{name: Pay, handler: core_system_freeze}]}
sla: 1h
escalation: {at: 45min, to: Night Desk}
"""


def test_an_sop_is_compared_in_its_own_terms() -> None:
    new = (
        OLD.replace("timeout: 5s", "timeout: 6s, retry: 2")
        .replace("  - {name: Risk, handler: risk_assessor}\n", "")
        .replace("name: Pay, handler: core_system_freeze", "name: Pay, handler: manual_freeze")
        .replace("[{name: Pay", "[{name: Look, handler: auth_validator}, {name: Pay")
        .replace("sla: 1h", "sla: 2h")
        .replace("45min", "50min")
    )
    assert sop_changes(sop(OLD), sop(new)) == [
        "sla: 1h → 2h",
        "escalation: at 45min, to Night Desk, channel sms → at 50min, to Night Desk, channel sms",
        "step added: look",
        "step removed: risk",
        "step changed: check (timeout, retry)",
        "step changed: pay (handler)",
    ]


def test_a_changed_order_is_told_and_no_change_is_none() -> None:
    lines = OLD.splitlines(keepends=True)
    swapped = "".join([*lines[:3], lines[4], lines[3], *lines[5:]])
    assert sop_changes(sop(OLD), sop(swapped)) == ["steps are in another order"]
    assert sop_changes(sop(OLD), sop(OLD)) == []
    assert sop_changes(None, sop(OLD)) == []


def test_lines_are_compared_under_the_names_of_both_states() -> None:
    text = unified_diff(A, "a\nb\n", None, names=("version 1", "folder"))
    assert text.splitlines()[:2] == [f"--- {A} (version 1)", f"+++ {A} (folder)"]
    assert text.splitlines()[3:] == ["-a", "-b"]
    assert unified_diff(A, "a", "a", names=("x", "y")) == ""
