from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from domain.duration import Duration, format_duration, parse_duration

MS = timedelta(milliseconds=1)
DURATIONS = st.integers(1, 3660 * 86_400_000).map(lambda count: count * MS)


class Holder(BaseModel):
    span: Duration


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("5s", timedelta(seconds=5)),
        ("250ms", timedelta(milliseconds=250)),
        ("45min", timedelta(minutes=45)),
        ("45m", timedelta(minutes=45)),
        ("1h", timedelta(hours=1)),
        ("1h30min", timedelta(minutes=90)),
        ("1h 30min", timedelta(minutes=90)),
        ("1.5h", timedelta(minutes=90)),
        ("2d", timedelta(days=2)),
        ("1w", timedelta(days=7)),
        (" 10 s ", timedelta(seconds=10)),
    ],
)
def test_durations_read_as_people_write_them(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "s",
        "5 sec",
        "1H",
        "-5s",
        "0s",
        "0.0001ms",
        "1h30",
        "1e3s",
        "3661d",
        "999999999w",
        "1h" * 40,
        "1h;rm",
        "∞",
        "5s\x00",
    ],
)
def test_anything_else_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match=r"such as 30s|at least 1 ms and at most ten years"):
        parse_duration(text)


@given(st.text(max_size=80))
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    try:
        assert parse_duration(text) >= MS
    except ValueError as error:
        assert repr(text)[:10] in str(error)


@given(DURATIONS)
def test_what_is_written_is_read_back(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


@given(st.timedeltas(MS, timedelta(days=3660)))
def test_a_field_is_the_same_after_a_journey_through_json(duration: timedelta) -> None:
    held = Holder(span=duration)
    assert abs(held.span - duration) <= MS / 2
    assert Holder.model_validate_json(held.model_dump_json()) == held


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(minutes=90), "1h30min"),
        (timedelta(days=1, milliseconds=1), "1d1ms"),
        (timedelta(0), "0s"),
        (timedelta(seconds=60), "1min"),
    ],
)
def test_the_text_is_the_shortest(duration: timedelta, text: str) -> None:
    assert format_duration(duration) == text


@pytest.mark.parametrize("value", [5, 1.5, None, True, ["1h"], timedelta(0), timedelta(seconds=-1), "soon"])
def test_a_field_refuses_what_is_no_duration(value: object) -> None:
    with pytest.raises(ValidationError):
        Holder(span=value)


def test_the_schema_of_a_field_shows_examples() -> None:
    assert Holder.model_json_schema()["properties"]["span"]["examples"] == ["30s", "45min", "1h"]
