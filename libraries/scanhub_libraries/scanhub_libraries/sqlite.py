"""SQLite in a thread of its own, with one way there and back for a statement.

The driver (aiosqlite) goes to the thread of a connection four times for a SELECT: to make a cursor,
to execute, to fetch and to close. Each way wakes the thread and then the event loop, which takes
longer than most statements do.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import aiosqlite
from sqlalchemy.orm.exc import StaleDataError

_Given = Sequence[Any] | dict[str, Any]
_Ended = tuple[Any, int, int | None, list[Any]]
_Statement = tuple[str, Sequence[_Given], int | None]


class _Cursor:
    """What a statement left behind: all its rows, the cursor itself is closed already."""

    arraysize = 1

    def __init__(self, connection: "OneWayConnection") -> None:
        self._connection = connection
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self._rows: list[Any] = []

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, operation: str, parameters: _Given = ()) -> Self:
        """Execute a statement and fetch its rows."""
        self._take(await self._connection.run(operation, parameters))
        return self

    async def executemany(self, operation: str, parameters: Iterable[_Given]) -> Self:
        """Execute a statement for many sets of parameters."""
        self._take(await self._connection.run_many(operation, parameters))
        return self

    def _take(self, ended: _Ended) -> None:
        self.description, self.rowcount, self.lastrowid, self._rows = ended

    async def fetchall(self) -> list[Any]:
        """Return all rows."""
        return self._rows

    async def close(self) -> None:
        """Nothing is open."""


class OneWayConnection(aiosqlite.Connection):
    """A connection that does all of a statement at once: begin, execute, fetch.

    Rows are read at once too. It knows whether a transaction is open, so that nobody goes to the
    thread to end none, and whether it only reads, so that nobody waits for its end.
    """

    _begin: str | None = None
    """What begins the transaction of the next statement."""
    _reads = False
    """Whether the transaction was to read only, and has not written."""
    _changes = 0
    """Rows that were written before it."""
    _held: tuple[_Statement, ...] = ()
    """What goes to the thread with the next statement, or with the commit."""
    _is_open = False
    """Whether a transaction is open, or may be: after an error nobody knows."""
    flushes_last = False
    """Whether the ORM writes what it writes just before the commit."""

    _stopped: asyncio.Future[Any] | None = None
    """Done when the thread has ended."""

    def stop(self) -> asyncio.Future[Any] | None:
        """End the thread, once.

        Where a client goes away amid a statement, SQLAlchemy closes the connection and, cancelled
        once more, stops it. The close would then wait for a thread that is gone, and the server
        with it when it ends.
        """
        if self._stopped is None:
            self._stopped = super().stop()
        return self._stopped

    def begin_with_next(self, *, read_only: bool) -> None:
        """Begin a transaction together with the next statement, which must not run without."""
        self._begin = "BEGIN" if read_only else "BEGIN IMMEDIATE"
        self._reads = read_only

    def hold(
        self, operation: str, parameters: Sequence[_Given], *, rows: int | None = None
    ) -> None:
        """Execute a statement for many sets of parameters together with the next, or the commit.

        Nobody hears of its rows. Where it fails, the next statement does, or the commit.

        Args:
            operation: The statement.
            parameters: What it is executed for.
            rows: How many rows it must write; else it fails.
        """
        self._held = (*self._held, (operation, parameters, rows))
        self._is_open = True

    def cursor(self) -> _Cursor:  # type: ignore[override]  # what SQLAlchemy's adapter asks of it
        """Return a cursor."""
        return _Cursor(self)

    async def run(self, operation: str, parameters: _Given) -> _Ended:
        """Execute a statement in the thread."""
        return await self._go(self._conn.execute, operation, parameters)

    async def run_many(self, operation: str, parameters: Iterable[_Given]) -> _Ended:
        """Execute a statement many times in the thread."""
        return await self._go(self._conn.executemany, operation, parameters)

    async def _go(self, execute: Callable[..., sqlite3.Cursor], *arguments: Any) -> _Ended:
        self._is_open = True
        ended: _Ended
        held, self._held = self._held, ()
        ended, self._is_open = await self._execute(  # type: ignore[no-untyped-call]
            self._in_thread, held, execute, *arguments
        )
        return ended

    def _in_thread(
        self,
        held: tuple[_Statement, ...],
        execute: Callable[..., sqlite3.Cursor],
        *arguments: Any,
    ) -> tuple[_Ended, bool]:
        self._prepare(held)
        ended = _ended(execute(*arguments))
        self._reads = self._reads and self._conn.total_changes == self._changes
        return ended, self._conn.in_transaction

    def _prepare(self, held: tuple[_Statement, ...]) -> None:
        """Begin, and do what waited."""
        if self._begin is not None:
            self._conn.execute(self._begin).close()
            self._begin = None
            self._changes = self._conn.total_changes
        for operation, parameters, rows in held:
            cursor = self._conn.executemany(operation, parameters)
            written = cursor.rowcount
            cursor.close()
            if rows is not None and written != rows:
                raise StaleDataError(f"{rows} rows were to be written, and {written} are there")

    def _commit_held(self, held: tuple[_Statement, ...]) -> None:
        self._prepare(held)
        self._conn.commit()

    async def commit(self) -> None:
        """Commit, if there is something to commit."""
        if self._held:
            held, self._held = self._held, ()
            await self._execute(self._commit_held, held)  # type: ignore[no-untyped-call]
        elif self._is_open and self._reads:
            self._end_later()
        elif self._is_open:
            await super().commit()
        self._begin = None
        self._is_open = False

    async def rollback(self) -> None:
        """Roll back, if there is something to roll back."""
        self._begin, self._held = None, ()
        if self._is_open and self._reads:
            self._end_later()
        elif self._is_open:
            await super().rollback()
        self._is_open = False

    def _end_later(self) -> None:
        """End a transaction that only read when the thread comes to it.

        There is nothing to lose. Had it not ended, the next one could not begin, and would say so.
        """
        self._tx.put_nowait((None, self._conn.rollback))


def _ended(cursor: sqlite3.Cursor) -> _Ended:
    try:
        description = cursor.description
        rows = cursor.fetchall() if description else []
        return description, cursor.rowcount, cursor.lastrowid, rows
    finally:
        cursor.close()


async def connect(path: Path, *, busy_seconds: float) -> OneWayConnection:
    """Connect to a file.

    Args:
        path: The file; it is made if it is not there.
        busy_seconds: How long a statement waits for the lock of another process.
    """

    def open_file() -> sqlite3.Connection:
        return sqlite3.connect(path, timeout=busy_seconds, check_same_thread=False)

    connection = OneWayConnection(open_file, iter_chunk_size=64)
    connection._thread.daemon = True  # noqa: SLF001 - as SQLAlchemy does: who exits does not wait
    await connection
    return connection
