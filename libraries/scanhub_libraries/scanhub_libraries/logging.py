"""Structured logs. Never names, birth dates or tokens: ids only."""

import logging
import sys
from typing import Any

import structlog
from structlog.contextvars import bound_contextvars

from scanhub_libraries.tracebacks import format_error, print_error, printable

__all__ = ["bound_contextvars", "configure_logging", "get_logger"]

_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
_LEVELS = {
    **dict.fromkeys(
        ("httpx", "httpcore", "aiosqlite", "alembic", "uvicorn", "dbos", "passlib"), "WARNING"
    ),
    # A peer that does not answer is told where it matters: on the dispatch, at the target's test.
    "pynetdicom": "CRITICAL",
    # ismrmrd turns every warning on when it is imported.
    "py.warnings": "ERROR",
}


def configure_logging(*, json: bool = False, level: str = "INFO") -> None:
    """Send the logs of this process to standard error.

    Args:
        json: One JSON object a line (deployment); else text for people.
        level: Lowest level shown.
    """
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        # What is not shown is not made either: every request has such a line.
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(json=json),
            ],
        )
    )
    logging.captureWarnings(capture=True)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name, least in _LEVELS.items():
        logging.getLogger(name).setLevel(least)


def _renderers(*, json: bool) -> list[structlog.typing.Processor]:
    if json:
        errors = structlog.processors.ExceptionRenderer(format_error)
        return [errors, structlog.processors.JSONRenderer()]
    # The richer traceback prints local variables: names and tokens would be among them.
    text = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=print_error)
    return [_printable_event, text]


def _printable_event(
    _logger: Any, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Keep what other libraries log from passing itself off as lines of ours."""
    event["event"] = printable(str(event.get("event", "")))
    return event


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return a logger; context goes in keywords: `logger.info("connected", device_id=...)`."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger
