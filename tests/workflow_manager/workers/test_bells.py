"""What one process puts into a queue, another one begins at once: it is told, and asks nobody."""

from contextlib import asynccontextmanager

import pytest
from dbos import DBOS, SetWorkflowID
from workflow_service import until

from scanhub_libraries.database import create_engine, create_sessions, transaction
from workflow_manager.engine import dbos_engine
from workflow_manager.engine.dbos_engine import DbosEngine
from workflow_manager.engine.places import QueueSettings
from workflow_manager.notes import Notes, Topic, tell
from workflow_manager.workers.bells import Bells


@pytest.fixture
def url(copied_postgresql):
    return copied_postgresql("workflow_manager")


@asynccontextmanager
async def noted(url, queues=None):
    """The notes of a process, and its sessions."""
    database = create_engine(url)
    sessions = create_sessions(database)
    notes = Notes(sessions, url)
    if queues is not None:
        notes.on(Topic.QUEUE, queues.append)
    yield notes, sessions
    await database.dispose()


@asynccontextmanager
async def launched(url, engine_url, done, *, served=None):
    """A run engine whose process tells the others, and hears them."""

    async def note(key):
        done.append(key)

    engine = DbosEngine(
        engine_url,
        executor_id="main",
        bodies={"short": lambda steps, key: steps.run("note", note, key)},
        queues={"work": QueueSettings(at_once=1)},
        served=served,
    )
    async with noted(url) as (notes, sessions):
        bells = Bells(sessions, engine, notes)
        async with notes:
            bells.start()
            await engine.launch()
            try:
                yield engine
            finally:
                await engine.close()
                await bells.stop()


async def test_the_others_are_told_what_is_put_into_a_queue(url, make_postgresql_url):
    heard = []
    async with (
        noted(url, heard) as (notes, _),
        notes,
        launched(url, make_postgresql_url(), [], served=()) as engine,
    ):
        await engine.start("short", "x", queue="work")
        await until(lambda: "work" in heard)


async def test_who_is_told_of_a_queue_looks_at_it(url, make_postgresql_url, monkeypatch):
    monkeypatch.setattr(dbos_engine, "_SELDOM_S", 3600.0)
    done = []
    async with launched(url, make_postgresql_url(), done) as engine:
        bell = engine._workers._bells["work"]
        await until(lambda: not bell.may_wait)
        with SetWorkflowID("short:x"):  # as another process does it, which rings no bell here
            DBOS.enqueue_workflow("work", dbos_engine._execute, "short", "x", "work", None)
        async with noted(url) as (_, sessions), transaction(sessions) as session:
            await tell(session, Topic.QUEUE, "work")
        await until(lambda: done == ["x"])
