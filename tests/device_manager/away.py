"""A database that is away."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


@contextmanager
def a_table_away(folder: Path, table: str) -> Iterator[None]:
    """Every statement that speaks of it fails, as if the database were away."""
    path = folder / "device.sqlite"
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as database:
        _rename(database, table, "away")
        try:
            yield
        finally:
            _rename(database, "away", table)


def _rename(database: sqlite3.Connection, table: str, name: str) -> None:
    database.execute("BEGIN IMMEDIATE")  # waits for whoever writes, which a plain ALTER may not
    database.execute(f"ALTER TABLE {table} RENAME TO {name}")
    database.execute("COMMIT")
