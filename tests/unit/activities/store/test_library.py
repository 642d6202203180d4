"""The rules library: versions, change sets and releases, on both databases."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import delete, text, update

from activities.adapters.store import Store
from activities.adapters.store.tables import definition_versions, releases
from definitions.releases import ABSENT, ChangeSet, Release
from domain.errors import Conflict, NotFound, OpsloopError

A, B = "sops/a.yaml", "policies/sla.yaml"


def publish(store: Store, onto: int = 0, by: str = "ann", **files: str | None) -> ChangeSet:
    contents = {{"a": A, "b": B}[name]: content for name, content in files.items()}
    done = store.library.publish(contents, note="a note", by=by, onto=onto)
    assert done.change_set is not None
    return done.change_set


def release(store: Store, change: ChangeSet, onto: int = 0) -> Release:
    return store.library.release(change, by="bob", onto=onto)


def put_in_force(store: Store, **files: str | None) -> Release:
    onto = store.library.last_release()
    return release(store, publish(store, onto, **files), onto)


class TestPublishing:
    def test_versions_are_numbered_per_file_and_kept_as_they_are(self, store: Store) -> None:
        change = publish(store, a="one 中文\r\n", b="x: 1\n")
        assert [(file.path, file.version, file.based_on) for file in change.files] == [(B, 1, 0), (A, 1, 0)]
        publish(store, a="two\n")
        assert store.library.content(A, 1) == "one 中文\r\n"
        listed = store.library.versions(A)
        assert [(each.number, each.published_by, each.note) for each in listed] == [
            (1, "ann", "a note"),
            (2, "ann", "a note"),
        ]
        assert listed[0].sha256 != listed[1].sha256
        assert listed[0].published_at.tzinfo is not None
        assert len(store.library.versions()) == 3

    def test_nothing_is_in_force_before_a_release(self, store: Store) -> None:
        publish(store, a="one")
        assert store.library.last_release() == 0
        assert store.library.in_force().contents == {}

    def test_the_same_content_again_is_the_same_version_and_change_set(self, store: Store) -> None:
        first = publish(store, a="one")
        again = store.library.publish({A: "one"}, note="other words", by="cem", onto=0)
        assert again.repeated
        assert again.change_set == first
        assert len(store.library.versions()) == 1
        assert len(store.library.change_sets()) == 1

    def test_what_is_in_force_is_left_out(self, store: Store) -> None:
        put_in_force(store, a="one", b="x")
        done = store.library.publish({A: "one", B: "y"}, note="", by="ann", onto=1)
        assert done.unchanged == (A,)
        assert done.change_set is not None
        assert [(file.path, file.version, file.based_on) for file in done.change_set.files] == [(B, 2, 1)]
        nothing = store.library.publish({A: "one"}, note="", by="ann", onto=1)
        assert (nothing.change_set, nothing.unchanged) == (None, (A,))

    def test_a_change_set_that_was_released_is_not_the_one_that_waits(self, store: Store) -> None:
        put_in_force(store, a="one")
        first = publish(store, 1, a="two")
        release(store, first, 1)
        store.library.roll_back({A: 1}, reason="wrong", by="bob", onto=2)
        again = publish(store, 3, a="two")
        assert again.number == first.number + 1
        assert again.files[0].version == first.files[0].version

    def test_a_file_that_is_not_there_cannot_be_removed_anew(self, store: Store) -> None:
        assert store.library.publish({A: None}, note="", by="ann", onto=0).change_set is None
        put_in_force(store, a="one")
        put_in_force(store, a=None)
        assert store.library.publish({A: None}, note="", by="ann", onto=2).change_set is None

    def test_a_publication_onto_an_older_release_conflicts(self, store: Store) -> None:
        put_in_force(store, a="one")
        with pytest.raises(Conflict, match="release 1 came in between"):
            publish(store, 0, a="two")
        assert len(store.library.versions()) == 1

    def test_an_unknown_version_is_not_found(self, store: Store) -> None:
        with pytest.raises(NotFound, match=r"no version 3 of sops/a\.yaml"):
            store.library.content(A, 3)


class TestReleasing:
    def test_a_release_puts_its_files_in_force_and_leaves_the_others(self, store: Store) -> None:
        put_in_force(store, a="one", b="x")
        put_in_force(store, a="two")
        in_force = store.library.in_force()
        assert in_force.contents == {A: "two", B: "x"}
        assert in_force.versions == {A: 2, B: 1}
        assert (in_force.release, in_force.released_by, in_force.edition) == (2, "bob", "release 2")
        moved = [
            (move.path, move.was, move.version) for each in store.library.releases() for move in each.moves
        ]
        assert moved == [(B, ABSENT, 1), (A, ABSENT, 1), (A, 1, 2)]

    def test_a_removed_file_is_out_of_force_and_keeps_its_versions(self, store: Store) -> None:
        put_in_force(store, a="one", b="x")
        put_in_force(store, a=None)
        assert store.library.in_force().contents == {B: "x"}
        assert [each.removes for each in store.library.versions(A)] == [False, True]
        assert store.library.content(A, 2) is None
        put_in_force(store, a="three")
        assert store.library.in_force().versions[A] == 3

    def test_a_rollback_is_a_release_of_its_own(self, store: Store) -> None:
        put_in_force(store, a="one")
        put_in_force(store, a="two")
        done = store.library.roll_back({A: 1}, reason="it was wrong", by="bob", onto=2)
        assert (done.number, done.kind, done.reason) == (3, "rollback", "it was wrong")
        assert store.library.in_force().contents == {A: "one"}
        store.library.roll_back({A: ABSENT}, reason="", by="bob", onto=3)
        assert store.library.in_force().contents == {}

    def test_the_database_itself_holds_four_eyes(self, store: Store) -> None:
        change = publish(store, a="one")
        with pytest.raises(Conflict, match="four_eyes"):
            store.library.release(change, by="ann", onto=0)
        assert store.library.last_release() == 0

    def test_a_change_set_is_released_once(self, store: Store) -> None:
        change = publish(store, a="one")
        release(store, change)
        with pytest.raises(Conflict):
            release(store, change, 1)
        assert store.library.last_release() == 1

    def test_of_eight_releases_at_once_one_is_made_onto_each_state(self, store: Store) -> None:
        changes = [publish(store, a=f"version {number}") for number in range(8)]
        outcomes: list[str] = []
        ready = threading.Barrier(8)

        def run(change: ChangeSet) -> None:
            ready.wait()
            try:
                release(store, change)
                outcomes.append("released")
            except OpsloopError as error:
                outcomes.append(error.code)

        threads = [threading.Thread(target=run, args=(change,)) for change in changes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["conflict"] * 7 + ["released"]
        assert store.library.last_release() == 1

    def test_a_reader_sees_all_of_a_release_or_nothing_of_it(self, store: Store) -> None:
        put_in_force(store, a="0", b="0")
        seen: set[tuple[str, str]] = set()
        with _reading_all_the_time(store, seen):
            for number in range(1, 16):
                put_in_force(store, a=str(number), b=str(number))
        assert len(seen) > 1
        assert all(a == b for a, b in seen)


@contextmanager
def _reading_all_the_time(store: Store, seen: set[tuple[str, str]]) -> Iterator[None]:
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            contents = store.library.in_force().contents
            seen.add((contents[A], contents[B]))

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


class TestWithdrawing:
    def test_a_withdrawn_change_set_waits_no_more_and_keeps_its_versions(self, store: Store) -> None:
        change = publish(store, a="one")
        done = store.library.withdraw(change.number, reason="too early", by="ann")
        assert done.withdrawal is not None
        assert (done.withdrawal.reason, done.withdrawal.withdrawn_by) == ("too early", "ann")
        assert done.withdrawal.withdrawn_at.tzinfo is not None
        assert store.library.change_sets() == [done]
        assert store.library.content(A, 1) == "one"
        with pytest.raises(Conflict, match="change set 1 does not wait"):
            release(store, change)
        with pytest.raises(Conflict, match="does not wait"):
            store.library.withdraw(change.number, reason="again", by="ann")
        assert store.library.last_release() == 0

    def test_what_was_withdrawn_is_published_anew(self, store: Store) -> None:
        first = publish(store, a="one")
        store.library.withdraw(first.number, reason="too early", by="ann")
        again = publish(store, a="one")
        assert (again.number, again.files) == (first.number + 1, first.files)
        release(store, again)
        assert store.library.in_force().contents == {A: "one"}

    def test_what_was_released_cannot_be_withdrawn(self, store: Store) -> None:
        put_in_force(store, a="one")
        with pytest.raises(Conflict, match="change set 1 does not wait"):
            store.library.withdraw(1, reason="too late", by="ann")
        assert store.library.in_force().contents == {A: "one"}

    def test_of_a_release_and_a_withdrawal_at_once_one_is_done(self, store: Store) -> None:
        for number in range(6):
            change = publish(store, store.library.last_release(), a=str(number))
            assert sorted(_released_and_withdrawn_at_once(store, change)) in (
                ["conflict", "released"],
                ["conflict", "withdrawn"],
            )


def _released_and_withdrawn_at_once(store: Store, change: ChangeSet) -> list[str]:
    latest = store.library.last_release()
    outcomes: list[str] = []
    ready = threading.Barrier(2)

    def run(done: str, act: Callable[[], object]) -> None:
        ready.wait()
        try:
            act()
            outcomes.append(done)
        except OpsloopError as error:
            outcomes.append(error.code)

    acts = {
        "released": lambda: release(store, change, latest),
        "withdrawn": lambda: store.library.withdraw(change.number, reason="x", by="ann"),
    }
    threads = [threading.Thread(target=run, args=each) for each in acts.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


class TestEvidence:
    def test_every_change_is_in_the_audit_log_with_who_and_what(self, store: Store) -> None:
        put_in_force(store, a="one")
        store.library.roll_back({A: ABSENT}, reason="account 6222020200001234 was named", by="bob", onto=1)
        entries = store.audit.entries()
        assert [(each.action, each.actor, each.detail) for each in entries] == [
            ("definitions.published", "ann", {"change_set": 1, "files": {A: 1}}),
            ("definitions.released", "bob", {"change_set": 1, "release": 1, "files": {A: 1}}),
            ("definitions.rolled_back", "bob", {"release": 2, "files": {A: 0}}),
        ]
        assert "6222020200001234" not in entries[-1].reason

    def test_a_publication_that_says_nothing_new_leaves_no_trace(self, store: Store) -> None:
        publish(store, a="one")
        publish(store, a="one")
        assert len(store.audit.entries()) == 1

    def test_a_withdrawal_is_in_the_audit_log(self, store: Store) -> None:
        publish(store, a="one")
        store.library.withdraw(1, reason="account 6222020200001234 was named", by="bob")
        last = store.audit.entries()[-1]
        assert (last.action, last.actor, last.detail) == (
            "definitions.withdrawn",
            "bob",
            {"change_set": 1, "files": {A: 1}},
        )
        assert "6222020200001234" not in last.reason

    def test_nothing_in_the_library_can_be_changed_or_removed(self, store: Store) -> None:
        publish(store, b="x")
        store.library.withdraw(1, reason="", by="ann")
        put_in_force(store, a="one")
        for statement in (
            update(definition_versions).values(content="two"),
            delete(releases),
            text("DELETE FROM release_files"),
            text("UPDATE change_sets SET published_by = 'bob'"),
            text("DELETE FROM change_set_files"),
            text("DELETE FROM withdrawals"),
        ):
            with pytest.raises(Conflict, match="only ever added"), store.database.writing() as connection:
                connection.execute(statement)
        assert store.library.in_force().contents == {A: "one"}
