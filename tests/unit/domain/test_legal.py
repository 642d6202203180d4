"""Legal deadlines: from where they run, when people hear of them, and that one is never left out."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.errors import InvalidInput
from domain.legal import (
    RUNGS,
    LegalClock,
    LegalDeadline,
    legal_crossed,
    legal_deadlines,
    legal_words,
    next_legal_rung,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
OPENED = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
"""A Friday, 17:00 in Shanghai."""
HOUR = timedelta(hours=1)


def deadline(
    zone: str = "Asia/Shanghai", fields: dict[str, Any] | None = None, **clock: Any
) -> LegalDeadline:
    written = {"law": "Sample Freezing Act", "article": "Art. 18", **clock}
    [found] = legal_deadlines(
        (LegalClock.model_validate(written),),
        fields or {},
        OPENED,
        ZoneInfo(zone),
        lambda day: day.weekday() < 5,
    )
    return found


def test_it_runs_from_the_receipt_through_nights_and_weekends() -> None:
    found = deadline(within="48h")
    assert (found.since, found.due_at) == (OPENED, OPENED + 48 * HOUR)
    assert found.named == "Sample Freezing Act, Art. 18"


@pytest.mark.parametrize(
    ("given_at", "since"),
    [
        ("2026-11-26T10:00:00+08:00", datetime(2026, 11, 26, 2, 0, tzinfo=UTC)),
        ("2026-11-26T10:00", datetime(2026, 11, 26, 2, 0, tzinfo=UTC)),
        ("2026-11-26", datetime(2026, 11, 25, 16, 0, tzinfo=UTC)),
    ],
)
def test_it_runs_from_an_instant_or_the_begin_of_a_day_that_the_ticket_names(
    given_at: str, since: datetime
) -> None:
    found = deadline(fields={"served_at": given_at}, within="48h", **{"from": "fields.served_at"})
    assert (found.since, found.due_at) == (since, since + 48 * HOUR)


def test_real_time_counts_where_clocks_are_changed() -> None:
    found = deadline("Europe/Berlin", {"at": "2026-10-24T12:00"}, within="24h", **{"from": "fields.at"})
    assert found.due_at - found.since == 24 * HOUR


def test_working_days_are_counted_to_the_end_of_the_last() -> None:
    found = deadline(working_days=3)
    assert found.due_at == datetime(2026, 12, 3, tzinfo=SHANGHAI)


def test_a_day_that_the_ticket_names_counts_whole() -> None:
    found = deadline(fields={"expires": "2026-12-01"}, until="fields.expires")
    assert found.due_at == datetime(2026, 12, 2, tzinfo=SHANGHAI)
    exact = deadline(fields={"expires": "2026-12-01T12:00:00Z"}, until="fields.expires")
    assert exact.due_at == datetime(2026, 12, 1, 12, 0, tzinfo=UTC)


def test_one_that_is_over_before_the_ticket_came_is_due_at_once() -> None:
    past = deadline(fields={"expires": "2026-11-20"}, until="fields.expires")
    crossing = legal_crossed(past, OPENED, frozenset())
    assert crossing is not None
    assert crossing.rung == "due"


@pytest.mark.parametrize(
    "value", [None, "", "soon", 20261201, "2026-13-01", "2026-12-01T25:00", ["2026-12-01"]]
)
def test_a_field_without_an_instant_is_an_error_and_never_no_deadline(value: object) -> None:
    with pytest.raises(InvalidInput, match="needs an instant such as") as raised:
        deadline(fields={"expires": value} if value is not None else {}, until="fields.expires")
    assert raised.value.field == "fields.expires"


@pytest.mark.parametrize(
    ("clock", "words"),
    [
        ({}, "this one has none"),
        ({"within": "48h", "working_days": 2}, "within and working_days"),
        ({"within": "48h", "from": "served_at"}, "pattern"),
        ({"until": "opened"}, "pattern"),
        ({"within": "48h", "on_due": "nobody"}, "'page', 'lead' or 'group'"),
        ({"working_days": 0}, "greater than or equal to 1"),
    ],
)
def test_what_is_no_legal_clock(clock: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        LegalClock.model_validate({"law": "A", "article": "1", **clock})


class TestCrossing:
    AT = deadline(within="100h")

    def at(self, hours: float) -> datetime:
        return OPENED + hours * HOUR

    def test_people_hear_at_75_and_90_per_cent_and_at_the_deadline(self) -> None:
        fired: frozenset[str] = frozenset()
        heard = []
        for hours in (74, 75, 80, 90, 99, 100, 200):
            while crossing := legal_crossed(self.AT, self.at(hours), fired):
                fired |= {crossing.key, *crossing.skipped}
                heard.append((hours, crossing.rung, crossing.skipped))
        assert heard == [(75, "75", ()), (90, "90", ()), (100, "due", ())]
        assert next_legal_rung(self.AT, fired) is None

    def test_after_downtime_only_the_highest_fires(self) -> None:
        crossing = legal_crossed(self.AT, self.at(500), frozenset())
        assert crossing is not None
        assert (crossing.rung, len(crossing.skipped)) == ("due", 2)

    @given(st.lists(st.floats(0, 150), max_size=8))
    def test_each_rung_is_fired_or_skipped_once_and_in_order(self, looks: list[float]) -> None:
        fired: list[str] = []
        for hours in sorted(looks):
            crossing = legal_crossed(self.AT, self.at(hours), frozenset(fired))
            if crossing:
                fired += [*crossing.skipped, crossing.key]
            passed = [key for rung, key in self.AT.keys().items() if self.AT.at(rung) <= self.at(hours)]
            assert fired == passed
            ahead = next_legal_rung(self.AT, frozenset(fired))
            assert ahead == next((rung for rung in RUNGS if self.AT.at(rung) > self.at(hours)), None)

    def test_a_deadline_that_moves_warns_anew(self) -> None:
        assert self.AT.key != deadline(within="101h").key
        assert self.AT.key == deadline(within="100h").key

    def test_the_words_name_law_article_and_the_deadline_in_the_banks_time(self) -> None:
        assert legal_words(self.AT, "75", "Asia/Shanghai") == (
            "75% of the time that Sample Freezing Act, Art. 18 allows is gone: due 2026-12-01 21:00"
        )
        assert legal_words(self.AT, "due", "UTC") == (
            "the legal deadline of Sample Freezing Act, Art. 18 has come: 2026-12-01 13:00"
        )


def test_a_deadline_is_read_back_as_it_was_written() -> None:
    found = deadline(working_days=1, on_due="lead")
    assert LegalDeadline.model_validate_json(found.model_dump_json()) == found
    assert found.due_at.astimezone(SHANGHAI).date() == date(2026, 12, 1)
