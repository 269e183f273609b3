"""Schema changes: one Alembic tree per service, run by the service or by `scanhub migrate`."""

import asyncio
from collections.abc import Callable
from importlib import resources

import sqlalchemy as sa
from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, MetaData, pool
from sqlalchemy.ext.asyncio import create_async_engine


def alembic_config(package: str, url: str) -> Config:
    """Return the Alembic configuration of the tree `<package>/migrations`."""
    config = Config()
    config.set_main_option("script_location", str(resources.files(package) / "migrations"))
    config.set_main_option("version_table", f"alembic_version_{package}")
    config.attributes["url"] = url
    return config


def upgrade(package: str, url: str, revision: str = "head") -> None:
    """Bring the database of a service to `revision`. Blocking: call it from a thread.

    Args:
        package: Import name of the service, for example `exam_manager`.
        url: Database URL, as `database.create_engine` takes it.
        revision: Alembic revision.
    """
    command.upgrade(alembic_config(package, url), revision)


def run_env(metadata: MetaData) -> None:
    """Run the migrations; the whole `env.py` of a service is this call."""
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

    if sa.make_url(url).get_backend_name() == "sqlite":
        _run_on_file(url, migrate)
    else:
        asyncio.run(_run_on_server(url, migrate))


def _run_on_file(url: str, migrate: Callable[[Connection], None]) -> None:
    """Migrate a SQLite file by the driver itself: a thousand statements, and no loop to wait in."""
    engine = sa.create_engine(sa.make_url(url).set(drivername="sqlite"), poolclass=pool.NullPool)
    with engine.connect() as connection:
        migrate(connection)
        connection.commit()


async def _run_on_server(url: str, migrate: Callable[[Connection], None]) -> None:
    engine = create_async_engine(url, poolclass=pool.NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(migrate)
            await connection.commit()
    finally:
        await engine.dispose()
