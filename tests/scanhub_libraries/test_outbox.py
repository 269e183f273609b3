import asyncio

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import registry
from sqlmodel import SQLModel, select

from scanhub_libraries.database import NAMING, create_engine, create_sessions, reading, transaction
from scanhub_libraries.events import EventType
from scanhub_libraries.outbox import OutboxEventColumns, OutboxRelay, add_event


class Table(SQLModel, registry=registry(metadata=sa.MetaData(naming_convention=NAMING))):
    pass


class OutboxEvent(OutboxEventColumns, Table, table=True):
    pass


@pytest.fixture
async def sessions(database_url):
    engine = create_engine(database_url)
    async with engine.begin() as connection:
        await connection.run_sync(Table.metadata.create_all)
    yield create_sessions(engine)
    await engine.dispose()


def write(session, subject, kind=EventType.TASK_PROGRESS):
    add_event(session, OutboxEvent, kind, subject, source="test", data={"n": 1})


async def rows(sessions):
    async with reading(sessions) as session:
        return (await session.scalars(select(OutboxEvent))).all()


async def until(condition):
    async with asyncio.timeout(10):
        while not await condition():
            await asyncio.sleep(0.01)


async def test_events_arrive_in_order_at_commit_and_leave_the_table(sessions):
    delivered = []

    async def deliver(events):
        delivered.extend(event.subject for event in events)

    relay = OutboxRelay(sessions, OutboxEvent, deliver, batch=3)
    relay.start()
    try:
        for number in range(10):
            async with transaction(sessions) as session:
                write(session, str(number))

        async def all_gone():
            return len(delivered) == 10 and not await rows(sessions)

        await until(all_gone)
        assert delivered == [str(number) for number in range(10)]
    finally:
        await relay.stop()


async def test_a_change_that_is_rolled_back_tells_nobody(sessions):
    delivered = []

    async def deliver(events):
        delivered.extend(events)

    relay = OutboxRelay(sessions, OutboxEvent, deliver)
    relay.start()
    try:
        with pytest.raises(RuntimeError):
            async with transaction(sessions) as session:
                write(session, "never")
                raise RuntimeError
        async with transaction(sessions) as session:
            write(session, "yes")

        async def arrived():
            return bool(delivered)

        await until(arrived)
        assert [event.subject for event in delivered] == ["yes"]
    finally:
        await relay.stop()


async def test_events_wait_while_the_journal_is_down_and_none_is_lost(sessions):
    delivered, failures = [], 0

    async def deliver(events):
        nonlocal failures
        if failures < 3:
            failures += 1
            raise ConnectionError
        delivered.extend(event.subject for event in events)

    relay = OutboxRelay(sessions, OutboxEvent, deliver, retry_seconds=(0.01,))
    relay.start()
    try:
        async with transaction(sessions) as session:
            write(session, "a")
            write(session, "b")

        async def arrived():
            return len(delivered) == 2

        await until(arrived)
        assert (delivered, failures) == (["a", "b"], 3)
    finally:
        await relay.stop()


async def test_events_for_which_nobody_waits_go_with_the_next_that_matters(sessions):
    async with transaction(sessions) as session:
        write(session, "left over")
    batches = []

    async def deliver(events):
        batches.append([event.subject for event in events])

    patient = (EventType.RESULT_STORED,)
    relay = OutboxRelay(sessions, OutboxEvent, deliver, patient=patient, patient_seconds=3600)
    relay.start()
    try:

        async def all_gone():
            return bool(batches) and not await rows(sessions)

        await until(all_gone)
        for subject in ("a file", "a further one"):
            async with transaction(sessions) as session:
                write(session, subject, EventType.RESULT_STORED)
        async with transaction(sessions) as session:
            write(session, "an end", EventType.RESULT_STORED)
            write(session, "the task")
        await until(all_gone)
        assert batches == [["left over"], ["a file", "a further one", "an end", "the task"]]
    finally:
        await relay.stop()


async def test_events_for_which_nobody_waits_go_by_themselves_too(sessions):
    delivered = []

    async def deliver(events):
        delivered.extend(event.subject for event in events)

    patient = (EventType.RESULT_STORED,)
    relay = OutboxRelay(sessions, OutboxEvent, deliver, patient=patient, patient_seconds=0.01)
    relay.start()
    try:
        for subject in ("a file", "a further one"):
            async with transaction(sessions) as session:
                write(session, subject, EventType.RESULT_STORED)

        async def arrived():
            return len(delivered) == 2

        await until(arrived)
        assert delivered == ["a file", "a further one"]
    finally:
        await relay.stop()


async def test_what_an_earlier_process_left_is_delivered_at_the_start(sessions):
    async with transaction(sessions) as session:
        write(session, "left over")
    delivered = []

    async def deliver(events):
        delivered.extend(event.subject for event in events)

    relay = OutboxRelay(sessions, OutboxEvent, deliver)
    relay.start()
    try:

        async def arrived():
            return bool(delivered)

        await until(arrived)
        assert delivered == ["left over"]
    finally:
        await relay.stop()


async def test_of_several_relays_on_one_table_one_delivers_at_a_time(make_postgresql_url):
    """Each process has its own: what all have written arrives once, and in order."""
    url = make_postgresql_url()
    engines = [create_engine(url) for _ in range(3)]
    async with engines[0].begin() as connection:
        await connection.run_sync(Table.metadata.create_all)
    delivered, under_way, most = [], 0, 0

    async def deliver(events):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.01)
        delivered.extend(event.subject for event in events)
        under_way -= 1

    processes = [create_sessions(engine) for engine in engines]
    relays = [OutboxRelay(sessions, OutboxEvent, deliver, batch=3) for sessions in processes]
    for relay in relays:
        relay.start()
    try:
        for number in range(30):
            async with transaction(processes[number % 3]) as session:
                write(session, str(number))

        async def all_gone():
            return not await rows(processes[0])

        await until(all_gone)
        assert delivered == [str(number) for number in range(30)]
        assert most == 1
    finally:
        for relay in relays:
            await relay.stop()
        for engine in engines:
            await engine.dispose()


async def test_events_of_a_transaction_take_one_statement(sessions):
    statements = []

    def note(_connection, _cursor, statement, *_rest):
        statements.append(statement.split()[0])

    engine = sessions.kw["bind"].sync_engine
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        async with transaction(sessions) as session:
            for subject in "abc":
                write(session, subject)
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)
    assert statements == ["INSERT"]
    assert [row.subject for row in await rows(sessions)] == ["a", "b", "c"]


async def test_an_event_that_a_savepoint_took_back_is_not_told(sessions):
    async with transaction(sessions) as session:
        write(session, "before")
        savepoint = await session.begin_nested()
        write(session, "taken back")
        await savepoint.rollback()
        async with session.begin_nested():
            write(session, "kept")
        write(session, "after")
    assert [row.subject for row in await rows(sessions)] == ["before", "kept", "after"]


async def test_a_session_tells_of_each_of_its_transactions_once(sessions):
    async with sessions() as session:
        for subject in ("first", "second"):
            async with session.begin():
                write(session, subject)
        with pytest.raises(LookupError):
            async with session.begin():
                write(session, "rolled back")
                raise LookupError
        async with session.begin():
            write(session, "third")
    assert [row.subject for row in await rows(sessions)] == ["first", "second", "third"]


async def test_the_relay_is_woken_by_the_transaction_and_not_by_a_savepoint(sessions):
    delivered = []

    async def deliver(events):
        delivered.extend(event.subject for event in events)

    relay = OutboxRelay(sessions, OutboxEvent, deliver, gather_seconds=0.0)
    relay.start()
    try:
        async with transaction(sessions) as session:
            async with session.begin_nested():
                write(session, "in a savepoint")
            await asyncio.sleep(0.05)  # what a savepoint woke would look now, and find nothing

        async def arrived():
            return bool(delivered)

        await until(arrived)
    finally:
        await relay.stop()
