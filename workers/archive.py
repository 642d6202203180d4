"""Procedures of the past: SOPs that tickets pinned, found again without the histories that kept them."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from activities.ports import RulesLibrary
from definitions.book import PinnedSop, Rulebook, pin, with_people
from definitions.loader import parse_sop
from definitions.schema import Sop, all_steps
from domain.errors import DefinitionsMissing
from domain.handlers import HandlerSpec

_Versions = Mapping[tuple[str, int], Sop]


class SopArchive:
    """Looks among what is served and all that was ever published in the rules library.

    An edit of a served folder that nobody published is in neither.
    """

    def __init__(
        self, library: RulesLibrary, served: Callable[[], Rulebook], handlers: Mapping[str, HandlerSpec]
    ) -> None:
        self._library = library
        self._served = served
        self._handlers = dict(handlers)

    def find(self, name: str, digest: str) -> PinnedSop | None:
        """The SOP of this name whose content, with that of the SOPs it calls, has this digest; None without.

        Its handlers are described as they are today: the digest is that of the SOPs alone. Raises
        `StoreUnavailable`.
        """
        book = self._book()
        versions = self._versions()
        editions = [book.sops if book else (), *reversed(list(self._editions(versions)))]
        handlers = with_people(self._handlers, book.human_tasks if book else {})
        for sop in (*editions[0], *versions.values()):
            if sop.name != name:
                continue
            # One that calls others was pinned with them as they were; one that does not is the same anywhere.
            for others in editions if _calls(sop) else editions[:1]:
                pinned = pin(sop, handlers, others)
                if pinned.digest == digest:
                    return pinned
        return None

    def _book(self) -> Rulebook | None:
        try:
            return self._served()
        except DefinitionsMissing:
            return None

    def _versions(self) -> _Versions:
        """Every version of an SOP that can still be read, by path and number."""
        found = {}
        for each in self._library.versions():
            content = None
            if each.path.startswith("sops/") and not each.removes:
                content = self._library.content(each.path, each.number)
            sop = parse_sop(content, None, file=each.path)[0] if content is not None else None
            if sop is not None:
                found[each.path, each.number] = sop
        return found

    def _editions(self, versions: _Versions) -> Iterator[Sequence[Sop]]:
        """The SOPs that were in force after each release, in order."""
        in_force: dict[str, int] = {}
        for release in self._library.releases():
            in_force |= {move.path: move.version for move in release.moves}
            yield [versions[each] for each in in_force.items() if each in versions]


def _calls(sop: Sop) -> bool:
    return any(step.call for _, step in all_steps(sop.steps))
