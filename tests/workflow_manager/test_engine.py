"""The run engine, through its port: what starts ends, once, whatever happens to the process."""

import asyncio
import sqlite3
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import sqlalchemy as sa
from workflow_service import until

from scanhub_libraries.clock import utc_now
from workflow_manager.engine import EngineError, WorkflowState
from workflow_manager.engine.dbos_engine import DbosEngine
from workflow_manager.engine.lease import ExecutorLease
from workflow_manager.engine.places import QueueSettings
from workflow_manager.engine.serializer import JSONSerializer


class Work:
    """Workflow functions that write down what they do."""

    def __init__(self):
        self.done: list[str] = []
        self.hold = asyncio.Event()
        self.at_once = self.most_at_once = 0

    async def note(self, key):
        self.done.append(key)
        return {"noted": key}

    async def wait(self, _key):
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.hold.wait()
        finally:
            self.at_once -= 1

    async def fail(self, _key):
        raise ValueError("as planned")

    def bodies(self):
        def short(steps, key):
            assert steps.run("note", self.note, key) == {"noted": key}

        def long(steps, key):
            steps.run("note", self.note, key)
            steps.run("wait", self.wait, key)
            steps.run("note", self.note, f"{key} again")

        def chain(steps, key):
            steps.run("note", self.note, key)
            steps.start("short", f"{key}-next", queue="free", delay_s=0.1)

        def broken(steps, key):
            steps.run("fail", self.fail, key)

        return {"short": short, "long": long, "chain": chain, "broken": broken}


@pytest.fixture
def work():
    return Work()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine_url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/engine.sqlite"
    return request.getfixturevalue("make_postgresql_url")()


@asynccontextmanager
async def launched(url, work, executor_id="main"):
    queues = {
        "free": QueueSettings(),
        "one": QueueSettings(at_once=1),
        "two": QueueSettings(at_once=2),
        "each": QueueSettings(at_once_per_partition=1),
    }
    engine = DbosEngine(url, executor_id=executor_id, bodies=work.bodies(), queues=queues)
    await engine.launch()
    try:
        yield engine
    finally:
        await engine.close()


async def test_starting_twice_does_it_once(engine_url, work):
    async with launched(engine_url, work) as engine:
        for _ in range(3):
            await engine.start("short", "a", queue="free")
        await until(lambda: work.done == ["a"])

        async def ended():
            return await engine.states("short", ["a", "unknown"]) == {"a": WorkflowState.ENDED}

        await until(ended)
        assert work.done == ["a"]


async def test_a_finished_step_is_not_done_again_after_a_restart(engine_url, work):
    async with launched(engine_url, work) as engine:
        await engine.start("long", "a", queue="two")
        await until(lambda: work.at_once == 1)
        assert await engine.states("long", ["a"]) == {"a": WorkflowState.ACTIVE}
    work.hold.set()
    async with launched(engine_url, work):
        await until(lambda: "a again" in work.done)
    assert work.done == ["a", "a again"]


async def test_a_workflow_starts_the_next_one_later(engine_url, work):
    async with launched(engine_url, work) as engine:
        await engine.start("chain", "a", queue="free")
        await until(lambda: work.done == ["a", "a-next"])


@pytest.mark.long
async def test_a_delayed_workflow_waits_over_a_restart(engine_url, work):
    async with launched(engine_url, work) as engine:
        await engine.start("short", "later", queue="each", partition="x", delay_s=1.5)
    assert work.done == []
    async with launched(engine_url, work):
        await until(lambda: work.done == ["later"])


async def test_one_partition_does_not_hold_up_the_others(engine_url, work):
    async with launched(engine_url, work) as engine:
        await engine.start("long", "x", queue="each", partition="x")
        await until(lambda: work.at_once == 1)
        await engine.start("short", "x2", queue="each", partition="x")
        await engine.start("short", "y", queue="each", partition="y")
        await until(lambda: "y" in work.done)
        work.hold.set()
        await until(lambda: "x2" in work.done)


@pytest.mark.parametrize(("queue", "most"), [("each", 1), ("two", 2)])
async def test_no_more_run_at_once_than_the_queue_lets_through(tmp_path, work, queue, most):
    async with launched(f"sqlite:///{tmp_path}/engine.sqlite", work) as engine:
        await engine.start("long", "a", queue=queue, partition="x")
        await until(lambda: work.at_once == 1)
        keys = ["b", "c", "d"]
        await asyncio.gather(*(engine.start("long", k, queue=queue, partition="x") for k in keys))
        await engine.start("short", "other", queue="each", partition="y")
        await until(lambda: "other" in work.done)  # who waits holds up no other
        await until(lambda: work.at_once == most)
        work.hold.set()
        await until(lambda: {f"{key} again" for key in ["a", *keys]} <= set(work.done))
    assert work.most_at_once == most


async def test_what_is_started_again_after_its_end_takes_no_place(tmp_path, work):
    async with launched(f"sqlite:///{tmp_path}/engine.sqlite", work) as engine:
        for _ in range(2):
            await engine.start("short", "a", queue="each", partition="x")
            await until(lambda: "a" in work.done)
            await until(lambda: _ended(engine, "a"))
        await engine.start("short", "b", queue="each", partition="x")
        await until(lambda: "b" in work.done)
    assert work.done == ["a", "b"]


async def _ended(engine, key):
    return await engine.states("short", [key]) == {key: WorkflowState.ENDED}


async def test_what_waits_for_a_place_goes_on_after_a_restart(tmp_path, work):
    async with launched(f"sqlite:///{tmp_path}/engine.sqlite", work) as engine:
        keys = ["a", "b", "c"]
        await asyncio.gather(*(engine.start("long", k, queue="each", partition="x") for k in keys))
        await until(lambda: work.at_once == 1)
    work.hold.set()
    async with launched(f"sqlite:///{tmp_path}/engine.sqlite", work):
        await until(lambda: {f"{key} again" for key in keys} <= set(work.done))
    assert sorted(work.done) == sorted([*keys, *(f"{key} again" for key in keys)])
    assert work.most_at_once == 1


async def test_what_waits_begins_by_its_rank_and_then_in_the_order_in_which_it_came(
    engine_url, work
):
    async with launched(engine_url, work) as engine:
        await engine.start("long", "x", queue="one")
        await until(lambda: work.at_once == 1)
        for key, rank in (("late", 9), ("a", 5), ("b", 5), ("soon", 1)):
            await engine.start("short", key, queue="one", rank=rank)
        work.hold.set()
        await until(lambda: len(work.done) == 6)
    assert work.done == ["x", "x again", "soon", "a", "b", "late"]


async def test_what_waits_can_be_withdrawn_and_what_has_begun_cannot(engine_url, work):
    async with launched(engine_url, work) as engine:
        await engine.start("long", "x", queue="one")
        await until(lambda: work.at_once == 1)
        await engine.start("short", "waits", queue="one")
        await engine.start("short", "later", queue="one", delay_s=0.2)
        for key in ("waits", "later"):
            assert await engine.withdraw("short", key)
            assert not await engine.withdraw("short", key)
        assert not await engine.withdraw("long", "x")
        assert not await engine.withdraw("short", "unknown")
        await engine.start("short", "last", queue="one", delay_s=0.4)
        work.hold.set()
        await until(lambda: "last" in work.done)
        states = await engine.states("short", ["waits", "later"])
        assert set(states.values()) == {WorkflowState.GIVEN_UP}
    assert work.done == ["x", "x again", "last"]


async def test_what_a_workflow_did_not_handle_is_given_up(engine_url, work):
    async with launched(engine_url, work) as engine:
        await engine.start("broken", "a", queue="free")

        async def given_up():
            return await engine.states("broken", ["a"]) == {"a": WorkflowState.GIVEN_UP}

        await until(given_up)


async def test_a_queue_that_is_held_begins_nothing_until_it_is_let_go(engine_url, work):
    async with launched(engine_url, work) as engine:
        engine.hold({"two", "each"})
        await engine.start("short", "a", queue="two")
        await engine.start("short", "b", queue="each", partition="x")
        await engine.start("short", "c", queue="free")
        await until(lambda: work.done == ["c"])
        assert (engine.is_open("two"), engine.is_open("free")) == (False, True)
        engine.hold({"two"})
        await until(lambda: work.done == ["c", "b"])
        assert await engine.states("short", ["a"]) == {"a": WorkflowState.ACTIVE}
        engine.hold(())
        await until(lambda: work.done == ["c", "b", "a"])


async def test_what_runs_when_a_queue_is_held_comes_to_its_end(engine_url, work):
    async with launched(engine_url, work) as engine:
        await engine.start("long", "a", queue="two")
        await until(lambda: work.at_once == 1)
        engine.hold({"two"})
        (running,) = await engine.running()
        assert (running.executor, running.kind, running.key) == ("main", "long", "a")
        assert (running.queue, running.partition) == ("two", None)
        work.hold.set()
        await until(lambda: "a again" in work.done)


async def test_two_processes_never_have_one_name_and_a_free_one_is_taken(make_postgresql_url):
    url = make_postgresql_url().replace("+asyncpg", "+psycopg")
    first, second = ExecutorLease(url, "main"), ExecutorLease(url, "main")
    try:
        assert (first.take(), second.take()) == ("main", "main-2")
        assert first.if_dead("main-2", lambda: 1) == 0
        second.release()
        await until(lambda: first.if_dead("main-2", lambda: 1) == 1)
        assert first.if_dead("main", lambda: 1) == 0
        assert second.take() == "main-2"
    finally:
        first.release()
        second.release()


async def test_a_lease_whose_connection_is_lost_is_taken_again(make_postgresql_url):
    url = make_postgresql_url().replace("+asyncpg", "+psycopg")
    lease, other = ExecutorLease(url, "main"), ExecutorLease(url, "other")
    try:
        lease.take()
        other.take()
        admin = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        admin.dispose()
        await until(lease.keep)
        await until(other.keep)
        assert other.if_dead("main", lambda: 1) == 0
    finally:
        lease.release()
        other.release()


async def test_the_work_of_a_process_that_is_gone_is_taken_over(make_postgresql_url, work):
    url = make_postgresql_url()
    async with launched(url, work, executor_id="gone") as engine:
        await engine.start("long", "a", queue="two")
        await until(lambda: work.at_once == 1)
    work.hold.set()
    async with launched(url, work, executor_id="here"):
        await until(lambda: "a again" in work.done)


async def test_what_ended_long_ago_is_forgotten(engine_url, work):
    async with launched(engine_url, work) as engine:
        await engine.start("short", "a", queue="free")

        async def ended():
            return await engine.states("short", ["a"]) == {"a": WorkflowState.ENDED}

        await until(ended)
        assert await engine.forget(utc_now() - timedelta(days=1)) == 0
        assert await engine.forget(utc_now() + timedelta(minutes=1)) == 1
        assert await engine.states("short", ["a"]) == {}


@pytest.mark.disk
async def test_the_database_holds_json_and_survives_a_power_cut(tmp_path, work):
    path = tmp_path / "engine.sqlite"
    async with launched(f"sqlite:///{path}", work) as engine:
        await engine.start("short", "a", queue="free")
        await until(lambda: work.done == ["a"])
    with sqlite3.connect(path) as connection:
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        dump = "\n".join(connection.iterdump())
    connection.close()
    assert mode == "wal"
    assert '["short","a","free",null]' in dump
    assert "gASV" not in dump  # how a pickle begins in base64


async def test_a_process_has_one_engine(tmp_path, work):
    async with launched(f"sqlite:///{tmp_path}/a.sqlite", work):
        with pytest.raises(EngineError, match="already launched"):
            async with launched(f"sqlite:///{tmp_path}/b.sqlite", work):
                pass


async def test_an_unknown_workflow_is_refused(tmp_path, work):
    async with launched(f"sqlite:///{tmp_path}/a.sqlite", work) as engine:
        with pytest.raises(EngineError, match="no workflow 'nonsense'"):
            await engine.start("nonsense", "a", queue="free")


def test_errors_become_text():
    serializer = JSONSerializer()
    back = serializer.deserialize(serializer.serialize(ValueError("no")))
    assert str(back) == "ValueError: no"
