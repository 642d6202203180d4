"""Candidates from the store, added to whatever rulebook is served."""

from collections.abc import Sequence

from definitions.findings import Finding
from definitions.rollout import Candidate
from definitions.schema import Sop
from domain.errors import StoreUnavailable
from domain.people import Directory
from tests.fakes.rulebook import FakeRulebook
from tests.support.rollouts import a_candidate
from workers.candidates import RulebookWithCandidates
from workers.rulebook import Serving

SOP = Sop.model_validate(
    {"name": "A", "trigger": {"category": "accounts"}, "steps": [{"name": "B", "handler": "auth_validator"}]}
)


class Served(FakeRulebook):
    def reload(self) -> list[Finding]:
        return []

    def directory(self) -> Directory:
        return self.book.directory

    def serving(self) -> Serving:
        return Serving(source="folder")


class Kept:
    """The store's candidates, or no store."""

    def __init__(self) -> None:
        self.found: Sequence[Candidate] = ()
        self.is_down = False

    def candidates(self) -> Sequence[Candidate]:
        if self.is_down:
            raise StoreUnavailable("gone")
        return self.found


def test_candidates_come_with_the_next_reload_and_go_with_one() -> None:
    served, kept = Served([SOP]), Kept()
    rulebook = RulebookWithCandidates(served, kept)
    assert rulebook.current() is served.book
    kept.found = (a_candidate(SOP),)
    assert rulebook.current().candidates == ()
    rulebook.reload()
    assert rulebook.current().candidates == (a_candidate(SOP),)
    assert rulebook.current() is rulebook.current(), "made once"
    kept.found = ()
    rulebook.reload()
    assert rulebook.current() is served.book


def test_an_edit_of_the_definitions_keeps_the_candidates() -> None:
    served, kept = Served([SOP]), Kept()
    kept.found = (a_candidate(SOP),)
    rulebook = RulebookWithCandidates(served, kept)
    served.book = Served([SOP], digest="another").book
    assert (rulebook.current().digest, len(rulebook.current().candidates)) == ("another", 1)


def test_while_the_store_is_away_rollouts_stay_as_they_were() -> None:
    served, kept = Served([SOP]), Kept()
    kept.is_down = True
    rulebook = RulebookWithCandidates(served, kept)
    assert rulebook.current().candidates == ()
    kept.is_down, kept.found = False, (a_candidate(SOP),)
    rulebook.reload()
    kept.is_down, kept.found = True, ()
    rulebook.reload()
    assert len(rulebook.current().candidates) == 1
