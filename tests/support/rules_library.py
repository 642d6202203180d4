"""A bank that releases its definitions: a small folder, a real store, the desk, and what it serves."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from activities.adapters.store import Store, migrations, open_store
from definitions.loader import definition_digests
from definitions.sources import files_in
from domain.clock import BankClock
from domain.people import Principal, Role
from tests.fakes.catalogue import CODE
from tests.fakes.definition_folder import edited, write_definitions
from workers.releases import Published, Released, ReleaseDesk, Withdrawn
from workers.rulebook import RulebookFiles, RulebookLibrary

DIRECTORY = "policies/directory.yaml"
SLA = "policies/sla.yaml"
FREEZE = "sops/freeze.yaml"

_STAFF = """\
  - {id: author, name: Author, roles: [author]}
  - {id: both, name: Both, roles: [author, releaser]}
  - {id: releaser, name: Releaser, roles: [releaser]}
  - {id: boss, name: Boss, roles: [admin]}
groups:
"""
WITH_STAFF = edited(DIRECTORY, "groups:\n", _STAFF)
"""The small folder's directory with people who may publish and release."""

_ROLES = {
    "author": {Role.AUTHOR},
    "both": {Role.AUTHOR, Role.RELEASER},
    "releaser": {Role.RELEASER},
    "boss": {Role.ADMIN},
    "bob": {Role.OPERATOR, Role.REVIEWER},
}


def person(name: str) -> Principal:
    """Somebody of the directory."""
    return Principal(id=name, name=name, roles=frozenset(_ROLES[name]))


@dataclass(frozen=True)
class LibraryOffice:
    """Everything of one test."""

    folder: Path
    store: Store
    served: RulebookLibrary
    desk: ReleaseDesk

    def publish(self, changes: dict[str, str | None], by: str = "author", note: str = "") -> Published:
        return self.desk.publish(changes, note=note, principal=person(by))

    def release(self, number: int | None = None, by: str = "releaser") -> Released:
        return self.desk.release(number, principal=person(by))

    def withdraw(self, number: int, by: str = "author", reason: str = "too early") -> Withdrawn:
        return self.desk.withdraw(number, reason=reason, principal=person(by))

    def roll_back(self, target: str | int, to: int | None = None, by: str = "releaser") -> Released:
        return self.desk.roll_back(target, to=to, reason="it was wrong", principal=person(by))

    def put_in_force(self, changes: dict[str, str | None], by: str = "author") -> Released:
        done = self.publish(changes, by)
        assert done.change_set is not None
        return self.release(done.change_set.number)

    def everything(self) -> dict[str, str | None]:
        """All definitions of the folder."""
        files = files_in(self.folder)
        return {path: files.contents[path].decode() for path in definition_digests(files)}


@contextmanager
def library_office(folder: Path, store_url: str, *, from_folder: bool = False) -> Iterator[LibraryOffice]:
    """An office with a complete folder and an empty library.

    `from_folder` tells the desk that tickets are served by the folder, as in the embedded run.
    """
    write_definitions(folder, **{DIRECTORY: WITH_STAFF})
    migrations.upgrade(store_url)
    store = open_store(store_url)
    served = RulebookLibrary(store.library, CODE, folder)
    desk = ReleaseDesk(
        store.library,
        audit=store.audit,
        handlers=CODE,
        serving=RulebookFiles(folder, CODE).serving if from_folder else served.serving,
        folder=folder,
        clock=BankClock(),
    )
    yield LibraryOffice(folder, store, served, desk)
    store.close()
