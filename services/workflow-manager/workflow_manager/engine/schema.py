"""The tables of the run engine: made and looked at without launching it."""

import sqlalchemy as sa
from dbos import DBOS
from dbos._migration import get_migration_versions, get_sqlite_migration_versions

from workflow_manager.engine.databases import is_shared, quiet_logs, sync_url

_SCHEMA = "dbos"


def migrate_engine(url: str) -> None:
    """Make the tables of the run engine, or bring them to this version. Blocking.

    Args:
        url: Its database.
    """
    quiet_logs()
    DBOS.migrate(sync_url(url), schema=_SCHEMA)


def engine_versions(url: str) -> tuple[int, int]:
    """Return the number of the newest migration that a database has had, and of all. Blocking."""
    engine = sa.create_engine(sync_url(url))
    try:
        if is_shared(url):
            return get_migration_versions(engine, _SCHEMA, use_listen_notify=True)
        return get_sqlite_migration_versions(engine)
    finally:
        engine.dispose()
