"""A database that is away."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path


@asynccontextmanager
async def a_table_away(folder: Path, table: str) -> AsyncIterator[None]:
    """Every statement that speaks of it fails, as if the database were away."""
    path = folder / "device.sqlite"
    await asyncio.to_thread(_rename, path, table, "away")
    try:
        yield
    finally:
        await asyncio.to_thread(_rename, path, "away", table)


def _rename(path: Path, table: str, name: str) -> None:
    """Wait for whoever writes: they need the event loop to come to an end."""
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        database.execute(f"ALTER TABLE {table} RENAME TO {name}")
        database.execute("COMMIT")
