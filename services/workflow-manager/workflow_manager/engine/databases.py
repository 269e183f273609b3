"""The database of the run engine: how it is opened."""

import logging
from typing import Any

import sqlalchemy as sa
from dbos import DBOSConfig
from sqlalchemy import event

from workflow_manager.engine.port import EngineError
from workflow_manager.engine.serializer import JSONSerializer

APPLICATION_VERSION = "scanhub-wf-1"
_THREADS = 48


def is_shared(url: str) -> bool:
    """Say whether several processes may have this database: a file has one."""
    return not url.startswith("sqlite")


def sync_url(url: str) -> str:
    """Return the URL for the engine's own, blocking drivers.

    Raises:
        EngineError: It works on no such database.
    """
    drivers = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}
    parsed = sa.make_url(url)
    driver = drivers.get(parsed.get_backend_name())
    if driver is None:
        raise EngineError("The run engine works on SQLite or PostgreSQL.")
    return parsed.set(drivername=driver).render_as_string(hide_password=False)


def config_of(url: str, executor_id: str) -> DBOSConfig:
    """Return how the engine is opened.

    Args:
        url: Its database, for a blocking driver.
        executor_id: The name of this process there.
    """
    return DBOSConfig(
        name="scanhub",
        system_database_url=url,
        application_version=APPLICATION_VERSION,
        executor_id=executor_id,
        max_executor_threads=_THREADS,
        scheduler_polling_interval_sec=30.0,
        notification_listener_polling_interval_sec=0.25,
        log_level="WARNING",
        console_log_level="WARNING",
        serializer=JSONSerializer(),
        run_migrations=True,
    )


def sqlite_engine(url: str) -> sa.Engine:
    """Return an engine that survives a power cut and does not lock readers out."""
    engine = sa.create_engine(url)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = "IMMEDIATE"
        for pragma in (
            "busy_timeout=30000",
            "foreign_keys=ON",
            "journal_mode=WAL",
            "synchronous=FULL",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def quiet_logs() -> None:
    """Let the engine's warnings go where all logs go, and keep its advertisement out."""
    log = logging.getLogger("dbos")
    log.setLevel(logging.WARNING)
    if not log.handlers:
        log.addHandler(logging.NullHandler())  # else it makes a console handler of its own
    log.propagate = True
