"""The rollout desk: who may bring a version into force step by step, and what must hold before they do."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.errors import Conflict, DefinitionsMissing, InvalidInput, NotFound, NotPermitted
from domain.rollout import Stage
from tests.fakes.definition_folder import FILES, edited
from tests.support.rollouts import RolloutOffice, rollout_office
from tests.support.rules_library import FREEZE, SLA, library_office
from workers.releases import DefinitionsRefused

QUICKER = edited(FREEZE, "sla: 1h", "sla: 50min")
ASKING = edited(FREEZE, "fallback: manual_freeze", "fallback: escalate_to_compliance")
TASKS = "policies/human_tasks.yaml"
NOBODY_TO_ASK = FILES[TASKS].partition("escalate_to_compliance")[0]
ANOTHER = edited(FREEZE, "sla: 1h", "sla: 55min")


@pytest.fixture
def office(tmp_path: Path, sqlite_url: str) -> Iterator[RolloutOffice]:
    with rollout_office(tmp_path / "definitions", sqlite_url) as made:
        yield made


@pytest.fixture
def embedded(tmp_path: Path, sqlite_url: str) -> Iterator[RolloutOffice]:
    """Tickets are served by the folder."""
    with rollout_office(tmp_path / "definitions", sqlite_url, from_folder=True) as made:
        yield made


def refusals(office: RolloutOffice) -> list[tuple[str, str]]:
    return [(each.action, each.actor) for each in office.store.audit.entries() if not each.accepted]


def in_shadow(office: RolloutOffice, same: int = 20, differs: int = 0) -> None:
    """Version 2 in shadow, with shadow runs."""
    office.publish(QUICKER)
    office.start()
    office.shadow_runs(same, differs)


class TestStarting:
    @pytest.mark.parametrize("target", [FREEZE, "freeze", "Freeze"])
    def test_an_author_puts_a_published_version_in_shadow(self, office: RolloutOffice, target: str) -> None:
        office.publish(QUICKER)
        done = office.start(target, why="fifty minutes are enough")
        candidate = done.shown.rollout.candidate
        assert (candidate.stage, candidate.version, candidate.by) == (Stage.SHADOW, 2, "author")
        assert done.shown.scenario == "accounts / freeze"
        assert done.shown.objection == "0 shadow runs so far; at least 20 are needed"
        assert [each.sop.sla.total_seconds() for each in office.served.current().candidates] == [3_000]
        assert all(
            sop.sla is None or sop.sla.total_seconds() == 3_600 for sop in office.served.current().sops
        )

    def test_only_authors_start(self, office: RolloutOffice) -> None:
        office.publish(QUICKER)
        with pytest.raises(NotPermitted, match="needs the role author"):
            office.start(by="releaser")
        assert refusals(office) == [("rollout.start.refused", "releaser")]

    def test_what_is_in_force_is_not_rolled_out(self, office: RolloutOffice) -> None:
        with pytest.raises(Conflict, match=r"version 1 of sops/freeze\.yaml is in force already"):
            office.start(version=1)

    def test_what_the_library_does_not_have_is_not_found(self, office: RolloutOffice) -> None:
        with pytest.raises(NotFound, match=r"no version 9 of sops/freeze\.yaml"):
            office.start(version=9)
        with pytest.raises(NotFound, match=r"no SOP 'freese' \(did you mean 'freeze'\?\)"):
            office.start("freese")

    def test_one_rollout_of_an_sop_is_open_at_a_time(self, office: RolloutOffice) -> None:
        office.publish(QUICKER)
        office.start()
        office.publish(ANOTHER)
        with pytest.raises(Conflict, match="rollout 1 of Freeze is open"):
            office.start(version=3)

    def test_a_version_that_comes_with_other_files_cannot_come_into_force_alone(
        self, office: RolloutOffice
    ) -> None:
        office.library.publish({FREEZE: QUICKER, SLA: edited(SLA, "sla_hours: 1", "sla_hours: 2")})
        with pytest.raises(Conflict, match="was published together with other files"):
            office.start()

    def test_a_version_that_does_not_fit_what_is_in_force_by_now_is_refused(
        self, office: RolloutOffice
    ) -> None:
        office.publish(ASKING)
        office.library.put_in_force({TASKS: NOBODY_TO_ASK})
        with pytest.raises(DefinitionsRefused, match="does not fit what is in force") as refused:
            office.start()
        assert [each.code for each in refused.value.findings] == ["OPS202"]

    @pytest.mark.parametrize("name", ["office", "embedded"])
    def test_what_was_withdrawn_is_not_rolled_out_until_it_is_published_again(
        self, request: pytest.FixtureRequest, name: str
    ) -> None:
        office: RolloutOffice = request.getfixturevalue(name)
        office.publish(QUICKER)
        published = office.library.desk.reading.status().waiting[-1].number
        office.library.withdraw(published)
        with pytest.raises(Conflict, match=r"version 2 of sops/freeze\.yaml was withdrawn"):
            office.start()
        office.publish(QUICKER)
        assert office.start().shown.rollout.candidate.version == 2

    def test_a_candidate_is_taken_back_before_its_change_set(self, office: RolloutOffice) -> None:
        in_shadow(office)
        with pytest.raises(Conflict, match=r"being rolled out \(rollout 1\): `opsloop sop rollout back"):
            office.library.withdraw(2)
        office.withdraw()
        assert office.library.withdraw(2).change_set.withdrawal is not None

    def test_a_removal_is_not_rolled_out(self, office: RolloutOffice) -> None:
        office.library.publish({FREEZE: None})
        with pytest.raises(InvalidInput, match="removes the file"):
            office.start()

    @pytest.mark.parametrize(
        ("limits", "field"),
        [({"categories": ("payments",)}, "categories"), ({"actions": ("thaw",)}, "actions")],
    )
    def test_limits_that_no_ticket_meets_are_refused(
        self, office: RolloutOffice, limits: dict[str, tuple[str, ...]], field: str
    ) -> None:
        office.publish(QUICKER)
        with pytest.raises(InvalidInput, match=r"serves .* only") as refused:
            office.start(**limits)
        assert refused.value.field == field

    def test_an_sop_that_only_others_call_is_rolled_out_with_them(self, office: RolloutOffice) -> None:
        called = FILES[FREEZE].replace("trigger: {category: accounts, action: freeze}\n", "")
        office.publish(called.replace("name: Freeze", "name: Part", 1), path="sops/part.yaml")
        with pytest.raises(InvalidInput, match="roll out an SOP that calls it"):
            office.start("sops/part.yaml", 1)

    def test_a_new_sop_begins_in_shadow_beside_the_general_one(self, office: RolloutOffice) -> None:
        new = FILES[FREEZE].replace("action: freeze", "action: thaw").replace("name: Freeze", "name: Thaw", 1)
        office.publish(new, path="sops/thaw.yaml")
        assert office.start("Thaw", 1).shown.scenario == "accounts / thaw"

    def test_without_a_release_there_is_nothing_to_compare_with(
        self, tmp_path: Path, sqlite_url: str, office: RolloutOffice
    ) -> None:
        office.publish(QUICKER)
        other = f"sqlite:///{tmp_path / 'empty.db'}"
        with library_office(tmp_path / "other", other) as empty:
            empty.publish(empty.everything())
            from_empty = RolloutOffice(empty, office.served, office.desk)
            office.desk._library = empty.store.library
            with pytest.raises(DefinitionsMissing, match="no definitions were released yet"):
                from_empty.start(version=1)


class TestServing:
    def test_a_releaser_lets_it_serve_a_share_and_a_larger_one(self, office: RolloutOffice) -> None:
        in_shadow(office)
        candidate = office.serve(10).shown.rollout.candidate
        assert (candidate.stage, candidate.share) == (Stage.PERCENTAGE, 10)
        assert office.serve(40).shown.rollout.candidate.share == 40
        assert [each.share for each in office.served.current().candidates] == [40]

    def test_the_same_share_again_changes_nothing(self, office: RolloutOffice) -> None:
        in_shadow(office)
        office.serve(10)
        assert office.serve(10).repeated
        assert len(office.store.rollouts.rollouts()[0].moves) == 2

    def test_nobody_lets_their_own_version_serve(self, office: RolloutOffice) -> None:
        office.publish(QUICKER, by="both")
        office.start()
        office.shadow_runs(20)
        with pytest.raises(NotPermitted, match=r"both published version 2 .* four eyes"):
            office.serve(10, by="both")
        with pytest.raises(NotPermitted, match="four eyes"):
            office.complete(by="both")
        with pytest.raises(NotPermitted, match="needs the role releaser"):
            office.serve(10, by="author")
        assert [actor for _, actor in refusals(office)] == ["both", "both", "author"]

    @pytest.mark.parametrize(
        ("same", "differs", "why"),
        [(19, 0, "19 shadow runs so far; at least 20"), (18, 2, r"18 of 20 .*\(90\.0 %\); at least 95 %")],
    )
    def test_it_serves_nobody_before_the_shadow_runs_suffice(
        self, office: RolloutOffice, same: int, differs: int, why: str
    ) -> None:
        in_shadow(office, same, differs)
        for refused in (lambda: office.serve(10), office.complete):
            with pytest.raises(Conflict, match=why + r".*--despite REASON"):
                refused()
        assert office.served.current().candidates[0].share == 0

    def test_a_releaser_may_go_on_despite_them_and_it_is_kept(self, office: RolloutOffice) -> None:
        in_shadow(office, 1)
        rollout = office.serve(10, despite="a pilot of one branch").shown.rollout
        assert rollout.moves[-1].despite == "a pilot of one branch"
        [entry] = [each for each in office.store.audit.entries() if each.action == "rollout.moved"]
        assert (entry.actor, entry.reason) == ("releaser", "a pilot of one branch")
        assert entry.detail["despite_the_shadow_runs"] is True

    def test_a_reason_that_was_not_needed_is_not_kept_as_one(self, office: RolloutOffice) -> None:
        in_shadow(office)
        assert office.serve(10, despite="just in case").shown.rollout.moves[-1].despite == ""

    def test_a_smaller_share_needs_no_evidence_and_none_is_shadow_again(self, office: RolloutOffice) -> None:
        in_shadow(office, 1)
        office.serve(50, despite="a pilot")
        assert office.serve(10).shown.rollout.candidate.share == 10
        assert office.serve(0).shown.rollout.candidate.stage is Stage.SHADOW

    @pytest.mark.parametrize("percent", [-1, 101])
    def test_a_share_is_one(self, office: RolloutOffice, percent: int) -> None:
        in_shadow(office)
        with pytest.raises(InvalidInput, match="is no share"):
            office.serve(percent)

    def test_a_candidate_that_no_longer_fits_serves_no_more_tickets(self, office: RolloutOffice) -> None:
        office.publish(ASKING)
        office.start()
        office.shadow_runs(20)
        office.library.put_in_force({TASKS: NOBODY_TO_ASK})
        with pytest.raises(DefinitionsRefused, match="does not fit"):
            office.serve(10)


class TestCompleting:
    def test_full_brings_a_version_back_that_was_rolled_back(self, office: RolloutOffice) -> None:
        in_shadow(office, 20)
        office.complete()
        office.library.roll_back(FREEZE)
        assert office.store.library.in_force().versions[FREEZE] == 1
        office.start()
        office.complete(despite="it was in force before")
        assert office.store.library.in_force().versions[FREEZE] == 2

    def test_full_releases_the_version_and_ends_with_the_report(self, office: RolloutOffice) -> None:
        in_shadow(office, 20, 1)
        office.serve(10)
        done = office.complete()
        assert done.shown.rollout.candidate.stage is Stage.FULL
        assert office.store.library.in_force().versions[FREEZE] == 2
        assert office.served.current().candidates == ()
        assert office.served.current().edition == "release 2"
        report = office.desk.reading.report("freeze")
        assert report.is_final
        assert [each.stage for each in report.moves] == [Stage.SHADOW, Stage.PERCENTAGE, Stage.FULL]
        assert [each.reasons for each in report.differences] == [("it ended completed",)]
        office.shadow_runs(30)
        assert office.desk.reading.report("1") == report, "it is that of the end"
        assert office.complete().repeated

    def test_another_release_in_between_is_a_conflict_and_the_rollout_stays_open(
        self, office: RolloutOffice
    ) -> None:
        in_shadow(office)
        office.library.put_in_force({FREEZE: ANOTHER})
        with pytest.raises(Conflict, match="publish it again on top of that"):
            office.complete()
        assert office.store.rollouts.rollouts()[0].is_open

    def test_where_it_was_released_by_hand_full_only_ends_the_rollout(self, office: RolloutOffice) -> None:
        in_shadow(office)
        office.library.release()
        assert office.complete().shown.rollout.candidate.stage is Stage.FULL
        assert office.store.library.last_release() == 2

    def test_after_full_the_way_back_is_the_librarys(self, office: RolloutOffice) -> None:
        in_shadow(office)
        office.complete()
        with pytest.raises(Conflict, match=r"opsloop sop rollback sops/freeze\.yaml"):
            office.withdraw()
        with pytest.raises(Conflict, match="its version is in force"):
            office.serve(10)

    def test_where_a_folder_is_served_the_folder_says_what_is_in_force(self, embedded: RolloutOffice) -> None:
        in_shadow(embedded)
        assert embedded.serve(100).shown.rollout.candidate.share == 100
        with pytest.raises(Conflict, match="put version 2 there first"):
            embedded.complete()
        (embedded.library.folder / FREEZE).write_text(QUICKER)
        assert embedded.complete().shown.rollout.candidate.stage is Stage.FULL
        assert embedded.served.current().candidates == ()


class TestWithdrawing:
    @pytest.mark.parametrize("who", ["bob", "author", "releaser", "boss"])
    def test_operators_authors_and_releasers_take_it_back_at_once(
        self, office: RolloutOffice, who: str
    ) -> None:
        in_shadow(office)
        office.serve(50)
        assert office.withdraw(by=who).shown.rollout.candidate.stage is Stage.WITHDRAWN
        assert office.served.current().candidates == ()
        assert office.store.library.in_force().versions[FREEZE] == 1
        report = office.desk.reading.report("freeze")
        assert (report.stage, report.moves[-1].why) == (Stage.WITHDRAWN, "it was wrong")

    def test_it_needs_a_reason_and_an_open_rollout(self, office: RolloutOffice) -> None:
        with pytest.raises(NotFound, match="never a rollout of 'freeze'"):
            office.withdraw()
        in_shadow(office)
        with pytest.raises(InvalidInput, match="say why"):
            office.withdraw(reason=" ")
        office.withdraw()
        with pytest.raises(Conflict, match="rollout 1 of Freeze was withdrawn by bob"):
            office.withdraw()

    def test_the_next_rollout_of_the_sop_may_begin(self, office: RolloutOffice) -> None:
        in_shadow(office)
        office.withdraw()
        assert office.start().shown.rollout.number == 2
        assert [each.rollout.number for each in office.desk.reading.status("Freeze")] == [2, 1]
        assert [each.rollout.number for each in office.desk.reading.status()] == [2]
