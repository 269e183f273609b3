"""Databases: one engine for SQLite (embedded) and PostgreSQL (deployed). No FastAPI here.

A service makes its own registry, so that one service never creates the tables of another:

    class Table(SQLModel, registry=registry(metadata=MetaData(naming_convention=NAMING))):
        ...
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic_core import from_json, to_json
from sqlalchemy import event
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import JSON, TypeDecorator, TypeEngine
from sqlalchemy.util import await_only

from scanhub_libraries import sqlite

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
JSONDocument: TypeEngine[Any] = JSON(none_as_null=True)
"""Column type of a JSON document; None is SQL NULL."""
_BUSY_SECONDS = 30
_HAS_TURN = "has_write_turn"
_ALONE = "alone"


def _write_json(value: Any) -> str:
    return to_json(value).decode()


_ENGINE: dict[str, Any] = {
    # An error that is logged carries its statement, but no patient's name.
    "hide_parameters": True,
    # A tenth of what the standard library takes, and a tree has five documents a task.
    "json_serializer": _write_json,
    "json_deserializer": from_json,
}

Sessions = async_sessionmaker[AsyncSession]


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC in, aware UTC out. SQLite forgets the zone, so it is put back on reading."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Refuse naive times: they have no meaning here."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime: times are aware UTC")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Put the zone back."""
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


def text_enum(enumeration: type[StrEnum]) -> sa.Enum:
    """Return the column type of an enumeration: its values as text with a CHECK, no native type."""
    return sa.Enum(
        enumeration,
        native_enum=False,
        create_constraint=True,
        length=32,
        name=enumeration.__name__.lower(),
        values_callable=lambda members: [member.value for member in members],
    )


def sqlite_url(path: Path) -> str:
    """Return the URL of a SQLite file."""
    return f"sqlite+aiosqlite:///{path}"


def create_engine(url: str, *, pool_size: int = 10) -> AsyncEngine:
    """Return the engine of a service.

    SQLite: WAL with synchronous=FULL, so that a commit survives a power cut; a write waits for the
    one before it. Transactions begin IMMEDIATE: two that read and then write cannot deadlock. The
    writers of one process take turns.

    Args:
        url: `sqlite+aiosqlite:///...` or `postgresql+asyncpg://...`.
        pool_size: Connections kept open on PostgreSQL.
    """
    if not url.startswith("sqlite"):
        engine = create_async_engine(url, pool_size=pool_size, max_overflow=10, **_ENGINE)
        event.listen(engine.sync_engine, "checkout", _check_open)
        return engine
    engine = _create_sqlite_engine(url)
    turn = _WriteTurn()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        options = connection.get_execution_options()
        if options.get(_ALONE, False):
            return
        read_only = options.get("read_only", False)
        if not read_only:
            turn.take(connection)
        driver: Any = connection.connection.driver_connection
        driver.begin_with_next("BEGIN" if read_only else "BEGIN IMMEDIATE")

    event.listen(engine.sync_engine.pool, "checkin", turn.give_back)
    return engine


def _create_sqlite_engine(url: str) -> AsyncEngine:
    path = Path(sa.make_url(url).database or "")
    engine = create_async_engine(
        url,
        async_creator=lambda: sqlite.connect(path, busy_seconds=_BUSY_SECONDS),
        pool_size=15,
        max_overflow=0,
        **_ENGINE,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # begun as create_engine says, not by the driver
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout={_BUSY_SECONDS * 1000}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def _check_open(connection: Any, _record: Any, _proxy: Any) -> None:
    """Let the pool replace a connection that the server closed.

    The driver knows. A ping would ask the server, in three round trips before every transaction:
    half of what a request that reads one row takes.

    Raises:
        DisconnectionError: For the pool: connect again.
    """
    if connection.driver_connection.is_closed():
        raise sa.exc.DisconnectionError("the server closed the connection")


class _WriteTurn:
    """Lets the writers of one engine in one after the other, in the order in which they came.

    SQLite has one writer. The others would poll its lock, ever more seldom and in no order: with
    hundreds of them the disk idles, and who is unlucky waits until the time is over.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    def take(self, connection: sa.Connection) -> None:
        """Wait for the turn of this connection.

        Raises:
            OperationalError: It did not come in time.
        """
        held = connection.connection.record_info  # it outlives a connection that breaks
        if held is not None and not held.get(_HAS_TURN):
            await_only(self._wait())
            held[_HAS_TURN] = True

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(_BUSY_SECONDS):
                await self._lock.acquire()
        except TimeoutError:
            locked = sqlite3.OperationalError("database is locked")
            raise sa.exc.OperationalError("BEGIN IMMEDIATE", None, locked) from None

    def give_back(self, _connection: Any, record: ConnectionPoolEntry) -> None:
        """The connection goes back to the pool: its transaction is over, one way or the other."""
        held = record.record_info
        if held is not None and held.pop(_HAS_TURN, False):
            self._lock.release()


def create_sessions(engine: AsyncEngine) -> Sessions:
    """Return the session factory of an engine."""
    return async_sessionmaker(engine, expire_on_commit=False)


@asynccontextmanager
async def transaction(sessions: Sessions) -> AsyncIterator[AsyncSession]:
    """Open a session with one transaction: committed at the end, rolled back on an error."""
    async with sessions() as session, session.begin():
        yield session


@asynccontextmanager
async def reading(sessions: Sessions) -> AsyncIterator[AsyncSession]:
    """Open a session that only reads, one state of things; on SQLite it waits for no writer."""
    async with sessions() as session, session.begin():
        options: dict[str, Any] = {"read_only": True}
        if is_postgresql(session):
            options["isolation_level"] = "REPEATABLE READ"
        await session.connection(execution_options=options)
        yield session


@asynccontextmanager
async def glance(sessions: Sessions) -> AsyncIterator[AsyncConnection]:
    """Open a connection for one statement that reads.

    A statement alone sees one state of things, so no transaction is begun and ended around it: one
    round trip to the database instead of three.
    """
    engine: AsyncEngine = sessions.kw["bind"]
    postgresql = engine.dialect.name == "postgresql"
    alone = {"isolation_level": "AUTOCOMMIT"} if postgresql else {_ALONE: True}
    async with engine.connect() as connection:
        yield await connection.execution_options(**alone)


def is_postgresql(session: AsyncSession) -> bool:
    """Say whether the session talks to PostgreSQL."""
    return session.get_bind().dialect.name == "postgresql"
