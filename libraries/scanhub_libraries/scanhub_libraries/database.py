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
from functools import lru_cache
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from pydantic_core import from_json, to_json
from sqlalchemy import event
from sqlalchemy.engine import Dialect, Engine
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import JSON, TypeDecorator, TypeEngine
from sqlalchemy.util import await_only

from scanhub_libraries import sqlite
from scanhub_libraries.lost_connections import notice_loss
from scanhub_libraries.thread_reader import ThreadReader
from scanhub_libraries.thread_writer import ThreadWriter
from scanhub_libraries.turns import Turns

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
_WITH_COMMIT = "with_commit"
WITH_COMMIT = {_WITH_COMMIT: True}
"""Execution options of an INSERT whose answer nobody needs, just before the commit."""


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


CONNECTIONS = 20
"""Most connections that a service has open at PostgreSQL, if nothing else is set."""


def create_engine(url: str, *, connections: int = CONNECTIONS) -> AsyncEngine:
    """Return the engine of a service.

    SQLite: WAL with synchronous=FULL, so that a commit survives a power cut; a write waits for the
    one before it. Transactions begin IMMEDIATE: two that read and then write cannot deadlock. The
    writers of one process take turns.

    Args:
        url: `sqlite+aiosqlite:///...` or `postgresql+asyncpg://...`.
        connections: Most that are open on PostgreSQL at a time; half of them stay open. Who finds
            none free waits for 30 s at most.
    """
    if not url.startswith("sqlite"):
        kept = max(1, connections // 2)
        engine = create_async_engine(
            url, pool_size=kept, max_overflow=connections - kept, **_ENGINE
        )
        event.listen(engine.sync_engine, "connect", notice_loss)
        event.listen(engine.sync_engine, "checkout", _check_open)
        event.listen(engine.sync_engine, "do_connect", _connect)
        return engine
    engine = _create_sqlite_engine(url)
    turn = _WriteTurn()
    _TURNS[engine.sync_engine] = turn.turns
    path = Path(sa.make_url(url).database or "")
    reader = _READERS[engine.sync_engine] = ThreadReader(path, busy_seconds=_BUSY_SECONDS)
    event.listen(engine.sync_engine, "engine_disposed", lambda _engine: reader.close())

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        options = connection.get_execution_options()
        if options.get(_ALONE, False):
            return
        read_only = options.get("read_only", False)
        if not read_only:
            turn.take(connection)
        driver: Any = connection.connection.driver_connection
        driver.begin_with_next(read_only=read_only)

    event.listen(engine.sync_engine.pool, "checkin", turn.give_back)
    event.listen(engine.sync_engine, "do_execute", _hold)
    event.listen(engine.sync_engine, "do_executemany", _hold)
    return engine


def _hold(cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
    """Let a statement go to the thread with the commit that follows.

    That is what is marked WITH_COMMIT, and what the ORM writes last without waiting for an answer.
    """
    driver = cursor._connection  # noqa: SLF001 - there is no other way to the driver
    many = parameters if context.executemany else [parameters]
    if context.execution_options.get(_WITH_COMMIT, False):
        driver.hold(statement, many)
        return True
    if not (driver.flushes_last and _is_write_of_orm(context)):
        return False
    driver.hold(statement, many, rows=len(many))
    cursor._cursor.rowcount = len(many)  # noqa: SLF001 - else it fails with the commit
    return True


def _is_write_of_orm(context: Any) -> bool:
    """Say whether a statement writes rows of the ORM, which asks for nothing but their number."""
    compiled = context.compiled
    return (
        "compiled_cache" in context.execution_options  # as only the unit of work says
        and (context.isinsert or context.isupdate)
        and not compiled.effective_returning
        and not compiled.postfetch_lastrowid
    )


def flush_with_commit(session: Session) -> None:
    """Write what has changed as the last thing before the commit.

    On SQLite it goes to the thread together with the commit, and fails with it.
    """
    if not (session.new or session.dirty or session.deleted):
        return
    driver: Any = session.connection().connection.driver_connection
    if not isinstance(driver, sqlite.OneWayConnection):
        session.flush()
        return
    driver.flushes_last = True
    try:
        session.flush()
    finally:
        driver.flushes_last = False


def _create_sqlite_engine(url: str) -> AsyncEngine:
    path = Path(sa.make_url(url).database or "")
    engine = create_async_engine(
        url,
        async_creator=lambda: sqlite.connect(path, busy_seconds=_BUSY_SECONDS),
        pool_size=15,
        max_overflow=0,
        pool_use_lifo=True,  # who was there last has its thread and its pages at hand
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


def _connect(dialect: Dialect, _record: Any, arguments: Any, options: Any) -> Any:
    """Connect; a server that is away is refused the same way at a socket as at a port.

    Raises:
        ConnectionRefusedError: Nobody listens at the socket, whose file is gone.
    """
    try:
        return dialect.connect(*arguments, **options)
    except FileNotFoundError as error:
        raise ConnectionRefusedError("nobody listens at the socket of the database") from error


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
    """Lets the writers of one engine in one after the other, in the order in which they came."""

    def __init__(self) -> None:
        self.turns = Turns()

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
            await self.turns.take(_BUSY_SECONDS)
        except TimeoutError:
            locked = sqlite3.OperationalError("database is locked")
            raise sa.exc.OperationalError("BEGIN IMMEDIATE", None, locked) from None

    def give_back(self, _connection: Any, record: ConnectionPoolEntry) -> None:
        """The connection goes back to the pool: its transaction is over, one way or the other."""
        held = record.record_info
        if held is not None and held.pop(_HAS_TURN, False):
            self.turns.give_back()


_TURNS: WeakKeyDictionary[Engine, Turns] = WeakKeyDictionary()
_READERS: WeakKeyDictionary[Engine, ThreadReader] = WeakKeyDictionary()


def reader_in_threads(sessions: Sessions) -> ThreadReader | None:
    """Return what reads from the database of a service in threads; None: it is not SQLite."""
    engine: AsyncEngine = sessions.kw["bind"]
    return _READERS.get(engine.sync_engine)


def writer_for_thread(sessions: Sessions) -> ThreadWriter | None:
    """Return what lets a thread write into the database of a service; None: it is not SQLite.

    Its transactions take turns with those of the sessions. What they commit survives a killed
    process; a power cut may take it until `ThreadWriter.sync`.
    """
    engine: AsyncEngine = sessions.kw["bind"]
    turns = _TURNS.get(engine.sync_engine)
    if turns is None:
        return None
    path = Path(engine.url.database or "")
    return ThreadWriter(path, turns, busy_seconds=_BUSY_SECONDS)


def create_sessions(engine: AsyncEngine) -> Sessions:
    """Return the session factory of an engine."""
    return async_sessionmaker(engine, expire_on_commit=False)


@asynccontextmanager
async def transaction(sessions: Sessions) -> AsyncIterator[AsyncSession]:
    """Open a session with one transaction: committed at the end, rolled back on an error."""
    async with _committed(sessions()) as session:
        yield session


@asynccontextmanager
async def reading(sessions: Sessions) -> AsyncIterator[AsyncSession]:
    """Open a session that only reads, one state of things; on SQLite it waits for no writer."""
    async with _committed(sessions(bind=_reader(sessions.kw["bind"]))) as session:
        yield session


@asynccontextmanager
async def _committed(session: AsyncSession) -> AsyncIterator[AsyncSession]:
    """Begin with the first statement, and end without a way to the database of its own."""
    try:
        yield session
        await session.commit()
    except BaseException:
        # Who goes away meanwhile leaves no connection behind.
        await asyncio.shield(asyncio.create_task(_give_up(session)))
        raise
    session.sync_session.close()  # after the commit it has no connection


async def _give_up(session: AsyncSession) -> None:
    try:
        await session.rollback()  # a close alone takes it that a commit which failed has ended
    finally:
        await session.close()


@lru_cache(maxsize=16)
def _reader(engine: AsyncEngine) -> AsyncEngine:
    """Return the engine for transactions that only read; the connections are the same."""
    if engine.dialect.name == "postgresql":
        return engine.execution_options(read_only=True, isolation_level="REPEATABLE READ")
    return engine.execution_options(read_only=True)


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


def dialect_of(sessions: Sessions) -> str:
    """Return which kind of database sessions talk to: `sqlite` or `postgresql`."""
    engine: AsyncEngine = sessions.kw["bind"]
    return engine.dialect.name


def is_postgresql(session: AsyncSession) -> bool:
    """Say whether the session talks to PostgreSQL."""
    return session.get_bind().dialect.name == "postgresql"
