"""Many writers on one SQLite file: they take turns, and nobody is forgotten."""

import asyncio

import pytest
import sqlalchemy as sa

from scanhub_libraries import database
from scanhub_libraries.database import create_engine, create_sessions, sqlite_url, transaction

WRITERS = 60
CONNECTIONS = 15


@pytest.fixture
async def sessions(tmp_path):
    engine = create_engine(sqlite_url(tmp_path / "turns.sqlite"))
    async with engine.begin() as connection:
        await connection.execute(sa.text("CREATE TABLE turn (number INTEGER)"))
    yield create_sessions(engine)
    await engine.dispose()


async def write(sessions, number):
    async with transaction(sessions) as session:
        await session.execute(sa.text("INSERT INTO turn VALUES (:number)"), {"number": number})
        await asyncio.sleep(0.001)  # the disk is slow


async def written(sessions):
    async with transaction(sessions) as session:
        return list(await session.scalars(sa.text("SELECT number FROM turn ORDER BY rowid")))


async def test_writers_get_their_turn_about_in_the_order_in_which_they_came(sessions):
    await asyncio.gather(*(write(sessions, number) for number in range(WRITERS)))
    order = await written(sessions)
    assert sorted(order) == list(range(WRITERS))
    # As many as there are connections set out together; nobody is overtaken by more than those.
    assert max(abs(turn - number) for turn, number in enumerate(order)) <= 2 * CONNECTIONS


async def test_a_writer_that_fails_or_is_cancelled_gives_its_turn_back(sessions):
    async def fail() -> None:
        async with transaction(sessions) as session:
            await session.execute(sa.text("INSERT INTO turn VALUES (-1)"))
            raise ValueError("changed my mind")

    writers = [asyncio.create_task(write(sessions, number)) for number in range(WRITERS)]
    failing = [asyncio.create_task(fail()) for _ in range(5)]
    await asyncio.sleep(0.02)
    for writer in writers[::2]:
        writer.cancel()
    ended = await asyncio.gather(*writers, *failing, return_exceptions=True)
    kept = [number for number, end in enumerate(ended[:WRITERS]) if end is None]
    assert sum(isinstance(end, ValueError) for end in ended) == 5
    await write(sessions, WRITERS)
    stored = await written(sessions)
    assert {*kept, WRITERS} <= set(stored)
    assert -1 not in stored
    # Who is cancelled while its commit is on the way to the disk cannot take it back: one at most,
    # since one has the turn.
    late = set(stored) - {*kept, WRITERS}
    assert len(late) <= 1
    assert all(isinstance(ended[number], asyncio.CancelledError) for number in late)
    assert len(stored) == len(set(stored))


async def test_a_turn_that_does_not_come_is_a_busy_database(sessions, monkeypatch):
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.05)
    async with transaction(sessions) as session:
        await session.execute(sa.text("INSERT INTO turn VALUES (1)"))
        with pytest.raises(sa.exc.OperationalError, match="locked"):
            await write(sessions, 2)
    await write(sessions, 3)
    assert await written(sessions) == [1, 3]
