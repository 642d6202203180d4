"""The release desk: one publishes, another releases, and nothing that has errors comes into force."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from definitions.releases import FolderState, VersionState
from domain.errors import Conflict, InvalidInput, NotFound, NotPermitted, OpsloopError
from tests.fakes.definition_folder import edited, write_definitions
from tests.support.rules_library import (
    DIRECTORY,
    FREEZE,
    SLA,
    WITH_STAFF,
    LibraryOffice,
    library_office,
    person,
)
from workers.releases import DefinitionsRefused

HALF_AN_HOUR = edited(SLA, "sla_hours: 1", "sla_hours: 0.9")
FIFTY = edited(SLA, "sla_hours: 1", "sla_hours: 0.8")
BROKEN = edited(SLA, "sla_hours: 1", "hours: 1")


@pytest.fixture
def empty(tmp_path: Path, sqlite_url: str) -> Iterator[LibraryOffice]:
    """Nothing was published yet."""
    with library_office(tmp_path / "definitions", sqlite_url) as office:
        yield office


@pytest.fixture
def office(empty: LibraryOffice) -> LibraryOffice:
    """The whole folder is in force, as release 1 of change set 1."""
    empty.put_in_force(empty.everything())
    return empty


def sla_hours(office: LibraryOffice) -> float:
    office.served.reload()
    return office.served.current().sla["accounts"].sla_hours


def refused_for(office: LibraryOffice) -> list[tuple[str, str]]:
    return [(each.action, each.actor) for each in office.store.audit.entries() if not each.accepted]


class TestTwoPeople:
    def test_what_one_publishes_and_another_releases_is_served(self, office: LibraryOffice) -> None:
        assert sla_hours(office) == 1
        published = office.publish({SLA: HALF_AN_HOUR})
        assert sla_hours(office) == 1, "published is not in force"
        assert published.change_set is not None
        released = office.release(published.change_set.number)
        assert released.release.number == 2
        assert sla_hours(office) == 0.9
        assert office.served.current().edition == "release 2"

    def test_a_refusal_of_many_files_counts_them_and_names_three(self, empty: LibraryOffice) -> None:
        everything = empty.everything()
        empty.publish(everything, by="both")
        told = f"{len(everything)} of its files ({', '.join(sorted(everything)[:3])}, …)"
        with pytest.raises(NotPermitted) as refused:
            empty.release(by="both")
        assert str(refused.value) == f"both published {told} and cannot also release it: four eyes"

    @pytest.mark.parametrize("name", ["both", "boss"])
    def test_nobody_releases_what_they_published(self, office: LibraryOffice, name: str) -> None:
        office.publish({SLA: HALF_AN_HOUR}, by=name)
        with pytest.raises(NotPermitted, match="four eyes"):
            office.release(by=name)
        assert sla_hours(office) == 1
        assert refused_for(office) == [("definitions.release.refused", name)]

    def test_nobody_releases_a_version_of_theirs_that_another_published_again(
        self, office: LibraryOffice
    ) -> None:
        office.publish({SLA: HALF_AN_HOUR}, by="both")
        again = office.publish({SLA: HALF_AN_HOUR, FREEZE: edited(FREEZE, "45min", "40min")}, by="author")
        assert again.change_set is not None
        with pytest.raises(NotPermitted, match=r"both published policies/sla\.yaml"):
            office.release(again.change_set.number, by="both")
        office.release(again.change_set.number)
        assert sla_hours(office) == 0.9

    @pytest.mark.parametrize("name", ["releaser", "bob"])
    def test_only_authors_publish(self, office: LibraryOffice, name: str) -> None:
        with pytest.raises(NotPermitted, match="needs the role author"):
            office.publish({SLA: HALF_AN_HOUR}, by=name)
        assert refused_for(office) == [("definitions.publish.refused", name)]

    @pytest.mark.parametrize("name", ["author", "bob"])
    def test_only_releasers_release_and_roll_back(self, office: LibraryOffice, name: str) -> None:
        office.publish({SLA: HALF_AN_HOUR}, by="both")
        with pytest.raises(NotPermitted, match="needs the role releaser"):
            office.release(by=name)
        with pytest.raises(NotPermitted, match="needs the role releaser"):
            office.roll_back(SLA, by=name)

    def test_no_directory_comes_into_force_with_which_nobody_could_release(
        self, office: LibraryOffice
    ) -> None:
        alone = edited(
            DIRECTORY, "groups:\n", "  - {id: both, name: B, roles: [author, releaser]}\ngroups:\n"
        )
        for directory in (alone, edited(DIRECTORY, "Ann,", "Anne,")):
            with pytest.raises(DefinitionsRefused) as refused:
                office.publish({DIRECTORY: directory})
            assert [finding.code for finding in refused.value.findings] == ["OPS330"]


class TestPublishing:
    def test_a_change_with_errors_is_refused_with_all_of_them(self, office: LibraryOffice) -> None:
        with pytest.raises(DefinitionsRefused, match="2 errors") as refused:
            office.publish({SLA: BROKEN})
        assert [(each.file, each.line, each.code) for each in refused.value.findings] == [
            (SLA, 2, "OPS102"),
            (SLA, 2, "OPS101"),
        ]
        assert [each.number for each in office.store.library.versions(SLA)] == [1]

    def test_a_file_is_checked_together_with_what_is_in_force(self, office: LibraryOffice) -> None:
        group = edited(FREEZE, "Night Desk", "Fraud Desk")
        with pytest.raises(DefinitionsRefused) as refused:
            office.publish({FREEZE: group})
        assert [each.code for each in refused.value.findings] == ["OPS303"]
        directory = WITH_STAFF.replace(
            "  - {name: Night Desk}", "  - {name: Night Desk}\n  - {name: Fraud Desk}"
        )
        office.put_in_force({FREEZE: group, DIRECTORY: directory})
        office.served.reload()
        assert office.served.current().directory.group("Fraud Desk")

    def test_warnings_about_the_files_are_shown(self, office: LibraryOffice) -> None:
        late = edited(FREEZE, "sla: 1h", "sla: 2h").replace("45min", "70min")
        assert [each.code for each in office.publish({FREEZE: late}).warnings] == ["OPS313"]
        assert office.publish({SLA: HALF_AN_HOUR}).warnings == ()

    def test_publishing_twice_is_one_version_and_says_so(self, office: LibraryOffice) -> None:
        first = office.publish({SLA: HALF_AN_HOUR})
        again = office.publish({SLA: HALF_AN_HOUR})
        assert (again.change_set, again.repeated) == (first.change_set, True)
        unchanged = office.publish({SLA: edited(SLA, "sla_hours", "sla_hours")})
        assert (unchanged.change_set, unchanged.unchanged) == (None, (SLA,))

    def test_a_file_can_be_removed(self, office: LibraryOffice) -> None:
        assert office.served.reload() == []
        assert office.served.current().sop_for("accounts", "freeze").name == "Freeze"
        done = office.publish({FREEZE: None})
        assert [each.code for each in done.warnings] == []
        office.release()
        office.served.reload()
        assert office.served.current().sop_for("accounts", "freeze").name == "General"
        with pytest.raises(DefinitionsRefused, match=r"sla\.yaml:1:1: error OPS001"):
            office.publish({SLA: None})

    @pytest.mark.parametrize(
        ("path", "hint"),
        [
            ("../x.yaml", ""),
            ("/etc/passwd", ""),
            ("sops/../../x.yaml", ""),
            ("policies/slas.yaml", r" \(did you mean 'policies/sla\.yaml'\?\)"),
            ("sops/freeze.yml", r" \(did you mean 'sops/freeze\.yaml'\?\)"),
            ("sops/below/freeze.yaml", ""),
            ("README.md", ""),
            ("", ""),
        ],
    )
    def test_a_path_that_no_definition_has_is_refused(
        self, office: LibraryOffice, path: str, hint: str
    ) -> None:
        with pytest.raises(InvalidInput, match=f"no definition has the path.*{hint}") as refused:
            office.publish({path: "a: 1\n"})
        assert refused.value.field == "files.path"

    @pytest.mark.parametrize(
        ("content", "code"),
        [("a" * 5_000_000, "OPS002"), ("a: \x00", "OPS003"), ("a: &b 1", "OPS009"), ("", "OPS006")],
        ids=["5 MB", "NUL", "anchor", "empty"],
    )
    def test_content_that_cannot_be_a_definition_is_refused(
        self, office: LibraryOffice, content: str, code: str
    ) -> None:
        with pytest.raises(DefinitionsRefused) as refused:
            office.publish({FREEZE: content})
        assert [each.code for each in refused.value.findings] == [code]
        assert len(str(refused.value)) < 1000

    def test_half_a_surrogate_pair_is_refused(self, office: LibraryOffice) -> None:
        with pytest.raises(InvalidInput, match="surrogate"):
            office.publish({FREEZE: "name: \ud800"})

    def test_an_empty_library_takes_everything_at_once_only(self, empty: LibraryOffice) -> None:
        with pytest.raises(DefinitionsRefused, match="publish all files at once"):
            empty.publish({SLA: HALF_AN_HOUR})
        with pytest.raises(InvalidInput, match="nothing to publish"):
            empty.publish({})


class TestReleasing:
    def test_releasing_twice_says_so(self, office: LibraryOffice) -> None:
        office.publish({SLA: HALF_AN_HOUR})
        first = office.release(2)
        again = office.release(2)
        assert (again.repeated, again.release) == (True, first.release)
        assert office.store.library.last_release() == 2

    def test_without_a_number_the_only_one_that_waits_is_meant(self, office: LibraryOffice) -> None:
        with pytest.raises(NotFound, match="nothing waits"):
            office.release()
        office.publish({SLA: HALF_AN_HOUR})
        office.publish({FREEZE: edited(FREEZE, "45min", "40min")})
        with pytest.raises(InvalidInput, match=r"say which: 2 \(by author\), 3 \(by author\)"):
            office.release()
        office.release(3)
        assert office.release().release.change_set == 2
        with pytest.raises(NotFound, match="no change set 9"):
            office.release(9)

    def test_a_change_set_made_from_what_is_no_longer_in_force_is_refused_by_name(
        self, office: LibraryOffice
    ) -> None:
        office.publish({SLA: HALF_AN_HOUR})
        office.publish({SLA: FIFTY}, by="both")
        office.release(3)
        with pytest.raises(
            Conflict, match=r"from version 1 of policies/sla\.yaml, and releaser put version 3"
        ):
            office.release(2)
        waiting = office.desk.reading.status().waiting
        assert [(each.number, "releaser put version 3" in each.outdated) for each in waiting] == [(2, True)]
        assert sla_hours(office) == 0.8

    def test_what_no_longer_fits_to_what_is_in_force_now_is_refused(self, office: LibraryOffice) -> None:
        directory = WITH_STAFF.replace(
            "  - {name: Night Desk}", "  - {name: Night Desk}\n  - {name: Fraud Desk}"
        )
        office.put_in_force({DIRECTORY: directory})
        office.publish({FREEZE: edited(FREEZE, "Night Desk", "Fraud Desk")})
        office.put_in_force({DIRECTORY: WITH_STAFF})
        with pytest.raises(DefinitionsRefused, match="release refused") as refused:
            office.release(3)
        assert [(each.file, each.code) for each in refused.value.findings] == [(FREEZE, "OPS303")]

    def test_of_releases_at_once_all_that_fit_together_come_into_force(
        self, tmp_path: Path, store_url: str
    ) -> None:
        with library_office(tmp_path / "definitions", store_url) as office:
            office.put_in_force(office.everything())
            self.release_at_once(office)

    def release_at_once(self, office: LibraryOffice) -> None:
        office.publish({SLA: HALF_AN_HOUR})
        office.publish({FREEZE: edited(FREEZE, "45min", "40min")})
        office.publish({SLA: FIFTY})
        outcomes: list[str] = []
        ready = threading.Barrier(3)

        def run(number: int) -> None:
            ready.wait()
            try:
                office.release(number)
                outcomes.append("released")
            except OpsloopError as error:
                outcomes.append(error.code)

        threads = [threading.Thread(target=run, args=(number,)) for number in (2, 3, 4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["conflict", "released", "released"], "two of one file exclude each other"
        assert office.store.library.last_release() == 3
        assert office.store.library.in_force().versions[FREEZE] == 2


class TestWithdrawing:
    @pytest.mark.parametrize("name", ["author", "releaser", "boss"])
    def test_its_publisher_or_a_releaser_takes_it_back(self, office: LibraryOffice, name: str) -> None:
        office.publish({SLA: HALF_AN_HOUR})
        done = office.withdraw(2, by=name)
        assert done.change_set.withdrawal is not None
        assert (done.change_set.withdrawal.withdrawn_by, done.repeated) == (name, False)
        assert office.desk.reading.status().waiting == ()
        with pytest.raises(NotFound, match="nothing waits"):
            office.release()
        with pytest.raises(Conflict, match=rf"withdrawn by {name} \(too early\): publish it again"):
            office.release(2)
        assert sla_hours(office) == 1

    @pytest.mark.parametrize("name", ["bob", "author"])
    def test_nobody_else_does(self, office: LibraryOffice, name: str) -> None:
        office.publish({SLA: HALF_AN_HOUR}, by="boss")
        with pytest.raises(NotPermitted, match="needs the role releaser"):
            office.withdraw(2, by=name)
        assert refused_for(office) == [("definitions.withdraw.refused", name)]
        assert [each.number for each in office.desk.reading.status().waiting] == [2]

    def test_what_was_released_is_rolled_back_instead(self, office: LibraryOffice) -> None:
        with pytest.raises(Conflict, match=r"released by releaser \(release 1\): `opsloop sop rollback 1`"):
            office.withdraw(1)
        assert refused_for(office) == [("definitions.withdraw.refused", "author")]

    def test_withdrawing_twice_says_so(self, office: LibraryOffice) -> None:
        office.publish({SLA: HALF_AN_HOUR})
        first = office.withdraw(2)
        again = office.withdraw(2, by="releaser", reason="other words")
        assert (again.change_set, again.repeated) == (first.change_set, True)

    def test_it_needs_a_reason_and_a_change_set(self, office: LibraryOffice) -> None:
        office.publish({SLA: HALF_AN_HOUR})
        with pytest.raises(InvalidInput, match="say why"):
            office.withdraw(2, reason=" ")
        with pytest.raises(NotFound, match="no change set 7"):
            office.withdraw(7, by="releaser")

    def test_its_versions_are_shown_as_withdrawn_until_they_are_published_again(
        self, office: LibraryOffice
    ) -> None:
        office.publish({SLA: HALF_AN_HOUR})
        office.withdraw(2)
        assert [each.state for each in office.desk.reading.versions(SLA)] == [
            VersionState.IN_FORCE,
            VersionState.WITHDRAWN,
        ]
        again = office.publish({SLA: HALF_AN_HOUR}, by="both")
        assert again.change_set is not None
        assert (again.change_set.number, again.repeated) == (3, False)
        assert office.desk.reading.versions(SLA)[1].state is VersionState.PUBLISHED
        office.release(3)
        assert sla_hours(office) == 0.9

    def test_a_version_in_force_by_another_change_set_is_not_withdrawn(self, office: LibraryOffice) -> None:
        office.publish({SLA: HALF_AN_HOUR})
        office.publish({SLA: HALF_AN_HOUR, FREEZE: edited(FREEZE, "45min", "40min")})
        office.withdraw(2)
        assert office.desk.reading.versions(SLA)[1].state is VersionState.PUBLISHED
        office.release(3)
        assert office.desk.reading.versions(SLA)[1].state is VersionState.IN_FORCE


class TestRollingBack:
    def test_a_file_goes_back_step_by_step(self, office: LibraryOffice) -> None:
        office.put_in_force({SLA: HALF_AN_HOUR})
        office.put_in_force({SLA: FIFTY})
        done = office.roll_back(SLA)
        assert (done.release.kind, done.release.reason, sla_hours(office)) == (
            "rollback",
            "it was wrong",
            0.9,
        )
        office.roll_back(SLA)
        assert sla_hours(office) == 1
        office.roll_back(SLA, to=3)
        assert sla_hours(office) == 0.8
        office.roll_back(SLA)
        assert sla_hours(office) == 1

    def test_the_whole_of_a_change_set_goes_back_together(self, office: LibraryOffice) -> None:
        new = edited("sops/general.yaml", "{category: other}", "{category: loans}").replace(
            "General", "Loans"
        )
        office.put_in_force({SLA: HALF_AN_HOUR, "sops/loans.yaml": new})
        office.roll_back(2)
        assert sla_hours(office) == 1
        assert "sops/loans.yaml" not in office.store.library.in_force().contents

    def test_a_change_set_that_was_changed_since_goes_back_file_by_file(self, office: LibraryOffice) -> None:
        office.put_in_force({SLA: HALF_AN_HOUR})
        office.put_in_force({SLA: FIFTY})
        with pytest.raises(Conflict, match=r"policies/sla\.yaml was changed since, by releaser"):
            office.roll_back(2)
        office.publish({SLA: HALF_AN_HOUR})
        with pytest.raises(Conflict, match="change set 4 was never released"):
            office.roll_back(4)

    def test_only_what_was_in_force_once_comes_back(self, office: LibraryOffice) -> None:
        office.publish({SLA: HALF_AN_HOUR})
        with pytest.raises(Conflict, match=r"version 2 of policies/sla\.yaml was never released"):
            office.roll_back(SLA, to=2)
        with pytest.raises(NotFound, match="no version 7"):
            office.roll_back(SLA, to=7)
        with pytest.raises(NotFound, match="did you mean"):
            office.roll_back("policies/slas.yaml")

    def test_going_back_to_what_is_in_force_changes_nothing(self, office: LibraryOffice) -> None:
        assert office.roll_back(SLA, to=1).repeated
        assert office.store.library.last_release() == 1

    def test_the_whole_is_checked_before_it_goes_back(self, office: LibraryOffice) -> None:
        with pytest.raises(DefinitionsRefused, match="rollback refused"):
            office.roll_back(SLA)
        assert sla_hours(office) == 1

    def test_it_needs_a_reason_and_is_audited(self, office: LibraryOffice) -> None:
        office.put_in_force({SLA: HALF_AN_HOUR})
        with pytest.raises(InvalidInput, match="say why"):
            office.desk.roll_back(SLA, reason="  ", principal=person("releaser"))
        office.roll_back(SLA)
        last = office.store.audit.entries()[-1]
        assert (last.action, last.actor, last.reason) == (
            "definitions.rolled_back",
            "releaser",
            "it was wrong",
        )


class TestReading:
    def test_versions_tell_where_each_stands(self, office: LibraryOffice) -> None:
        office.put_in_force({SLA: HALF_AN_HOUR})
        office.put_in_force({SLA: FIFTY})
        office.roll_back(SLA)
        office.publish({SLA: edited(SLA, "sla_hours: 1", "sla_hours: 0.85")})
        shown = office.desk.reading.versions(SLA)
        assert [(each.number, each.state, each.change_sets, each.releases) for each in shown] == [
            (1, VersionState.SUPERSEDED, (1,), (1,)),
            (2, VersionState.IN_FORCE, (2,), (2, 4)),
            (3, VersionState.ROLLED_BACK, (3,), (3,)),
            (4, VersionState.PUBLISHED, (4,), ()),
        ]
        with pytest.raises(NotFound, match="did you mean"):
            office.desk.reading.versions("policies/slas.yaml")

    def test_a_difference_is_told_in_lines_and_in_the_terms_of_the_sop(self, office: LibraryOffice) -> None:
        write_definitions(office.folder, **{FREEZE: edited(FREEZE, "sla: 1h", "sla: 2h")})
        found = office.desk.reading.difference(FREEZE)
        assert (found.old, found.new) == ("version 1, in force", "folder")
        assert "-sla: 1h\n+sla: 2h" in found.text
        assert found.changes == ("sla: 1h → 2h",)
        assert office.desk.reading.difference(FREEZE, "0", "1").text.startswith(f"--- {FREEZE} (absent)")
        assert office.desk.reading.difference(FREEZE, "1", "in_force").text == ""
        for path, version in ((FREEZE, "newest"), ("../x", "1")):
            with pytest.raises(InvalidInput):
                office.desk.reading.difference(path, version)

    def test_the_status_compares_the_folder_with_what_is_in_force(self, office: LibraryOffice) -> None:
        office.served.reload()
        changes = {SLA: HALF_AN_HOUR, FREEZE: edited(FREEZE, "45min", "40min"), DIRECTORY: WITH_STAFF}
        write_definitions(office.folder, **changes)
        (office.folder / "policies/bank.yaml").unlink()
        office.publish({SLA: HALF_AN_HOUR})
        status = office.desk.reading.status()
        states = {each.path: each.folder for each in status.files}
        assert states[SLA] is FolderState.PUBLISHED
        assert states[FREEZE] is FolderState.EDITED
        assert states["policies/bank.yaml"] is FolderState.MISSING
        assert states[DIRECTORY] is FolderState.IN_FORCE
        assert (status.release, status.serving.edition, status.serving.source) == (1, "release 1", "library")
        assert {each.released_by for each in status.files} == {"releaser"}
        assert [each.number for each in status.waiting] == [2]

    def test_the_status_of_an_empty_library_shows_what_could_be_published(self, empty: LibraryOffice) -> None:
        status = empty.desk.reading.status()
        assert (status.release, status.serving.edition, status.waiting) == (0, "", ())
        assert {each.folder for each in status.files} == {FolderState.EDITED}
