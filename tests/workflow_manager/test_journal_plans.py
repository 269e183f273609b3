"""Whatever the journal is asked, it looks where the answer is: a million events cost no more."""

import shutil
from uuid import UUID

import pytest
import sqlalchemy as sa

from scanhub_libraries.database import create_engine, create_sessions, reading, sqlite_url
from workflow_manager.journal.repository import Asked, find_events

ID = UUID(int=7)


@pytest.fixture
def url(tmp_path, empty_file):
    shutil.copyfile(empty_file("workflow_manager"), tmp_path / "workflow.sqlite")
    return sqlite_url(tmp_path / "workflow.sqlite")


@pytest.mark.parametrize("newest", [False, True])
@pytest.mark.parametrize(
    "asked",
    [
        Asked(),
        Asked(after=100, before=200),
        Asked(subject="x"),
        Asked(task_id=ID),
        Asked(exam_id=ID),
        Asked(case_id=ID),
        Asked(actor="user:ann"),
        Asked(types=("case.done",)),
    ],
)
async def test_every_question_is_answered_along_an_index(url, asked, newest):
    engine = create_engine(url)
    sessions, asked_for = create_sessions(engine), []
    sa.event.listen(
        engine.sync_engine,
        "before_cursor_execute",
        lambda _c, _cursor, statement, parameters, _x, _m: asked_for.append(
            (statement, parameters)
        ),
    )
    async with reading(sessions) as session:
        await find_events(session, asked, limit=10, newest=newest)
        (statement, parameters) = next(s for s in asked_for if "FROM journal_event" in s[0])
        connection = await session.connection()
        plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        steps = [row[3] for row in plan.all()]
    await engine.dispose()
    assert all(step.startswith("SEARCH journal_event USING") for step in steps[:1]), steps
    assert "SCAN" not in " ".join(steps)
