"""Writing to SQLite from threads. Nothing is imported for it but what Python brings along."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from scanhub_libraries.turns import Turns

_LONGEST_LOG_PAGES = 16_384
"""A commit that finds the log longer moves it to the file itself: nobody has got round to it."""


class ThreadWriter:
    """Writes from the thread that calls, without a way to another; one at a time.

    Args:
        path: The database.
        turns: Of all who write in this process: those of its engine, if there is one.
        busy_seconds: How long another process may hold the lock of the database.
    """

    def __init__(self, path: Path, turns: Turns, *, busy_seconds: float) -> None:
        self.path = path
        self._turns = turns
        self._busy_seconds = busy_seconds
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def transaction(self, *, synced: bool = False) -> Iterator[sqlite3.Connection]:
        """Open a transaction: committed at the end, rolled back on an error.

        Args:
            synced: Whether it survives a power cut before anybody sees it.

        Raises:
            TimeoutError: The turn did not come.
        """
        self._turns.take_in_thread(self._busy_seconds)
        try:
            connection = self._connection or self._connect()
            with _syncing(connection) if synced else nullcontext():
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
        finally:
            self._turns.give_back()

    def sync(self) -> None:
        """Make what was committed survive a power cut; called in any thread.

        What is no more in the log of writes was synced when it was moved to the file.
        """
        log = os.open(f"{self.path}-wal", os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(log)
        finally:
            os.close(log)

    def checkpoint(self) -> None:
        """Move what was committed from the log of writes to the file, in the thread that calls.

        Whoever commits need not do it then, while others wait for the commit.
        """
        connection = sqlite3.connect(self.path, timeout=self._busy_seconds, isolation_level=None)
        try:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        finally:
            connection.close()

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> sqlite3.Connection:
        self._connection = connection = sqlite3.connect(
            self.path, timeout=self._busy_seconds, check_same_thread=False, isolation_level=None
        )
        connection.execute("PRAGMA journal_mode=WAL")  # it may be the first one here
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute(f"PRAGMA wal_autocheckpoint={_LONGEST_LOG_PAGES}")
        return connection


@contextmanager
def _syncing(connection: sqlite3.Connection) -> Iterator[None]:
    """Let commits wait for the disk; that cannot be changed amid a transaction."""
    connection.execute("PRAGMA synchronous=FULL")
    try:
        yield
    finally:
        connection.execute("PRAGMA synchronous=NORMAL")
