"""Structured logs. Never names, birth dates or tokens: ids only."""

import logging
import sys
from typing import Any

import structlog
from structlog.contextvars import bound_contextvars

__all__ = ["bound_contextvars", "configure_logging", "get_logger"]


def configure_logging(*, json: bool = False, level: str = "INFO") -> None:
    """Send the logs of this process to standard error.

    Args:
        json: One JSON object a line (deployment); else text for people.
        level: Lowest level shown.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(
            colors=False,
            # The richer formatter prints local variables: names and tokens would be among them.
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info if json else _keep,
                renderer,
            ],
        )
    )
    # ismrmrd turns every warning on when it is imported; warnings go to the log, not to the screen.
    logging.captureWarnings(capture=True)
    logging.getLogger("py.warnings").setLevel(logging.ERROR)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for noisy in ("httpx", "httpcore", "aiosqlite", "alembic", "uvicorn", "dbos"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # A peer that does not answer is told where it matters: on the dispatch, at the target's test.
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)


def _keep(
    _logger: Any, _name: str, event_dict: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    return event_dict


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return a logger; context goes in keywords: `logger.info("connected", device_id=...)`."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger
