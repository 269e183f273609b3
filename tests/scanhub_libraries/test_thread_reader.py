"""Reading from SQLite in threads."""

import asyncio
import sqlite3
import threading

import pytest
import sqlalchemy as sa

from scanhub_libraries.database import (
    create_engine,
    create_sessions,
    reader_in_threads,
    sqlite_url,
    transaction,
)


@pytest.fixture
async def sessions(tmp_path):
    engine = create_engine(sqlite_url(tmp_path / "test.sqlite"))
    sessions = create_sessions(engine)
    async with transaction(sessions) as session:
        await session.execute(sa.text("CREATE TABLE thing (id INTEGER)"))
    yield sessions
    await engine.dispose()


async def put(session, number):
    await session.execute(sa.text("INSERT INTO thing VALUES (:number)"), {"number": number})


async def numbers(sessions, make=list):
    reader = reader_in_threads(sessions)
    return await reader.read("SELECT id FROM thing WHERE id > :least", {"least": 0}, make)


async def test_what_is_committed_is_read_while_another_one_writes(sessions):
    async with transaction(sessions) as session:
        await put(session, 1)
    async with transaction(sessions) as session:
        await put(session, 2)
        await session.flush()
        assert await numbers(sessions) == [(1,)]
    assert await numbers(sessions) == [(1,), (2,)]


async def test_rows_are_made_into_something_in_the_thread_that_read_them(sessions):
    thread = await numbers(sessions, lambda _rows: threading.current_thread())
    assert thread is not threading.current_thread()


async def test_several_read_at_once_and_nobody_writes(sessions):
    meet = threading.Barrier(3)
    many = (numbers(sessions, lambda _rows: meet.wait(30)) for _ in range(3))
    assert sorted(await asyncio.gather(*many)) == [0, 1, 2]
    reader = reader_in_threads(sessions)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        await reader.read("INSERT INTO thing VALUES (7)", {}, list)
    assert await numbers(sessions) == []


async def test_whoever_fails_harms_no_other_and_a_closed_reader_opens_anew(sessions):
    def fail(_rows):
        raise LookupError

    with pytest.raises(LookupError):
        await numbers(sessions, fail)
    await sessions.kw["bind"].dispose()
    assert await numbers(sessions) == []


def test_postgresql_is_not_read_in_threads():
    engine = create_engine("postgresql+asyncpg://nobody@localhost/nothing")
    assert reader_in_threads(create_sessions(engine)) is None
