import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.task import Priority, RiskLevel
from workers.ticket_request import TicketRequest

STATED = {"title": "Freeze", "source": "gateway", "external_id": "X-1"}
INSTANTS = st.datetimes(timezones=st.timezones()).map(lambda each: each.isoformat())


def request(**changes: object) -> TicketRequest:
    return TicketRequest.model_validate({**STATED, **changes})


def test_a_task_keeps_what_was_said_and_leaves_the_rest_to_dispatch():
    task = request(priority="P1", fields={"authority": "court"}).task()
    assert task.priority is Priority.P1
    assert task.fields == {"authority": "court"}
    assert task.risk_level is RiskLevel.MEDIUM
    assert request().task().priority is Priority.P4


@pytest.mark.parametrize(
    "name", ["task_id", "risk_level", "assigned_group", "sla_hours", "maker", "attachments"]
)
def test_what_is_not_for_the_source_to_say_is_refused(name: str):
    with pytest.raises(ValidationError, match="Extra inputs"):
        request(**{name: "x"})


def test_the_digest_is_of_what_was_said_not_of_how():
    same = [
        request(created_at="2026-11-23T20:00:00+08:00", fields={"a": 1, "b": 2}),
        request(created_at="2026-11-23T12:00:00Z", fields={"b": 2, "a": 1}, description=""),
    ]
    assert same[0].digest == same[1].digest
    assert same[0].digest != request(fields={"a": 1, "b": 2}).digest


@pytest.mark.parametrize(
    "value",
    [
        1700000000,
        "1700000000",
        "2026-11-23",
        "2026-11-23T20:00:00",
        "0001-01-01T00:00:00+08:00",
        "9999-12-31T23:59:59-08:00",
        "yesterday",
        "²²²²-01-01T00:00:00Z",
        True,
        [],
    ],
)
def test_an_instant_needs_a_date_a_time_and_a_zone(value: object):
    with pytest.raises(ValidationError) as refused:
        request(created_at=value)
    assert refused.value.errors()[0]["loc"] == ("created_at",)


@given(INSTANTS)
def test_any_instant_is_taken_or_refused(text: str):
    try:
        assert request(created_at=text).created_at is not None
    except ValidationError:
        assert int(text[:4]) < 2000 or int(text[:4]) >= 3000


def test_fields_have_an_end():
    with pytest.raises(ValidationError, match="at most 64000"):
        request(fields={"text": "冻" * 30_000})
