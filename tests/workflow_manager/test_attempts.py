"""Work that is tried until it is done: what has no workflow gets one, whatever else goes wrong."""

import pytest
import sqlalchemy as sa
from outgoing import Archive, Outgoing
from test_engine import Work, launched
from workflow_service import until

from scanhub_libraries.database import sqlite_url, transaction
from workflow_manager.dispatch.models import Dispatch
from workflow_manager.dispatch.rules import DispatchStatus
from workflow_manager.engine import Attempt, Attempts, WorkflowState

BROKEN = Attempts(kind="broken", queue="free")
SHORT = Attempts(kind="short", queue="free")


async def test_one_that_cannot_be_started_holds_up_no_other(tmp_path):
    work = Work()
    async with launched(f"sqlite:///{tmp_path}/engine.sqlite", work) as engine:
        keys = ["bad", "over", "again", "new"]
        attempts = [Attempt(key, None) for key in keys]
        for attempt in attempts[:3]:
            await BROKEN.start(engine, attempt)

        async def all_given_up():
            states = await engine.states("broken", keys)
            return list(states.values()) == [WorkflowState.GIVEN_UP] * 3

        await until(all_given_up)

        async def given_up(attempt):
            if attempt.key == "bad":
                raise LookupError("its row cannot be read")
            return Attempt("again-2", None) if attempt.key == "again" else None

        assert await BROKEN.start_missing(engine, attempts, given_up) == 2
        assert set(await engine.states("broken", ["again-2", "new"])) == {"again-2", "new"}


async def test_an_attempt_that_is_under_way_is_not_started_again(tmp_path):
    work = Work()
    long = Attempts(kind="long", queue="free")
    async with launched(f"sqlite:///{tmp_path}/engine.sqlite", work) as engine:
        await long.start(engine, Attempt("a", None))
        await until(lambda: work.at_once == 1)

        async def given_up(_attempt):
            raise AssertionError("nobody gave it up")

        assert await long.start_missing(engine, [Attempt("a", None)], given_up) == 0
        work.hold.set()
        await until(lambda: "a again" in work.done)
    assert work.done == ["a", "a again"]


@pytest.mark.long
async def test_a_sweep_that_fails_holds_up_no_other(serving, tmp_path):
    outgoing, archive = Outgoing(tmp_path, sqlite_url(tmp_path / "workflow.sqlite")), Archive()
    async with archive.listening() as port:
        await outgoing.add_target("PACS", port=port)
        await outgoing.queue(1, 2, "PACS")
        async with transaction(outgoing.sessions) as session:  # killed before the engine knew of it
            row = await session.scalar(sa.select(Dispatch))
            row.status, row.under_way = DispatchStatus.SENDING, row.attempt
            await session.execute(sa.text("DROP TABLE run"))  # what looks for runs fails for ever
        async with serving():
            await until(outgoing.all_sent)
    assert set(archive.got) == outgoing.uids
    await outgoing.close()
