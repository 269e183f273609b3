"""Schema changes: one Alembic tree per service, run by the service or by `scanhub migrate`."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from importlib import resources
from typing import TYPE_CHECKING, TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection, MetaData, pool
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

if TYPE_CHECKING:
    from alembic.config import Config

T = TypeVar("T")
_FOLDER, _VERSION_TABLE, _HEAD = "migrations", "alembic_version_{}", "head"


def alembic_config(package: str, url: str) -> "Config":
    """Return the Alembic configuration of the tree `<package>/migrations`."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(resources.files(package) / _FOLDER))
    config.set_main_option("version_table", _VERSION_TABLE.format(package))
    config.attributes["url"] = url
    return config


def upgrade(package: str, url: str, revision: str = _HEAD) -> None:
    """Bring the database of a service to `revision`. Blocking: call it from a thread.

    Args:
        package: Import name of the service, for example `exam_manager`.
        url: Database URL, as `database.create_engine` takes it.
        revision: Alembic revision.
    """
    if revision == _HEAD and _version(package, url) == newest(package):
        return  # as at nearly every start, which need not wait for Alembic to be loaded
    from alembic import command

    command.upgrade(alembic_config(package, url), revision)


def newest(package: str) -> str:
    """Return the newest revision of a service: its number is the beginning of a file's name."""
    versions = resources.files(package) / _FOLDER / "versions"
    return max(file.name for file in versions.iterdir() if file.name[:1].isdigit())[:4]


def _version(package: str, url: str) -> str | None:
    """Return the revision of a database; None: it cannot be told, or it has none."""

    def look(connection: Connection) -> str | None:
        table = sa.table(_VERSION_TABLE.format(package), sa.column("version_num"))
        return connection.execute(sa.select(table.c.version_num)).scalar_one_or_none()

    with suppress(DBAPIError, OSError):
        return _connected(url, look)
    return None


def run_env(metadata: MetaData) -> None:
    """Run the migrations; the whole `env.py` of a service is this call."""
    from alembic import context

    config = context.config
    url = config.attributes["url"]
    version_table = config.get_main_option("version_table") or "alembic_version"

    def migrate(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            # Several processes of a service may start at once: the others find the work done.
            name = sa.func.hashtext(f"migrate {version_table}")
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(name)))
        context.configure(
            connection=connection,
            target_metadata=metadata,
            version_table=version_table,
            render_as_batch=True,
            compare_type=True,
        )
        with context.begin_transaction():
            context.run_migrations()

    _connected(url, migrate)


def _connected(url: str, work: Callable[[Connection], T]) -> T:
    """Do something with a connection, and commit it."""
    if sa.make_url(url).get_backend_name() == "sqlite":
        return _on_file(url, work)
    return asyncio.run(_on_server(url, work))


def _on_file(url: str, work: Callable[[Connection], T]) -> T:
    """Use a SQLite file by the driver itself: a thousand statements, and no loop to wait in."""
    engine = sa.create_engine(sa.make_url(url).set(drivername="sqlite"), poolclass=pool.NullPool)
    with engine.connect() as connection:
        done = work(connection)
        connection.commit()
    return done


async def _on_server(url: str, work: Callable[[Connection], T]) -> T:
    engine = create_async_engine(url, poolclass=pool.NullPool)
    try:
        async with engine.connect() as connection:
            done = await connection.run_sync(work)
            await connection.commit()
    finally:
        await engine.dispose()
    return done
