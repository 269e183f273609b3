"""Processes on one PostgreSQL tell each other of events at once, and nobody looks for them."""

import json
from contextlib import asynccontextmanager

import pytest
import sqlalchemy as sa
from workflow_service import until

from scanhub_libraries.database import create_engine, create_sessions, transaction
from scanhub_libraries.events import Event, EventType
from scanhub_libraries.ids import new_id
from workflow_manager.journal.log_news import LogNews
from workflow_manager.journal.service import append
from workflow_manager.journal.tail import JournalTail
from workflow_manager.notes import CHANNEL, Notes, Topic, tell

_NEVER_S = 3600.0
_LOSE = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = :name"
)


def event(**data):
    return Event(type=EventType.TASK_UPDATED, source="test", subject="x", data=data)


class Process:
    """What a process of the service has of all this."""

    def __init__(self, url):
        self.database = create_engine(url)
        self.sessions = create_sessions(self.database)
        self.notes = Notes(self.sessions, url)
        self.tail = JournalTail(self.sessions, poll_seconds=_NEVER_S)
        self.logs = LogNews(self.sessions, self.tail, self.notes)
        self.woken = self.regained = 0
        self.stopped = []
        self.notes.on(Topic.JOURNAL, self._wake, self._regain)
        self.notes.on(Topic.STOP, self.stopped.append)

    def _wake(self, _):
        self.woken += 1
        self.tail.wake()

    def _regain(self):
        self.regained += 1
        self.tail.wake()

    async def write(self, **data):
        async with transaction(self.sessions) as session:
            await append(session, [event(**data)])


@asynccontextmanager
async def process(url):
    found = Process(url)
    await found.tail.start()
    found.logs.start()
    try:
        async with found.notes:
            yield found
    finally:
        await found.logs.stop()
        await found.tail.stop()
        await found.database.dispose()


@pytest.fixture
async def two(copied_postgresql):
    url = copied_postgresql("workflow_manager")
    async with process(url) as first, process(url) as second:
        yield first, second


async def test_what_one_process_writes_the_other_reads_and_nobody_hears_himself(two):
    first, second = two
    await first.write(number=1)
    await until(lambda: second.tail.last == 1 == first.tail.last)
    await second.write(number=2)
    await until(lambda: first.tail.last == 2)
    assert (first.woken, second.woken) == (1, 1)


async def test_what_is_rolled_back_is_told_to_nobody(two):
    first, second = two
    with pytest.raises(RuntimeError):
        async with transaction(first.sessions) as session:
            await tell(session, Topic.STOP, "never")
            raise RuntimeError
    async with transaction(first.sessions) as session:
        await session.execute(sa.select(sa.func.pg_notify(CHANNEL, "of another version")))
        await tell(session, Topic.STOP, "this one")
    await until(lambda: second.stopped)
    assert (first.stopped, second.stopped) == ([], ["this one"])


async def test_who_reads_a_log_that_another_process_writes_is_told_that_it_grew(two):
    first, second = two
    told = second.tail.mentions
    await until(lambda: told.count)  # it has begun to listen: any log may have grown before
    before, run = told.count, new_id()
    first.logs.of(run, 3)(120)
    await until(lambda: told.count > before)
    (text,) = told.since(before)
    assert json.loads(text) == {"run_id": str(run), "step": 3, "size": 120}


async def test_after_a_gap_all_is_read_anew(two):
    first, second = two
    assert second.regained == 1
    async with transaction(first.sessions) as session:
        await session.execute(sa.text(_LOSE), {"name": "workflow-manager listener"})
    await first.write()  # most likely while nobody listens
    await until(lambda: second.regained > 1 and second.tail.last == 1)


async def test_a_file_has_one_process_and_tells_nobody(tmp_path):
    database = create_engine(f"sqlite+aiosqlite:///{tmp_path / 'one.db'}")
    sessions = create_sessions(database)
    async with Notes(sessions, "sqlite+aiosqlite://"), transaction(sessions) as session:
        await tell(session, Topic.STOP, "x")
    await database.dispose()
