"""Logs: one JSON line an event, with the ticket's id where there is one; on standard error by default."""

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict
from temporalio.exceptions import ApplicationError

from workers.settings import Settings


def configure_logs(settings: Settings, stream: TextIO = sys.stderr) -> None:
    """Sets up structlog and the standard library's logging alike. Call once, at the start of a process."""
    level = logging.getLevelNamesMapping()[settings.log_level]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _in_one_sentence,
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(ensure_ascii=False)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("httpx", "httpcore", "apprise"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _in_one_sentence(_logger: object, _method: str, entry: EventDict) -> EventDict:
    """An activity's expected failure without its trace: a bank that says no is no fault of the code."""
    trace = entry.get("exc_info")
    error = trace[1] if isinstance(trace, tuple) else trace
    if isinstance(error, ApplicationError):
        entry["error"] = str(error)
        del entry["exc_info"]
    return entry
