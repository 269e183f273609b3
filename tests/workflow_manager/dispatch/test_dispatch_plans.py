"""Whose turn it is, is found along an index: what was sent before slows down nothing."""

import shutil

import pytest
import sqlalchemy as sa

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import create_engine, create_sessions, reading, sqlite_url
from workflow_manager.dispatch import repository
from workflow_manager.dispatch.rules import DispatchStatus
from workflow_manager.health import repository as health


class Asked:
    """The plans of what a desk asks, in the words of SQLite."""

    def __init__(self, path):
        self._engine = create_engine(sqlite_url(path))
        self._said: list[tuple[str, object]] = []
        sa.event.listen(self._engine.sync_engine, "before_cursor_execute", self._note)

    def _note(self, _connection, _cursor, statement, parameters, *_more):
        self._said.append((statement, parameters))

    async def plan_of(self, question):
        async with reading(create_sessions(self._engine)) as session:
            await question(session)
        ((statement, parameters),) = self._said
        async with self._engine.connect() as connection:
            plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            found = " / ".join(row[3] for row in plan)
        await self._engine.dispose()
        return found


_PACS, _NOW = "PACS", utc_now()
QUESTIONS = {
    "what is under way": (repository.list_under_way, "INDEX ix_dispatch_under_way"),
    "how much of it is for a target": (
        lambda session: repository.count_under_way(session, _PACS),
        "INDEX ix_dispatch_under_way (target=? AND under_way>?)",
    ),
    "for which targets something is due": (
        lambda session: repository.targets_with_work(session, _NOW, offpeak=True, longest_s=1.0),
        "INDEX ix_dispatch_status_created_at_id (status=?)",
    ),
    "what comes next for a target": (
        lambda session: repository.find_due(
            session, _PACS, _NOW, urgent=False, offpeak=True, longest_s=1.0
        ),
        "INDEX ix_dispatch_target_status_created_at_id (target=? AND status=?)",
    ),
    "what has failed since something was sent": (
        health.failures,
        "INDEX ix_dispatch_target_ended (target=? AND status=?",
    ),
    "what was queued last": (
        lambda session: repository.list_dispatches(session, limit=500),
        "INDEX ix_dispatch_created_at_id",
    ),
    "what failed last": (
        lambda session: repository.list_dispatches(session, statuses=[DispatchStatus.FAILED]),
        "INDEX ix_dispatch_status_created_at_id (status=?)",
    ),
    "what a target got last": (
        lambda session: repository.list_dispatches(session, target=_PACS),
        "INDEX ix_dispatch_target_status_created_at_id (target=? AND status=?)",
    ),
    "when the next attempt is due": (
        lambda session: repository.next_attempt_at(session, _NOW),
        "INDEX ix_dispatch_status_created_at_id (status=?)",
    ),
}


@pytest.fixture
def database(empty_file, tmp_path):
    return shutil.copyfile(empty_file("workflow_manager"), tmp_path / "workflow.sqlite")


@pytest.mark.parametrize("name", QUESTIONS)
async def test_a_desk_looks_along_an_index(name, database):
    question, index = QUESTIONS[name]
    plan = await Asked(database).plan_of(question)
    assert index in plan
    if name.endswith("last"):  # pages: what is sorted is no more than they have
        assert "SCAN dispatch" not in plan.replace("SCAN dispatch USING INDEX", "")
