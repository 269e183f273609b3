"""SQLite behind SQLAlchemy: a statement takes one way, and transactions are still transactions."""

import sqlite3

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.orm.exc import StaleDataError

from scanhub_libraries import database
from scanhub_libraries.database import (
    WITH_COMMIT,
    create_engine,
    create_sessions,
    flush_with_commit,
    glance,
    reading,
    sqlite_url,
    transaction,
)
from scanhub_libraries.sqlite import OneWayConnection

COUNT = sa.text("SELECT count(*) FROM scan")
ADD = sa.text("INSERT INTO scan (name) VALUES (:name)")
ADD_WITH_COMMIT = ADD.execution_options(**WITH_COMMIT)
NAMES = sa.text("SELECT name FROM scan ORDER BY id")


class Base(DeclarativeBase):
    pass


class Scan(Base):
    __tablename__ = "scan"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "scans.sqlite"


@pytest.fixture
async def sessions(path, monkeypatch):
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.05)
    engine = create_engine(sqlite_url(path))
    async with engine.begin() as connection:
        await connection.execute(sa.text("CREATE TABLE scan (id INTEGER PRIMARY KEY, name TEXT)"))
    yield create_sessions(engine)
    await engine.dispose()


async def add(sessions, name="GRE"):
    async with transaction(sessions) as session:
        await session.execute(ADD, {"name": name})


async def test_a_reader_sees_one_state_from_its_first_statement_on(sessions):
    async with reading(sessions) as session:
        await add(sessions)  # before the first statement: it is seen
        assert await session.scalar(COUNT) == 1
        await add(sessions)
        assert await session.scalar(COUNT) == 1
    async with reading(sessions) as session:
        assert await session.scalar(COUNT) == 2


async def test_no_statement_runs_without_its_transaction_when_that_could_not_begin(sessions, path):
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def try_twice() -> None:
        async with transaction(sessions) as session:
            with pytest.raises(sa.exc.OperationalError, match="locked"):
                await session.execute(ADD, {"name": "first"})
            other.execute("ROLLBACK")
            await session.execute(ADD, {"name": "second"})
            raise LookupError

    with pytest.raises(LookupError):
        await try_twice()
    assert other.execute("SELECT count(*) FROM scan").fetchone() == (0,)
    other.close()
    await add(sessions)
    async with reading(sessions) as session:
        assert await session.scalar(COUNT) == 1


async def test_a_statement_that_fails_leaves_the_others_of_its_transaction(sessions):
    async with transaction(sessions) as session:
        await session.execute(ADD, {"name": "GRE"})
        with pytest.raises(sa.exc.IntegrityError):
            async with session.begin_nested():
                await session.execute(ADD, {"name": "lost"})
                await session.execute(sa.text("INSERT INTO scan (id) VALUES (1)"))
    async with reading(sessions) as session:
        assert list(await session.scalars(sa.text("SELECT name FROM scan"))) == ["GRE"]


async def test_a_transaction_that_asked_nothing_holds_nothing(sessions, path):
    async with transaction(sessions):
        pass
    other = sqlite3.connect(path, isolation_level=None, timeout=0)
    other.execute("BEGIN IMMEDIATE")
    other.execute("ROLLBACK")
    other.close()


async def test_rows_counts_and_keys_of_a_statement_come_back(sessions):
    async with transaction(sessions) as session:
        many = [{"name": "a"}, {"name": "b"}, {"name": "c"}]
        assert (await session.execute(ADD, many)).rowcount == 3
        added = await session.execute(sa.text("INSERT INTO scan (name) VALUES ('d')"))
        assert added.lastrowid == 4
        changed = sa.text("UPDATE scan SET name = 'x' WHERE id > 2 RETURNING id")
        assert list(await session.scalars(changed)) == [3, 4]
        assert (await session.execute(sa.text("DELETE FROM scan WHERE name = 'x'"))).rowcount == 2
        assert (await session.execute(sa.text("SELECT id FROM scan WHERE id = 9"))).all() == []


async def test_a_glance_sees_what_is_committed_and_keeps_no_transaction(sessions, path):
    async with glance(sessions) as connection:
        assert await connection.scalar(COUNT) == 0
        await add(sessions)
        assert await connection.scalar(COUNT) == 1
    other = sqlite3.connect(path, isolation_level=None, timeout=0)
    assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    other.close()
    await add(sessions)
    async with glance(sessions) as connection:
        assert await connection.scalar(COUNT) == 2


async def names(sessions):
    async with reading(sessions) as session:
        return list(await session.scalars(NAMES))


async def test_what_waits_for_the_commit_is_written_with_it(sessions):
    async with transaction(sessions) as session:
        await session.execute(ADD_WITH_COMMIT, {"name": "alone"})
    async with transaction(sessions) as session:
        await session.execute(ADD, {"name": "first"})
        await session.execute(ADD_WITH_COMMIT, [{"name": "second"}, {"name": "third"}])
    assert await names(sessions) == ["alone", "first", "second", "third"]


async def test_what_waits_for_the_commit_is_there_for_the_next_statement(sessions):
    async with transaction(sessions) as session:
        await session.execute(ADD_WITH_COMMIT, {"name": "waited"})
        assert list(await session.scalars(NAMES)) == ["waited"]


async def test_what_waits_for_the_commit_is_taken_back_with_the_rest(sessions):
    async def give_up() -> None:
        async with transaction(sessions) as session:
            await session.execute(ADD, {"name": "lost"})
            await session.execute(ADD_WITH_COMMIT, {"name": "lost too"})
            raise LookupError

    with pytest.raises(LookupError):
        await give_up()
    await add(sessions, "kept")
    assert await names(sessions) == ["kept"]


async def test_a_commit_fails_with_what_waited_for_it(sessions):
    again = sa.text("INSERT INTO scan (id) VALUES (:id)").execution_options(**WITH_COMMIT)
    with pytest.raises(sa.exc.IntegrityError):
        async with transaction(sessions) as session:
            await session.execute(ADD, {"name": "lost"})
            await session.execute(again, [{"id": 7}, {"id": 7}])
    await add(sessions, "kept")
    assert await names(sessions) == ["kept"]


async def change_last(sessions, *changes):
    """Change rows with the ORM, as a transaction does whose events are written last."""
    async with transaction(sessions) as session:
        for change in changes:
            await change(session)
        await session.run_sync(flush_with_commit)


def renamed(number, name):
    async def change(session):
        (await session.get(Scan, number)).name = name

    return change


def added(number, name):
    async def change(session):
        session.add(Scan(id=number, name=name))

    return change


async def test_what_the_orm_writes_last_goes_with_the_commit(sessions, monkeypatch):
    ways = []
    plain = OneWayConnection.run

    async def counted(self, operation, parameters):
        ways.append(operation)
        return await plain(self, operation, parameters)

    await change_last(sessions, added(1, "first"), added(2, "second"))
    monkeypatch.setattr(OneWayConnection, "run", counted)
    await change_last(sessions, renamed(1, "T1"), added(3, "T2"))
    assert [way.split()[0] for way in ways] == ["SELECT"]
    assert await names(sessions) == ["T1", "second", "T2"]


async def test_a_row_that_is_there_twice_fails_the_commit_and_all_of_it(sessions):
    await change_last(sessions, added(1, "first"), added(2, "second"))
    with pytest.raises(sa.exc.IntegrityError):
        await change_last(sessions, renamed(1, "lost"), added(2, "lost too"))
    assert await names(sessions) == ["first", "second"]


async def test_a_row_that_is_gone_fails_the_commit_and_all_of_it(sessions):
    async def lose_one_and_rename(session):
        first, second = await session.get(Scan, 1), await session.get(Scan, 2)
        await session.execute(sa.text("DELETE FROM scan WHERE id = 2"))
        first.name = second.name = "lost"

    await change_last(sessions, added(1, "first"), added(2, "second"))
    with pytest.raises(StaleDataError):
        await change_last(sessions, lose_one_and_rename)
    assert await names(sessions) == ["first", "second"]


async def test_a_transaction_that_was_to_read_and_writes_is_committed(sessions):
    async with reading(sessions) as session:
        await session.scalar(COUNT)
        await session.execute(ADD, {"name": "written"})
    assert await names(sessions) == ["written"]


async def test_the_end_of_reading_makes_no_writer_wait(sessions, path):
    for _ in range(20):
        async with reading(sessions) as session:
            await session.scalar(COUNT)
        await add(sessions)
    assert len(await names(sessions)) == 20
