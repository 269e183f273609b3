"""What an upgrade finds: work under way and work that waits; and what is private in the engine."""

import asyncio
import inspect
import shutil

import pytest
from dbos import DBOS
from dbos._queue import queue_worker_thread
from engine_for_test import QUEUES
from workflow_service import until

from scanhub_libraries.clock import utc_now
from workflow_manager.engine import WorkflowState, databases, rows
from workflow_manager.engine.dbos_engine import DbosEngine


class Version:
    """A version of our code, and what it did."""

    def __init__(self, steps, *, waits_in=""):
        self.steps, self.waits_in = steps, waits_in
        self.done = []
        self.waiting, self.go_on = asyncio.Event(), asyncio.Event()

    async def step(self, name):
        if name == self.waits_in:
            self.waiting.set()
            await self.go_on.wait()
        self.done.append(name)
        return {}

    def body(self, steps, _key):
        for name in self.steps:
            steps.run(name, self.step, name)


class Installed:
    """An installation at one version after the other."""

    def __init__(self, url):
        self._url = url

    def at(self, version, kind="work", **other):
        bodies = {kind: version.body, **{name: each.body for name, each in other.items()}}
        return _Launched(DbosEngine(self._url, executor_id="main", bodies=bodies, queues=QUEUES))


class _Launched:
    def __init__(self, engine):
        self._engine = engine

    async def __aenter__(self):
        await self._engine.launch()
        return self._engine

    async def __aexit__(self, *reason):
        await self._engine.close()


@pytest.fixture
def installed(tmp_path, empty_engine):
    shutil.copyfile(empty_engine, tmp_path / "engine.sqlite")
    return Installed(f"sqlite:///{tmp_path}/engine.sqlite")


async def interrupted(installed, *steps, at):
    """Work of an older version that is interrupted in one of its steps."""
    old = Version(steps, waits_in=at)
    async with installed.at(old) as engine:
        await engine.start("work", "x", queue="work")
        await old.waiting.wait()
    return old


async def test_work_under_way_goes_on_after_an_upgrade(installed):
    """The engine's own version of code changes with each edit; ours is pinned."""
    old = await interrupted(installed, "one", "two", at="two")
    new = Version(["one", "two", "three"])
    async with installed.at(new):
        await until(lambda: new.done == ["two", "three"])
    assert old.done == ["one"]


async def test_what_waits_for_its_time_is_done_after_an_upgrade(installed):
    old, new = Version(["one"]), Version(["one", "two"])
    async with installed.at(old) as engine:
        await engine.start("work", "x", queue="parts", partition="p", delay_s=1.0)
    async with installed.at(new):
        await until(lambda: new.done == ["one", "two"])
    assert old.done == []


async def test_another_application_version_would_leave_all_of_it_lying(installed, monkeypatch):
    await interrupted(installed, "one", "two", at="two")
    monkeypatch.setattr(databases, "APPLICATION_VERSION", "another")
    new = Version(["one", "two"])
    async with installed.at(new) as engine:
        await engine.start("work", "y", queue="work")
        await until(lambda: new.done == ["one", "two"])
        assert await engine.states("work", ["x"]) == {"x": WorkflowState.ACTIVE}
    assert new.done == ["one", "two"]


async def test_a_step_of_another_name_gives_up_what_was_beyond_it(installed):
    """It ends with a reason, and nothing is done for another: no step is taken for another one."""
    await interrupted(installed, "one", "two", at="two")
    new = Version(["first", "two"])

    async def given_up():
        return await engine.states("work", ["x"]) == {"x": WorkflowState.GIVEN_UP}

    async with installed.at(new) as engine:
        await until(given_up)
    assert new.done == []


async def test_steps_that_changed_are_another_kind_beside_the_old_one(installed):
    """How steps are renamed: what began as the old kind ends as it, what begins is of the new."""
    old = await interrupted(installed, "one", "two", at="two")
    old.go_on.set()
    new = Version(["first", "second"])
    async with installed.at(old, new=new) as engine:
        await engine.start("new", "y", queue="work")
        await until(lambda: old.done == ["one", "two"])
        await until(lambda: new.done == ["first", "second"])


# --- what is private ------------------------------------------------------------------------------


async def test_the_private_parts_of_the_engine_are_still_what_they_were(installed):
    assert callable(DBOS._recover_pending_workflows)
    assert [*inspect.signature(queue_worker_thread).parameters] == ["stop_event", "dbos", "queue"]
    async with installed.at(Version(["one"])) as engine:
        columns = set(engine._dbos._sys_db.tables.workflow_status.c.keys())
        assert engine._dbos._sys_db.engine.connect
        queue = await asyncio.to_thread(DBOS.retrieve_queue, "work")
        assert (queue.database_backed_queue, queue._worker_concurrency) == (True, 2)
    assert columns >= {"workflow_uuid", "status", "executor_id", "owner_xid", "queue_name"}
    assert columns >= {"queue_partition_key", "started_at_epoch_ms"}


async def test_without_the_private_call_the_public_ones_take_over(make_postgresql_url, monkeypatch):
    """They count no crashes; else nothing is lost."""
    monkeypatch.delattr(DBOS, "_recover_pending_workflows")
    installed = Installed(make_postgresql_url())
    old = Version(["one", "two"], waits_in="two")
    async with installed.at(old) as engine:
        await engine.start("work", "x", queue="work")
        await old.waiting.wait()
        (running,) = await engine.running()
        assert await asyncio.to_thread(rows.recover, "main") == 1
        assert await engine.running() == []
        await until(lambda: old.done.count("one") == 1)
        old.go_on.set()
        await until(lambda: "two" in old.done)
    assert (running.queue, old.done.count("one")) == ("work", 1)


def test_without_the_table_nothing_is_put_back_and_work_is_done_where_it_is():
    running = rows.Running("a", "work", "x", "work", None, utc_now())
    assert rows.put_back(object(), running) is False
