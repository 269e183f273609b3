"""Looks at the databases: whether they answer, and whether their schema is that of this version."""

import asyncio
from pathlib import Path

import sqlalchemy as sa
from alembic.script import ScriptDirectory
from sqlalchemy.exc import SQLAlchemyError

from scanhub.backup import postgresql
from scanhub.backup.moment import ENGINE, database_urls
from scanhub.backup.place import BackupError
from scanhub.doctor.finding import Finding, failed, ok, warning
from scanhub.settings import InstallationSettings
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import create_engine
from scanhub_libraries.migrate import alembic_config
from workflow_manager.engine.schema import engine_versions

_MOST_APART_S = 2.0
_MUCH = 0.8
"""Of all connections: when more are in use, some will find none."""


async def look_at_databases(settings: InstallationSettings) -> list[Finding]:
    """Look at the database of each service and at that of the run engine."""
    found = await asyncio.gather(
        *(_look(name, url) for name, url in database_urls(settings).items())
    )
    return [finding for findings in found for finding in findings]


async def _look(name: str, url: str) -> list[Finding]:
    title, parsed = f"database of {name}", sa.make_url(url)
    where = parsed.render_as_string(hide_password=True)
    if url.startswith("sqlite") and not Path(parsed.database or "").is_file():
        return [failed(title, f"{parsed.database} is not there", "start the server once")]
    try:
        of_server = [] if url.startswith("sqlite") else await _of_server(name, url)
        if name == ENGINE:
            recorded, newest = await asyncio.to_thread(engine_versions, url)
            schema = _schema(title, where, str(recorded), [str(newest)], recorded < newest)
            return [schema, *of_server]
        return [await _of_service(name, url, title, where), *of_server]
    except (BackupError, SQLAlchemyError, OSError) as error:
        first = str(error).partition("\n")[0]
        advice = "see docs/operations.md#the-database-is-down"
        return [failed(title, f"{where} cannot be used: {first}", advice)]


async def _of_service(name: str, url: str, title: str, where: str) -> Finding:
    package = name.replace("-", "_")
    scripts = ScriptDirectory.from_config(alembic_config(package, url))
    heads = list(scripts.get_heads())
    engine = create_engine(url)
    try:
        async with engine.connect() as connection:
            query = sa.text(f"SELECT version_num FROM alembic_version_{package}")  # noqa: S608 - a name of ours
            recorded = str((await connection.execute(query)).scalar())
    finally:
        await engine.dispose()
    known = {script.revision for script in scripts.walk_revisions()}
    return _schema(title, where, recorded, heads, recorded in known)


def _schema(title: str, where: str, recorded: str, heads: list[str], is_older: bool) -> Finding:
    if recorded in heads:
        return ok(title, f"{where} answers, its schema is {recorded}")
    newest = ", ".join(heads)
    if is_older:
        return warning(
            title, f"its schema is {recorded}, this version has {newest}", "call `scanhub migrate`"
        )
    return failed(
        title,
        f"its schema is {recorded}, which this version does not know: it has {newest}",
        "install the version that it was used with last; there is no way back to an older one",
    )


async def _of_server(name: str, url: str) -> list[Finding]:
    """Look at the PostgreSQL server that a database is on."""
    connection = await postgresql.connect(url)
    try:
        before = utc_now()
        theirs = await connection.fetchval("SELECT clock_timestamp()")
        apart = abs((theirs - before).total_seconds())
        most, used = await connection.fetchrow(_CONNECTIONS)
    finally:
        await connection.close()
    return [_clock(name, apart), _room(name, used, most)]


_CONNECTIONS = """
SELECT current_setting('max_connections')::int
  - current_setting('superuser_reserved_connections')::int,
(SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend')"""


def _clock(name: str, apart: float) -> Finding:
    """Compare the clock of a database's machine with ours."""
    title = f"clock of the database of {name}"
    if apart > _MOST_APART_S:
        return failed(
            title, f"{apart:.0f} s apart from ours", "let both follow the same time (NTP)"
        )
    return ok(title, f"{apart:.1f} s apart from ours")


def _room(name: str, used: int, most: int) -> Finding:
    """Say whether PostgreSQL has connections left."""
    title, detail = f"connections to the database of {name}", f"{used} of {most} are in use"
    if used > _MUCH * most:
        advice = "raise max_connections of PostgreSQL, or see docs/scaling.md#connections"
        return warning(title, detail, advice)
    return ok(title, detail)
