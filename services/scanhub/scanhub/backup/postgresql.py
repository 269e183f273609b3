"""A PostgreSQL database of a backup: its rows by COPY, of the moment when all writers wait.

The tables are not in the backup: the migrations of its revision make them. So a backup is read by
other versions of PostgreSQL, and no program of PostgreSQL has to be there.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
import sqlalchemy as sa

from scanhub.backup.named import Row
from scanhub.backup.place import BackupError

TABLES = "tables.json"
_LOCK_MS: Final = 300
"""Less than PostgreSQL takes to look for a deadlock, which it might end with somebody else's
transaction, and less than who writes meanwhile would notice."""
_VERSIONS = {"dbos_migrations"}
_USER_TABLES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
AND n.nspname NOT LIKE 'pg_%' ORDER BY 1, 2"""
_COLUMNS = """
SELECT column_name FROM information_schema.columns
WHERE table_schema = $1 AND table_name = $2 AND is_generated = 'NEVER' ORDER BY ordinal_position"""
_SEQUENCES = """
SELECT schemaname, sequencename, last_value FROM pg_sequences
WHERE schemaname NOT LIKE 'pg_%' ORDER BY 1, 2"""
_REFERENCES = """
SELECT DISTINCT n.nspname || '.' || c.relname, m.nspname || '.' || r.relname
FROM pg_constraint f
JOIN pg_class c ON c.oid = f.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class r ON r.oid = f.confrelid JOIN pg_namespace m ON m.oid = r.relnamespace
WHERE f.contype = 'f' AND f.conrelid <> f.confrelid"""


class BusyError(Exception):
    """Somebody writes for longer than writers may be held up."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A table of a backup."""

    schema: str
    name: str
    columns: list[str]

    @property
    def file(self) -> str:
        """Name of the file with its rows, in PostgreSQL's text format."""
        return f"{self.schema}.{self.name}.copy"

    @property
    def key(self) -> str:
        """Its full name."""
        return f"{self.schema}.{self.name}"


def is_version_table(name: str) -> bool:
    """Say whether a table tells the revision of the schema, and nothing else."""
    return name.startswith("alembic_version") or name in _VERSIONS


def quoted(*names: str) -> str:
    """Return a name as SQL has it."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


async def connect(url: str) -> Any:
    """Connect to a database of any of our URLs.

    Raises:
        BackupError: It does not answer.
    """
    dsn = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        return await asyncpg.connect(dsn, timeout=10.0)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        where = sa.make_url(url).render_as_string(hide_password=True)
        raise BackupError(f"{where} cannot be reached: {error}") from error


async def user_tables(connection: Any) -> list[tuple[str, str]]:
    """Return schema and name of all tables of a database."""
    return [tuple(row) for row in await connection.fetch(_USER_TABLES)]


class PostgresqlSource:
    """A database that is backed up.

    Args:
        name: What it is called in the backup.
        url: Where it is.
    """

    dialect = "postgresql"

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self._url = url
        self._writer: Any = None
        self._reader: Any = None

    async def hold(self) -> None:
        """Let nobody write from now on; what is being written comes to its end before.

        Raises:
            BusyError: That takes too long.
            BackupError: The database cannot be reached, or is empty.
        """
        if self._writer is None:
            self._writer = await connect(self._url)
        tables = await user_tables(self._writer)
        if not tables:
            raise BackupError(f"The database of {self.name} is empty: start the server once.")
        await self._writer.execute("BEGIN")
        await self._writer.execute(f"SET LOCAL lock_timeout = {_LOCK_MS}")
        names = ", ".join(quoted(*table) for table in tables)
        try:
            await self._writer.execute(f"LOCK TABLE {names} IN SHARE MODE")
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
            raise BusyError(self.name) from error

    async def look(self) -> None:
        """See it as it is now, until it is closed."""
        if self._reader is None:
            self._reader = await connect(self._url)
        await self._reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        await self._reader.execute("SELECT 1")

    async def let_go(self) -> None:
        """Let others write again."""
        if self._writer is not None and not self._writer.is_closed():
            await self._writer.execute("ROLLBACK")

    async def rows(self, statement: str) -> AsyncIterator[Row]:
        """Yield the rows of a statement, as they were at the moment of `look`."""
        async for row in self._reader.cursor(statement, prefetch=10_000):
            yield tuple(row)

    async def revision(self) -> str:
        """Return the revision of the schema."""
        for schema, name in await user_tables(self._reader):
            if is_version_table(name):
                column = "version" if name in _VERSIONS else "version_num"
                found = await self._reader.fetchval(f"SELECT {column} FROM {quoted(schema, name)}")  # noqa: S608 - a name of the catalogue
                return str(found)
        return ""

    async def write(self, folder: Path) -> None:
        """Write it into the folder of a backup, as it was at the moment of `look`."""
        target = folder / self.name
        target.mkdir(mode=0o700)
        tables = []
        for schema, name in await user_tables(self._reader):
            if is_version_table(name):
                continue
            columns = [row[0] for row in await self._reader.fetch(_COLUMNS, schema, name)]
            table = Copied(schema, name, columns)
            await self._reader.copy_from_table(
                name, schema_name=schema, columns=columns, output=target / table.file, format="text"
            )
            tables.append(table)
        sequences = [list(row) for row in await self._reader.fetch(_SEQUENCES)]
        document = {"tables": [asdict(table) for table in tables], "sequences": sequences}
        await asyncio.to_thread((target / TABLES).write_text, json.dumps(document, indent=1))

    async def close(self) -> None:
        """End."""
        for connection in (self._writer, self._reader):
            if connection is not None and not connection.is_closed():
                await connection.close()
        self._writer = self._reader = None


async def is_empty(url: str) -> bool:
    """Say whether a database has no tables."""
    connection = await connect(url)
    try:
        return not await user_tables(connection)
    finally:
        await connection.close()


async def fill(url: str, folder: Path) -> None:
    """Fill a database that has the tables of a backup's revision, and nothing else in use.

    Args:
        url: The database.
        folder: That of the database in the backup.
    """
    document = json.loads(await asyncio.to_thread((folder / TABLES).read_text))
    tables = {table.key: table for table in (Copied(**one) for one in document["tables"])}
    connection = await connect(url)
    try:
        async with connection.transaction():
            await _fill(connection, tables, folder)
            for schema, name, last in document["sequences"]:
                if last is not None:
                    await connection.execute("SELECT setval($1, $2)", quoted(schema, name), last)
    finally:
        await connection.close()


async def _fill(connection: Any, tables: dict[str, Copied], folder: Path) -> None:
    if tables:  # migrations may have written rows, which are in the backup too
        names = ", ".join(quoted(table.schema, table.name) for table in tables.values())
        await connection.execute(f"TRUNCATE {names}")
    references = [tuple(row) for row in await connection.fetch(_REFERENCES)]
    for key in in_order(list(tables), references):
        table = tables[key]
        await connection.copy_to_table(
            table.name,
            schema_name=table.schema,
            columns=table.columns,
            source=folder / table.file,
            format="text",
        )


def in_order(tables: list[str], references: list[tuple[str, ...]]) -> list[str]:
    """Return tables so that each comes after those that it refers to.

    Raises:
        BackupError: Tables refer to one another in a circle.
    """
    needs = {
        table: {to for of, to in references if of == table and to in tables} for table in tables
    }
    ordered: list[str] = []
    while needs:
        free = sorted(table for table, others in needs.items() if others <= set(ordered))
        if not free:
            raise BackupError(f"These tables refer to one another: {', '.join(sorted(needs))}.")
        ordered += free
        for table in free:
            del needs[table]
    return ordered
