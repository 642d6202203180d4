"""What reaches the logs: one JSON line an event, with a trace where a trace helps."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from temporalio.exceptions import ApplicationError

from workers.logs import configure_logs
from workers.settings import Settings


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = io.StringIO()
    configure_logs(Settings(), written)
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def logged(stream: io.StringIO, error: Exception) -> dict[str, Any]:
    try:
        raise error
    except Exception:
        logging.getLogger("temporalio.activity").warning("Completing activity as failed", exc_info=True)
    (line,) = stream.getvalue().splitlines()
    entry: dict[str, Any] = json.loads(line)
    return entry


def test_an_expected_failure_is_one_sentence_without_a_trace(stream: io.StringIO) -> None:
    entry = logged(stream, ApplicationError("the account is frozen already", type="order_refused"))
    assert entry["error"] == "order_refused: the account is frozen already"
    assert "exception" not in entry
    assert entry["level"] == "warning"


def test_a_fault_of_ours_keeps_its_trace(stream: io.StringIO) -> None:
    entry = logged(stream, ZeroDivisionError("division by zero"))
    assert "Traceback" in entry["exception"]
    assert "error" not in entry
