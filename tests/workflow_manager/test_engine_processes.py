"""Processes of the run engine that are killed, stopped and drained: what they did goes on, once."""

import asyncio
import json
import os
import shutil
import signal
import threading
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from engine_for_test import QUEUES, ThreeSteps
from nursery import start_program
from workflow_service import until

from workflow_manager.engine import WorkflowState, rows
from workflow_manager.engine.databases import sync_url
from workflow_manager.engine.dbos_engine import DbosEngine

pytestmark = pytest.mark.timeout(240)
SCRIPT = Path(__file__).parent / "engine_for_test.py"
HOLDER = """
SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND (classid::bigint << 32) | objid::bigint = hashtextextended('scanhub-executor:' || :name, 0)
"""


class Processes:
    """Processes that share one engine's database, and what they wrote down."""

    def __init__(self, url, folder):
        self.url, self.folder = url, folder
        self._running = {}

    async def start(self, name, *, served=None, starts=(), drain_s=0.0):
        told = {"url": self.url, "folder": str(self.folder), "name": name, "served": served}
        told |= {"starts": starts, "drain_s": drain_s}
        program = await start_program(SCRIPT, json.dumps(told), talks=True)
        self._running[name] = program
        await self.hear(name, "ready")

    async def hear(self, name, word):
        while line := await asyncio.wait_for(self._running[name].stdout.readline(), 60):
            if line.decode().strip() == word:
                return
        raise AssertionError(f"{name} ended and did not say {word!r}")

    def signal(self, name, number):
        os.kill(self._running[name].pid, number)

    async def gone(self, name):
        code = await asyncio.wait_for(self._running[name].wait(), 60)
        del self._running[name]
        return code

    async def kill(self, name):
        self.signal(name, signal.SIGKILL)
        await self.gone(name)

    async def end(self, name):
        self.signal(name, signal.SIGTERM)
        await self.hear(name, "ended")
        await self.gone(name)

    def let(self, key):
        """Let a workflow go on."""
        (self.folder / key).touch()

    def done(self, key):
        """What was done of a workflow: step and process, in order."""
        file = self.folder / "done"
        lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
        return [(step, name) for step, of, name in lines if of == key]

    async def until_done(self, key, *last):
        """Wait until the last things that were done of a workflow are these."""
        await until(lambda: self.done(key)[-len(last) :] == [*last], 60)

    def execute(self, statement, **values):
        database = sa.create_engine(sync_url(self.url), isolation_level="AUTOCOMMIT")
        with database.connect() as connection:
            found = connection.execute(sa.text(statement), values).scalars().all()
        database.dispose()
        return found

    def cut_off(self, name):
        """End the connection that keeps a process alive in the eyes of the others."""
        (pid,) = self.execute(HOLDER, name=name)
        self.execute("SELECT pg_terminate_backend(:pid)", pid=pid)

    async def close(self):
        for program in self._running.values():
            program.kill()
            await program.wait()


@pytest.fixture
def shared(make_postgresql_url):
    return make_postgresql_url()


@pytest.fixture
async def processes(request, tmp_path):
    if getattr(request, "param", "postgresql") == "sqlite":
        shutil.copyfile(request.getfixturevalue("empty_engine"), tmp_path / "engine.sqlite")
        url = f"sqlite:///{tmp_path}/engine.sqlite"
    else:
        url = request.getfixturevalue("shared")
    made = Processes(url, tmp_path)
    yield made
    await made.close()


@asynccontextmanager
async def serving_nothing(processes, name="api"):
    """The engine of a process that leaves all work to others."""
    body = ThreeSteps(processes.folder, name).body
    engine = DbosEngine(
        processes.url, executor_id=name, bodies={"three": body}, queues=QUEUES, served=()
    )
    await engine.launch()
    try:
        yield engine
    finally:
        await engine.close()


@pytest.mark.parametrize("processes", ["sqlite", "postgresql"], indirect=True)
async def test_killed_amid_a_step_it_goes_on_with_this_step_when_it_is_back(processes):
    await processes.start("a", starts=[("three", "x", "work", None)])
    await processes.until_done("x", ("begins", "a"))
    await processes.kill("a")
    processes.let("x")
    await processes.start("a")
    await processes.until_done("x", ("third", "a"))
    steps = [step for step, _ in processes.done("x")]
    assert steps == ["first", "begins", "begins", "second", "third"]


@pytest.mark.parametrize(("queue", "partition"), [("work", None), ("parts", "p")])
async def test_what_a_killed_worker_did_another_worker_goes_on_with(processes, queue, partition):
    """Nobody but workers serves the queue: the process that started it does not do it either."""
    await processes.start("a", served=[queue])
    async with serving_nothing(processes) as api:
        await api.start("three", "x", queue=queue, partition=partition)
        await processes.until_done("x", ("begins", "a"))
        (running,) = await api.running()
        assert (running.executor, running.kind, running.key) == ("a", "three", "x")
        assert await api.living({"a", "b"}) == {"a"}
        await processes.kill("a")
        await until(lambda: _living(api, {"a"}, set()))
        await processes.start("b", served=[queue])
        await processes.until_done("x", ("begins", "b"))
        processes.let("x")
        await processes.until_done("x", ("second", "b"), ("third", "b"))
        await until(lambda: _ended(api, "x"))
    assert [name for _, name in processes.done("x")].count("api") == 0


async def _living(engine, names, expected):
    return await engine.living(names) == expected


async def _ended(engine, key):
    return await engine.states("three", [key]) == {key: WorkflowState.ENDED}


async def test_what_it_did_itself_it_leaves_to_others_once_it_does_not_serve_the_queue(processes):
    """Interrupted work comes out of the engine's own queue, at which every process looks."""
    starts = [("three", "x", "work", None), ("three", "y", "parts", "p")]
    await processes.start("a", starts=starts)
    for key in ("x", "y"):
        await processes.until_done(key, ("begins", "a"))
    await processes.kill("a")
    await processes.start("a", served=[])
    await processes.start("b", served=["work", "parts"])
    for key in ("x", "y"):
        await processes.until_done(key, ("begins", "b"))
        processes.let(key)
        await processes.until_done(key, ("third", "b"))


@pytest.mark.long
async def test_a_worker_that_was_held_for_dead_does_not_count_when_it_comes_back(processes):
    await processes.start("a", starts=[("three", "x", "work", None)])
    await processes.until_done("x", ("begins", "a"))
    processes.signal("a", signal.SIGSTOP)
    await processes.start("b")
    processes.cut_off("a")  # as its host does that is gone from the network
    await processes.until_done("x", ("begins", "b"))
    processes.signal("a", signal.SIGCONT)
    processes.let("x")
    await processes.until_done("x", ("third", "b"))
    await until(lambda: ("second", "a") in processes.done("x"))  # nobody can take that back
    await processes.end("a")
    assert [name for step, name in processes.done("x") if step == "third"] == ["b"]


async def test_a_worker_whose_name_another_one_took_ends(processes):
    await processes.start("a")
    processes.signal("a", signal.SIGSTOP)
    processes.cut_off("a")
    async with serving_nothing(processes, "a") as other:
        assert other.name == "a"
        processes.signal("a", signal.SIGCONT)
        await processes.hear("a", "usurped")
        assert await processes.gone("a") == 3


async def test_a_worker_that_drains_ends_what_it_does_and_begins_nothing(processes):
    await processes.start("a", served=["one"], drain_s=60.0)
    async with serving_nothing(processes) as api:
        await api.start("three", "x", queue="one")
        await processes.until_done("x", ("begins", "a"))
        await api.start("three", "y", queue="one")
        processes.let("y")
        processes.signal("a", signal.SIGTERM)
        await processes.hear("a", "drains")
        processes.let("x")
        await processes.hear("a", "ended")
        await processes.gone("a")
        assert processes.done("x")[-1] == ("third", "a")
        assert processes.done("y") == []
        await processes.start("b", served=["one"])
        await processes.until_done("y", ("third", "b"))


async def test_what_a_worker_cannot_end_in_time_it_gives_back_at_once(processes):
    """Nobody has to find out that it is gone: that is in its queue when it has ended."""
    await processes.start("a", served=["one"])
    async with serving_nothing(processes) as api:
        await api.start("three", "x", queue="one")
        await processes.until_done("x", ("begins", "a"))
        await processes.end("a")
        assert await api.running() == []
        assert await api.states("three", ["x"]) == {"x": WorkflowState.ACTIVE}
        await processes.start("b", served=["one"])
        processes.let("x")
        await processes.until_done("x", ("third", "b"))
    assert [step for step, _ in processes.done("x")].count("first") == 1


async def test_what_ended_while_the_process_did_is_not_given_back(processes, monkeypatch):
    """The engine writes its end down when our function has left; till then it runs for it."""
    processes.let("x")
    body = ThreeSteps(processes.folder, "a").body
    engine = DbosEngine(processes.url, executor_id="a", bodies={"three": body}, queues=QUEUES)
    await engine.launch()
    database, looked = engine._dbos._sys_db, threading.Event()
    record, look, put = database.update_workflow_outcome, rows.list_running, rows.put_back
    looks: list[str] = []

    def record_late(*arguments, **named):
        looked.wait(60)
        return record(*arguments, **named)

    def look_first(name):
        if looks:
            looked.set()
        looks.append(name)
        return look(name)

    def put_back(*arguments):
        done = put(*arguments)
        looked.set()
        return done

    monkeypatch.setattr(database, "update_workflow_outcome", record_late)
    monkeypatch.setattr(rows, "list_running", look_first)
    monkeypatch.setattr(rows, "put_back", put_back)
    await engine.start("three", "x", queue="work")
    await processes.until_done("x", ("third", "a"))
    await asyncio.wait_for(engine.close(60.0), 120)
    monkeypatch.undo()
    async with serving_nothing(processes) as other:
        assert await other.states("three", ["x"]) == {"x": WorkflowState.ENDED}
