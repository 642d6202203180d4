"""Calendar files: what they are resolved into, and what is wrong with them, each at its place."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from definitions.calendar_files import read_calendars, zone_offsets
from definitions.loader import check_sop_files, is_definition, load_rulebook
from definitions.sources import DefinitionFiles, files_in
from domain.calendar import Interval, WorkCalendar, is_working, works_on
from tests.fakes.catalogue import CODE
from tests.fakes.definition_folder import edited, write_definitions
from workers.rulebook import RulebookFiles
from workers.settings import PROJECT

TODAY = date(2026, 11, 23)
TEXT = """\
name: office
timezone: Asia/Shanghai
hours:
  monday: [09:00-12:00, 13:30-18:00]
  tuesday: [09:00-12:00]
holidays: {country: CN}
days_off: [2026-12-31]
working_days: {2026-12-05: [10:00-24:00]}
"""


def read(text: str = TEXT, **more: str) -> tuple[dict[str, WorkCalendar], list[tuple[str, int, int, str]]]:
    files = {"office.yaml": text, **{name.replace("_", "."): content for name, content in more.items()}}
    source = DefinitionFiles({name: content.encode() for name, content in files.items()}, "calendars")
    calendars, findings = read_calendars(source, TODAY)
    return calendars, [(each.code, each.line, each.column, each.message) for each in findings]


def shipped() -> dict[str, WorkCalendar]:
    calendars, findings = read_calendars(files_in(PROJECT / "definitions").below("calendars"), TODAY)
    assert findings == []
    return calendars


class TestShipped:
    def test_always_is_around_the_clock(self) -> None:
        assert shipped()["always"].is_always

    @pytest.mark.parametrize(
        ("day", "works"),
        [
            (date(2026, 11, 23), True),
            (date(2026, 11, 22), False),
            (date(2026, 10, 1), False),
            (date(2026, 2, 20), False),  # a Friday given for the Saturday after
            (date(2026, 2, 28), True),
            (date(2026, 10, 10), True),
        ],
    )
    def test_office_knows_holidays_and_make_up_days(self, day: date, works: bool) -> None:
        assert works_on(shipped()["office"], day) is works

    def test_office_has_a_lunch_break_on_a_make_up_saturday_too(self) -> None:
        office = shipped()["office"]
        assert is_working(office, datetime(2026, 10, 10, 3, 59, tzinfo=UTC))
        assert not is_working(office, datetime(2026, 10, 10, 4, 0, tzinfo=UTC))
        assert is_working(office, datetime(2026, 10, 10, 5, 30, tzinfo=UTC))

    def test_a_ticket_pins_little(self) -> None:
        assert len(shipped()["office"].model_dump_json()) < 2_500


class TestResolving:
    def test_what_the_file_says_holds_against_the_library(self) -> None:
        overridden = TEXT.replace("2026-12-05", "2026-10-01").replace("2026-12-31", "2026-10-10")
        [before], [after] = (list(read(each)[0].values()) for each in (TEXT, overridden))
        for day, was, now in ((date(2026, 10, 1), False, True), (date(2026, 10, 10), True, False)):
            assert (works_on(before, day), works_on(after, day)) == (was, now)

    def test_dates_that_change_nothing_are_not_kept(self) -> None:
        calendar = read(TEXT.replace("2026-12-31", "2026-12-30"))[0]["office"]
        assert date(2026, 12, 30) not in calendar.days_off  # a Wednesday has no hours anyway
        assert calendar.working_days[date(2026, 12, 5)] == (Interval(600, 1440),)

    def test_it_says_for_which_days_it_was_resolved(self) -> None:
        calendar = read()[0]["office"]
        assert (calendar.resolved_since, calendar.resolved_until) == (date(2025, 1, 1), date(2028, 12, 31))
        assert not calendar.knows(date(2029, 1, 1))

    @pytest.mark.parametrize(
        ("zone", "count"),
        [("Europe/Paris", 4), ("Asia/Shanghai", 0), ("Australia/Lord_Howe", 4), ("America/Havana", 4)],
    )
    def test_the_offsets_are_those_of_the_zone(self, zone: str, count: int) -> None:
        offset, changes = zone_offsets(zone, date(2025, 1, 1), date(2026, 12, 31))
        assert len(changes) == count
        seconds = offset
        for change in changes:
            before, after = (
                (change.since + moment).astimezone(ZoneInfo(zone)).utcoffset()
                for moment in (timedelta(seconds=-1), timedelta(0))
            )
            assert (before, after) == (timedelta(seconds=seconds), timedelta(seconds=change.seconds))
            seconds = change.seconds


class TestFindings:
    @pytest.mark.parametrize(
        ("old", "new", "code", "place", "words"),
        [
            ("Asia/Shanghai", "Asia/Shanghia", "OPS500", (2, 11), "did you mean 'Asia/Shanghai'?"),
            ("13:30", "11:30", "OPS501", (4, 11), "09:00-12:00 and 11:30-18:00 overlap"),
            ("13:30-18:00", "18:00-13:30", "OPS504", (4, 25), "ends before it begins"),
            ("13:30-18:00", "13:30-25:00", "OPS504", (4, 25), "'13:30-25:00' is not hours"),
            ("10:00-24:00", "22:00-06:00", "OPS504", (8, 29), "ends before it begins"),
            ("2026-12-31", "2026-12-32", "OPS504", (7, 12), "'2026-12-32' is not a date"),
            ("2026-12-31", "2026-12-05", "OPS503", (8, 16), "2026-12-05 stands here twice"),
            ("[2026-12-31]", "[2026-12-31, 2026-12-31]", "OPS503", (7, 24), "stands here twice"),
            ("country: CN", "country: XX", "OPS314", (6, 21), "no holidays are known for 'XX'"),
            ("monday", "mon", "OPS104", (4, 3), "is not allowed"),
            ("name: office", "name: Office", "OPS105", (1, 7), "wrong form"),
            ("hours:", "working_hours:", "OPS101", (3, 1), "unknown field"),
        ],
    )
    def test_each_has_its_place(
        self, old: str, new: str, code: str, place: tuple[int, int], words: str
    ) -> None:
        calendars, findings = read(TEXT.replace(old, new, 1))
        assert calendars == {}
        assert [(each[0], each[1:3]) for each in findings if each[0] == code] == [(code, place)]
        assert any(words in each[3] for each in findings)

    def test_a_calendar_without_working_time(self) -> None:
        empty = TEXT.replace("[09:00-12:00, 13:30-18:00]", "[]").replace("[09:00-12:00]", "[09:00-09:59]")
        assert [each[:3] for each in read(empty)[1]] == [("OPS502", 3, 1)]

    def test_two_calendars_with_one_name(self) -> None:
        calendars, findings = read(zweites_yaml=TEXT)
        assert set(calendars) == {"office"}
        assert [each[:2] for each in findings] == [("OPS505", 1)]

    def test_a_file_that_is_not_read(self) -> None:
        assert read(office_yml=TEXT)[1][0][0] == "OPS013"


class TestInTheRulebook:
    def folder(self, path: Path, **changes: str) -> Path:
        named = {
            "policies/sla.yaml": edited("policies/sla.yaml", "sla_hours: 1", "sla_hours: 1, calendar: office")
        }
        return write_definitions(path, **{"calendars/office.yaml": TEXT, **named, **changes})

    def test_it_is_there_by_name_and_counts_as_a_definition(self, tmp_path: Path) -> None:
        book, findings = load_rulebook(self.folder(tmp_path), CODE)
        assert book is not None, findings
        assert set(book.calendars) == {"office"}
        assert book.sla["accounts"].calendar == "office"
        assert is_definition("calendars/office.yaml")
        assert not is_definition("calendars/old/office.yaml")
        other, _ = load_rulebook(
            self.folder(tmp_path, **{"calendars/office.yaml": TEXT + "# edited\n"}), CODE
        )
        assert other is not None
        assert other.digest != book.digest

    @pytest.mark.parametrize(
        ("file", "text"),
        [
            ("policies/sla.yaml", "policies:\n  - {category: accounts, sla_hours: 1, calendar: offices}\n"),
            ("policies/bank.yaml", "country: CN\ncalendar: offices\n"),
        ],
    )
    def test_a_policy_that_names_another_is_wrong(self, tmp_path: Path, file: str, text: str) -> None:
        book, findings = load_rulebook(self.folder(tmp_path, **{file: text}), CODE)
        assert book is None
        [finding] = findings
        assert (finding.code, finding.line, finding.expected) == ("OPS506", 2, "one of office")
        assert "did you mean 'office'?" in finding.message

    def test_while_a_calendar_is_wrong_its_name_is_not_reported_as_unknown(self, tmp_path: Path) -> None:
        broken = self.folder(tmp_path, **{"calendars/office.yaml": TEXT.replace("13:30", "11:30")})
        _, findings = load_rulebook(broken, CODE)
        assert [each.code for each in findings] == ["OPS501"]

    def test_a_calendar_can_be_checked_by_its_path(self, tmp_path: Path) -> None:
        folder = self.folder(tmp_path, **{"calendars/office.yaml": TEXT.replace("13:30", "11:30")})
        found = check_sop_files([folder / "calendars/office.yaml"], folder, CODE)
        assert [each.code for each in found] == ["OPS501"]

    def test_the_banks_own_calendar_says_when_it_works(self, tmp_path: Path) -> None:
        bank = {"policies/bank.yaml": "country: CN\ncalendar: office\n"}
        files = RulebookFiles(self.folder(tmp_path, **bank), CODE)
        this_year = datetime.now(UTC).date().year
        thursdays = [each for n in range(1, 8) if (each := date(this_year, 6, n)).weekday() == 3]
        assert not files.is_working_day(thursdays[0])  # no hours on Thursdays
        assert files.is_working_day(date(2004, 6, 3))  # before what is resolved: as in the country
