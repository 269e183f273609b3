"""A SQLite database of a backup: its online backup, of the moment when all writers wait."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from scanhub.backup.named import Row
from scanhub.backup.place import BackupError

_BUSY_SECONDS: Final = 30.0


class SqliteSource:
    """A database that is backed up. Blocking; its connections are used in any thread.

    Args:
        name: What it is called in the backup.
        url: Where it is.
    """

    dialect = "sqlite"

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self._path = Path(sa.make_url(url).database or "")
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None

    def hold(self) -> None:
        """Let nobody write from now on; what is being written comes to its end before.

        Raises:
            BackupError: There is no such file.
        """
        if not self._path.is_file():
            raise BackupError(
                f"{self._path} is not there: start the server once, or see --data-dir."
            )
        self._writer = _open(self._path)
        self._writer.execute("BEGIN IMMEDIATE")

    def look(self) -> None:
        """See it as it is now, until it is closed."""
        self._reader = _open(self._path)
        self._reader.execute("BEGIN")
        self._reader.execute("SELECT count(*) FROM sqlite_master").fetchone()

    def let_go(self) -> None:
        """Let others write again."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def rows(self, statement: str) -> Iterator[Row]:
        """Yield the rows of a statement, as they were at the moment of `look`."""
        yield from self._looking().execute(statement)

    def revision(self) -> str:
        """Return the revision of the schema."""
        tables = [
            row[0]
            for row in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
            if row[0].startswith("alembic_version") or row[0] == "dbos_migrations"
        ]
        if not tables:
            return ""
        column = "version" if tables[0] == "dbos_migrations" else "version_num"
        row = next(iter(self.rows(f"SELECT {column} FROM {tables[0]}")), ("",))  # noqa: S608 - ours
        return str(row[0])

    def write(self, folder: Path) -> None:
        """Write it into the folder of a backup, as it was at the moment of `look`."""
        path = folder / f"{self.name}.sqlite"
        with closing(sqlite3.connect(path)) as target:
            self._looking().backup(target)
            target.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
        path.chmod(0o600)

    def close(self) -> None:
        """End."""
        self.let_go()
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _looking(self) -> sqlite3.Connection:
        if self._reader is None:
            raise BackupError(f"{self.name} was not looked at.")
        return self._reader


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )


def check_file(path: Path) -> str:
    """Return what SQLite finds wrong with a file; empty: nothing."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        return str(error)
    return "" if found == "ok" else str(found)
