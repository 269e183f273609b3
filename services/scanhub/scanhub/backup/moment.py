"""All databases at one moment: for the blink in which each is looked at, nobody writes.

What the services know of one another (a claim and its run, an event and the journal, a run and its
step in the engine) then fits together as after a crash of all of them at that moment, which each of
them is made for.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from scanhub.backup.named import STATEMENTS, Row, keys_of
from scanhub.backup.place import BackupError, DatabaseEntry
from scanhub.backup.postgresql import BusyError, PostgresqlSource
from scanhub.backup.sqlite import SqliteSource
from scanhub.settings import SERVICES, InstallationSettings
from scanhub_libraries.clock import utc_now

ENGINE: Final = "engine"
_TRIES, _PAUSE_S = 40, 0.5


class Source(Protocol):
    """A database that is backed up."""

    name: str
    dialect: str

    async def hold(self) -> None:
        """Let nobody write."""

    async def look(self) -> None:
        """See it as it is now."""

    async def let_go(self) -> None:
        """Let others write again."""

    def rows(self, statement: str) -> AsyncIterator[Row]:
        """Yield rows of that moment."""

    async def revision(self) -> str:
        """Return the revision of its schema."""

    async def write(self, folder: Path) -> None:
        """Write it as it was."""

    async def close(self) -> None:
        """End."""


class _InThread:
    """A SQLite database, with what takes long in a thread."""

    dialect = "sqlite"

    def __init__(self, source: SqliteSource) -> None:
        self.name = source.name
        self._source = source

    async def hold(self) -> None:
        await asyncio.to_thread(self._source.hold)

    async def look(self) -> None:
        await asyncio.to_thread(self._source.look)

    async def let_go(self) -> None:
        await asyncio.to_thread(self._source.let_go)

    async def rows(self, statement: str) -> AsyncIterator[Row]:
        for row in self._source.rows(statement):
            yield row

    async def revision(self) -> str:
        return await asyncio.to_thread(self._source.revision)

    async def write(self, folder: Path) -> None:
        await asyncio.to_thread(self._source.write, folder)

    async def close(self) -> None:
        await asyncio.to_thread(self._source.close)


def database_urls(settings: InstallationSettings) -> dict[str, str]:
    """Return the databases of an installation by what they are called in a backup."""
    return {
        **{service: settings.database_url(service) for service in SERVICES},
        ENGINE: settings.engine_url,
    }


def sources_of(settings: InstallationSettings) -> list[Source]:
    """Return the databases of an installation."""
    return [
        _InThread(SqliteSource(name, url))
        if url.startswith("sqlite")
        else PostgresqlSource(name, url)
        for name, url in database_urls(settings).items()
    ]


class Moment:
    """The databases of an installation as they were at one moment."""

    def __init__(self, sources: Sequence[Source], taken_at: datetime) -> None:
        self._sources = sources
        self.taken_at = taken_at

    async def named(self) -> AsyncIterator[str]:
        """Yield what the databases name in the lake."""
        for source in self._sources:
            for kind, statement in _statements(source.name):
                async for row in source.rows(statement):
                    for key in keys_of(kind, row):
                        yield key

    async def write(self, folder: Path) -> list[DatabaseEntry]:
        """Write the databases into the folder of a backup."""
        folder.mkdir(mode=0o700)
        for source in self._sources:
            await source.write(folder)
        return [
            DatabaseEntry(
                name=source.name, dialect=source.dialect, revision=await source.revision()
            )
            for source in self._sources
        ]


def _statements(name: str) -> Iterator[tuple[str, str]]:
    for service, statements in STATEMENTS.items():
        if service == name:
            yield from statements.items()


@asynccontextmanager
async def moment_of(sources: Sequence[Source]) -> AsyncIterator[Moment]:
    """See all databases as they are at one moment.

    Raises:
        BackupError: A database cannot be reached, or is written to without a pause.
    """
    try:
        yield Moment(sources, await _look(sources))
    finally:
        for source in sources:
            await source.close()


async def _look(sources: Sequence[Source]) -> datetime:
    for _ in range(_TRIES):
        try:
            for source in sources:
                await source.hold()
            taken_at = utc_now()
            for source in sources:
                await source.look()
        except BusyError:
            busy = True
        else:
            busy = False
        finally:
            for source in sources:
                await source.let_go()
        if not busy:
            return taken_at
        await asyncio.sleep(_PAUSE_S)
    raise BackupError("The databases are written to without a pause: try again when less goes on.")
