"""Reading from SQLite in threads: a statement, and what is made of its rows, in one visit.

Nothing is asked of SQLAlchemy on the way: its execution of a statement takes longer than SQLite's.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
_THREADS = 4
Rows = list[tuple[Any, ...]]
Parameters = Mapping[str, Any]


class ThreadReader:
    """Reads in threads of its own, each time one state of things; it waits for no writer.

    Args:
        path: The database.
        busy_seconds: How long it waits where another process recovers the database.
    """

    def __init__(self, path: Path, *, busy_seconds: float) -> None:
        self._path = path
        self._busy_seconds = busy_seconds
        self._idle: deque[sqlite3.Connection] = deque()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="reader")

    async def read(self, statement: str, parameters: Parameters, make: Callable[[Rows], T]) -> T:
        """Execute a statement; return what is made of its rows in the thread.

        Args:
            statement: One that reads, with parameters by name.
            parameters: Their values.
            make: May block: other readers have threads too.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._threads, lambda: make(self._rows(statement, parameters))
        )

    def _rows(self, statement: str, parameters: Parameters) -> Rows:
        connection = self._take_idle() or self._connect()
        try:
            rows = connection.execute(statement, parameters).fetchall()
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return rows

    def close(self) -> None:
        """Close the connections; whoever reads afterwards opens others."""
        while (connection := self._take_idle()) is not None:
            connection.close()

    def _take_idle(self) -> sqlite3.Connection | None:
        try:
            return self._idle.pop()
        except IndexError:  # asked for it, not looked first: another thread may be as quick
            return None

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=self._busy_seconds, check_same_thread=False, isolation_level=None
        )
        connection.execute("PRAGMA query_only=ON")
        return connection
