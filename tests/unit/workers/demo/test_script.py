"""The demo's script: what its files may say, and that the shipped one is what the story needs."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from rich.cells import cell_len

from activities.risk import assess_risk
from definitions.loader import check_sop_files, load_rulebook
from definitions.schema import all_steps
from domain.errors import DefinitionError
from domain.fields import form_problems
from workers.activity_set import handler_specs
from workers.demo.changes import names_of
from workers.demo.commands import apply_edits
from workers.demo.script import CHANGES, FOLDER, Night, Script, latest_night, read_script
from workers.demo.script_files import Page
from workers.demo.stage import demo_settings, lay_out
from workers.rulebook import RulebookFiles
from workers.settings import Settings

ZONE = ZoneInfo("Asia/Shanghai")
NIGHT = Night(evening=date(2026, 11, 23), morning=date(2026, 11, 24), zone=ZONE)
HOURS = 'begins: "19:55"\nends: "08:30"\nfactor: 150\n'
TICKET = '- at: "20:10"\n  ticket: {source: mail, title: Lost my card'


@pytest.fixture(scope="module")
def shipped() -> Script:
    return read_script(NIGHT)


@pytest.fixture(scope="module")
def rulebook(tmp_path_factory: pytest.TempPathFactory) -> RulebookFiles:
    return RulebookFiles(laid_out(tmp_path_factory.mktemp("demo")).definitions_dir, handler_specs())


def laid_out(folder: Path) -> Settings:
    """The demo's folder as it is before its first scene."""
    settings = demo_settings(Settings(data_dir=folder))
    lay_out(settings, FOLDER)
    return settings


def script(folder: Path, tickets: str, hours: str = HOURS) -> Script:
    (folder / "night.yaml").write_text(hours, encoding="utf-8")
    (folder / "tickets.yaml").write_text(tickets, encoding="utf-8")
    return read_script(NIGHT, folder)


def test_times_from_noon_on_are_the_evenings_and_others_the_mornings() -> None:
    assert NIGHT.at("19:55") == datetime(2026, 11, 23, 11, 55, tzinfo=UTC)
    assert NIGHT.at("03:07") == datetime(2026, 11, 23, 19, 7, tzinfo=UTC)


def test_the_night_is_the_latest_pair_of_working_days_that_is_not_to_come() -> None:
    monday = date(2026, 11, 23)
    night = latest_night(monday, lambda day: day.weekday() < 5, ZONE)
    assert (night.evening, night.morning) == (date(2026, 11, 19), date(2026, 11, 20))


def test_a_calendar_without_two_working_days_in_a_row_is_refused() -> None:
    with pytest.raises(DefinitionError, match="two working days in a row"):
        latest_night(date(2026, 11, 23), lambda day: day.weekday() == 2, ZONE)


def test_placeholders_become_dates_and_instants_of_the_night(tmp_path: Path) -> None:
    fields = (
        'fields: {on: "{morning}", since: "{at-40min}", deep: [{until: "{at+2d}"}], said: "due {evening}"}'
    )
    [part] = script(tmp_path, f"{TICKET}, {fields}}}").parts
    at = datetime(2026, 11, 23, 20, 10, tzinfo=ZONE)
    assert part.request.fields == {
        "on": "2026-11-24",
        "since": (at - timedelta(minutes=40)).isoformat(),
        "deep": [{"until": (at + timedelta(days=2)).isoformat()}],
        "said": "due 2026-11-23",
    }


@pytest.mark.parametrize(
    ("tickets", "said"),
    [
        ("- {at: '25:00', ticket: {}}", "tickets.yaml:1"),
        (f"{TICKET}}}\n  answer: []", "unknown field 'answer'"),
        (f"{TICKET}}}\n  answers: [{{by: li.wei, reason: ok}}]", "either after or at"),
        (f"{TICKET}, titel: x}}", "ticket 1 at 20:10"),
    ],
)
def test_a_mistake_in_the_script_is_named_with_its_place(tmp_path: Path, tickets: str, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        script(tmp_path, tickets)


def test_the_shipped_night_has_a_few_dozen_tickets_in_two_languages(shipped: Script) -> None:
    chinese = [
        part for part in shipped.parts if any("\u4e00" <= each <= "\u9fff" for each in part.request.title)
    ]
    assert 40 <= len(shipped.parts) <= 60
    assert len(shipped.parts) / 4 < len(chinese) < len(shipped.parts)
    assert len({part.task_id for part in shipped.parts}) == len(shipped.parts)


def test_exactly_one_review_waits_for_the_visitor(shipped: Script) -> None:
    [part] = [part for part in shipped.parts if part.visitor]
    assert part.answers, "DEMO_EXIT=1 needs to know the answer"


def test_every_headline_fits_a_narrow_terminal(shipped: Script) -> None:
    headlines = [text for part in shipped.parts for text in part.headlines.values()]
    headlines += [fault.headline for fault in shipped.hours.faults]
    pages: tuple[Page, ...] = (*shipped.changes.evening, *shipped.changes.night)
    headlines += [page.headline for page in pages]
    assert [text for text in headlines if cell_len(text) > 80 - len("20:00 ")] == []


def test_everybody_in_the_script_is_in_the_directory(shipped: Script, rulebook: RulebookFiles) -> None:
    directory, changes = rulebook.current().directory, shipped.changes
    people = {
        each for part in shipped.parts for answer in part.answers for each in (answer.by, *answer.others)
    }
    pages: tuple[Page, ...] = (*changes.evening, *changes.night, *changes.morning)
    people |= {command.by for page in pages for command in page.commands if command.by}
    assert [each for each in people if directory.principal(each) is None] == []


def test_the_forms_in_the_script_are_those_that_the_sops_ask_for(
    shipped: Script, rulebook: RulebookFiles
) -> None:
    filled = 0
    for part in shipped.parts:
        answer = rulebook.dispatch(part.request.task())
        task = answer.applied_to(part.request.task())
        sop = rulebook.current().sop_for(task.category or "", task.action or "")
        forms = [person.form for _, step in all_steps(sop.steps) if (person := step.review or step.manual)]
        for form in [each.form for each in part.answers if each.form]:
            filled += 1
            assert any(asked and form_problems(asked, form) == [] for asked in forms), part.label
    assert filled


def test_the_shipped_tickets_are_of_every_kind_and_every_risk(
    shipped: Script, rulebook: RulebookFiles
) -> None:
    kinds, risks, layers = set(), set(), set()
    for part in shipped.parts:
        answer = rulebook.dispatch(part.request.task())
        task = answer.applied_to(part.request.task())
        kinds.add((task.category, task.action))
        layers.add(answer.layer)
        if task.action == "freeze":
            risks.add(assess_risk(rulebook.current().risk, task).level)
    triggers = [sop.trigger for sop in rulebook.current().sops if sop.trigger is not None]
    # Finance works by day: nothing of it comes in a bank night.
    served = {(each.category, each.action) for each in triggers if each.action and each.category != "finance"}
    assert served <= kinds
    assert risks == {"low", "medium", "high"}
    assert {"rules", "fallback"} <= layers


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (3, ("accounts", "unfreeze")),
        (4, ("other", "handle")),
        (17, ("accounts", "handle")),
        (23, ("other", "handle")),
    ],
)
def test_tickets_that_tempt_a_reader_to_misread_go_where_they_belong(
    shipped: Script, rulebook: RulebookFiles, number: int, kind: tuple[str, str]
) -> None:
    [part] = [part for part in shipped.parts if part.number == number]
    answer = rulebook.dispatch(part.request.task())
    assert (answer.category, answer.action) == kind


def test_every_edit_of_the_night_fits_its_file_and_only_the_broken_ones_are_refused(
    shipped: Script, tmp_path: Path
) -> None:
    settings = laid_out(tmp_path)
    pages = [(page.edits, False) for page in shipped.changes.evening]
    scenes = [(scene.edits, scene.refused) for scene in shipped.changes.night]
    for edits, refused in [*pages, *scenes]:
        apply_edits(edits, settings.data_dir)
        book, findings = load_rulebook(settings.definitions_dir, handler_specs())
        assert (book is None) == refused or not edits, [str(each) for each in findings]
    draft = settings.data_dir / "drafts" / "card_dispute.yaml"
    assert check_sop_files([draft], settings.definitions_dir, handler_specs()) == []


def test_the_draft_of_the_evening_has_a_typo_an_unknown_target_and_a_loop_without_an_end(
    tmp_path: Path,
) -> None:
    settings = laid_out(tmp_path)
    draft = settings.data_dir / "drafts" / "card_dispute.yaml"
    findings = check_sop_files([draft], settings.definitions_dir, handler_specs())
    assert {each.code for each in findings} == {"OPS201", "OPS203", "OPS240"}


def test_commands_of_the_script_name_what_is_there(shipped: Script, tmp_path: Path) -> None:
    names = names_of(demo_settings(Settings(data_dir=tmp_path)), shipped)
    changes = shipped.changes
    pages: tuple[Page, ...] = (*changes.evening, *changes.night, *changes.morning)
    for page in pages:
        for command in page.commands:
            assert "{" not in command.run.format_map(names)
    moved = {scene.moves for scene in changes.night if scene.moves}
    assert moved <= names.keys()


def test_a_ticket_that_waits_for_a_scene_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / CHANGES).write_text("night: [{name: edit, at: '20:00', headline: Edit}]", encoding="utf-8")
    with pytest.raises(DefinitionError, match="no scene is called 'edot'; known: edit"):
        script(tmp_path, f"{TICKET}}}\n  scene: edot")
