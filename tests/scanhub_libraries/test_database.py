import asyncio
import socket
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import StatementError

from scanhub_libraries.database import (
    NAMING,
    JSONDocument,
    UtcDateTime,
    create_engine,
    create_sessions,
    glance,
    reading,
    transaction,
)

METADATA = sa.MetaData(naming_convention=NAMING)
MOMENT = sa.Table(
    "moment", METADATA, sa.Column("id", sa.Integer, primary_key=True), sa.Column("at", UtcDateTime)
)

NOTE = sa.Table(
    "note",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("document", JSONDocument),
)


async def test_times_come_back_aware_and_in_utc(database_url):
    engine = create_engine(database_url)
    sessions = create_sessions(engine)
    at = datetime(2026, 11, 21, 3, 4, 5, 678901, tzinfo=UTC)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(METADATA.create_all)
        async with transaction(sessions) as session:
            await session.execute(sa.insert(MOMENT).values(id=1, at=at))
        async with reading(sessions) as session:
            stored = await session.scalar(sa.select(MOMENT.c.at))
        assert stored == at
        assert stored.utcoffset().total_seconds() == 0
        with pytest.raises(StatementError, match="naive"):
            async with transaction(sessions) as session:
                await session.execute(sa.insert(MOMENT).values(id=2, at=at.replace(tzinfo=None)))
    finally:
        await engine.dispose()


async def test_a_failed_transaction_leaves_nothing(database_url):
    engine = create_engine(database_url)
    sessions = create_sessions(engine)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(METADATA.create_all)
        with pytest.raises(RuntimeError):
            async with transaction(sessions) as session:
                await session.execute(sa.insert(MOMENT).values(id=1))
                raise RuntimeError
        async with reading(sessions) as session:
            assert await session.scalar(sa.select(sa.func.count()).select_from(MOMENT)) == 0
    finally:
        await engine.dispose()


async def test_documents_come_back_as_they_went(database_url):
    documents = [
        None,
        [],
        {"": None, "true": True, "text": 'grüße \u2028 \U0001f9e0 "quoted"\n'},
        {"numbers": [0, -1, 2**60, 1e-300, 0.1, 1.5e300], "deep": {"a": [{"b": [[]]}]}},
    ]
    engine = create_engine(database_url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(METADATA.create_all)
            rows = [{"id": number, "document": item} for number, item in enumerate(documents)]
            await connection.execute(sa.insert(NOTE), rows)
        async with engine.connect() as connection:
            stored = list(await connection.scalars(sa.select(NOTE.c.document).order_by(NOTE.c.id)))
        assert stored == documents
        assert isinstance(stored[-1]["numbers"][2], int)
    finally:
        await engine.dispose()


async def test_a_glance_sees_each_commit_at_once(database_url):
    engine = create_engine(database_url)
    sessions = create_sessions(engine)
    count = sa.select(sa.func.count()).select_from(MOMENT)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(METADATA.create_all)
        async with glance(sessions) as connection:
            for number in range(3):
                assert await connection.scalar(count) == number
                async with transaction(sessions) as session:
                    await session.execute(sa.insert(MOMENT).values(id=number))
        for _connection in range(2):  # who writes afterwards, on either, still has a transaction
            with pytest.raises(RuntimeError):
                async with transaction(sessions) as session:
                    await session.execute(sa.insert(MOMENT).values(id=9))
                    raise RuntimeError
        async with glance(sessions) as connection:
            assert await connection.scalar(count) == 3
    finally:
        await engine.dispose()


async def test_sqlite_is_in_wal_mode_and_syncs_every_commit(tmp_path):
    engine = create_engine(f"sqlite+aiosqlite:///{tmp_path}/a.sqlite")
    async with engine.connect() as connection:
        assert (await connection.exec_driver_sql("PRAGMA journal_mode")).scalar() == "wal"
        assert (await connection.exec_driver_sql("PRAGMA synchronous")).scalar() == 2
        assert (await connection.exec_driver_sql("PRAGMA foreign_keys")).scalar() == 1
    await engine.dispose()


async def test_connections_that_the_server_closed_are_replaced(make_postgresql_url):
    engine = create_engine(make_postgresql_url())
    sessions = create_sessions(engine)
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid != pg_backend_pid()"
    try:
        async with reading(sessions) as one, reading(sessions) as two:
            for session in (one, two):
                await session.execute(sa.text("SELECT 1"))
        async with reading(sessions) as session:
            ended = await session.scalars(sa.text(f"SELECT pg_terminate_backend(pid) {others}"))
            assert ended.all() == [True]
        await asyncio.sleep(0.2)  # the driver reads that its connection ended
        for _ in range(3):
            async with reading(sessions) as one, reading(sessions) as two:
                assert await one.scalar(sa.text("SELECT 1")) == 1
                assert await two.scalar(sa.text("SELECT 1")) == 1
    finally:
        await engine.dispose()


@asynccontextmanager
async def over_tcp(url):
    """The same server by an address of this machine, as one elsewhere has it."""
    place = sa.make_url(url)

    async def pass_on(reader, writer):
        there = await asyncio.open_unix_connection(f"{place.query['host']}/.s.PGSQL.5432")
        async with asyncio.TaskGroup() as ways:
            for source, target in ((reader, there[1]), (there[0], writer)):
                ways.create_task(copy(source, target))

    async def copy(source, target):
        while data := await source.read(65536):
            target.write(data)
        target.close()

    async with await asyncio.start_server(pass_on, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        here = place.set(host="127.0.0.1", port=port, query={})
        yield here.render_as_string(hide_password=False)


async def test_a_server_that_is_gone_without_a_word_is_noticed_within_half_a_minute(
    make_postgresql_url,
):
    async with over_tcp(make_postgresql_url()) as url:
        engine = create_engine(url)
        try:
            async with engine.connect() as connection:
                assert (await connection.execute(sa.text("SELECT 1"))).scalar() == 1
                raw = await connection.get_raw_connection()
                connected = raw.driver_connection._transport.get_extra_info("socket")
                alive = connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                limit = connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
                assert (bool(alive), limit) == (True, 30_000)
        finally:
            await engine.dispose()
