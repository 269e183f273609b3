"""Queries on jobs of the SDK and what they left."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from scanhub_jobs.backend import Event
from scanhub_libraries.database import is_postgresql
from workflow_manager.cases.models import Case
from workflow_manager.cases.rules import CaseState
from workflow_manager.database import Table
from workflow_manager.job_sessions.models import (
    JobExecution,
    SessionEnd,
    SessionFile,
    SessionHookRow,
    SessionValue,
)
from workflow_manager.processing.models import ProcessingRun
from workflow_manager.processing.rules import OPEN
from workflow_manager.runs.models import Run
from workflow_manager.runs.rules import RunStatus

Whose = tuple[UUID, str, str, str]
"""Session, job, event, subject."""
_AT_ONCE = 50
_EVENTS = [event.value for event in Event]
_SETTLED = (CaseState.DONE, CaseState.DISCARDED)


def _of(table: type[SessionValue | SessionFile], whose: Whose) -> list[Any]:
    session_id, job, event, subject = whose
    return [
        col(table.session_id) == session_id,
        col(table.job) == job,
        col(table.event) == event,
        col(table.subject) == subject,
    ]


async def list_executions(
    session: AsyncSession, *, run_id: UUID | None = None, session_id: UUID | None = None
) -> Sequence[JobExecution]:
    """Return runs of jobs, in the order in which they began."""
    query = select(JobExecution).order_by(col(JobExecution.id))
    if run_id is not None:
        query = query.where(JobExecution.run_id == run_id)
    if session_id is not None:
        query = query.where(JobExecution.session_id == session_id)
    query = query.execution_options(populate_existing=True)
    return (await session.scalars(query)).all()


async def executions_of_runs(
    session: AsyncSession, run_ids: Sequence[UUID]
) -> dict[tuple[UUID, int], list[JobExecution]]:
    """Return runs of jobs by run and step: series, then studies, then patients."""
    query = (
        select(JobExecution)
        .where(col(JobExecution.run_id).in_(run_ids))
        .order_by(col(JobExecution.id))
        .execution_options(populate_existing=True)
    )
    found: dict[tuple[UUID, int], list[JobExecution]] = {}
    for row in (await session.scalars(query)).all():
        found.setdefault((row.run_id, row.position), []).append(row)
    for rows in found.values():
        rows.sort(key=lambda row: (_EVENTS.index(row.event), row.subject))
    return found


async def list_values(session: AsyncSession, session_id: UUID) -> Sequence[SessionValue]:
    """Return all values of a session."""
    query = select(SessionValue).where(SessionValue.session_id == session_id)
    order = (SessionValue.job, SessionValue.event, SessionValue.subject, SessionValue.name)
    return (await session.scalars(query.order_by(*map(col, order)))).all()


async def list_hooks(session: AsyncSession, session_id: UUID) -> Sequence[SessionHookRow]:
    """Return what became of the hooks of a session, in the order in which they ran."""
    query = select(SessionHookRow).where(SessionHookRow.session_id == session_id)
    return (await session.scalars(query.order_by(col(SessionHookRow.ran_at)))).all()


async def list_files(
    session: AsyncSession, session_id: UUID, whose: Whose | None = None
) -> Sequence[SessionFile]:
    """Return the files of a session, or of one job for one subject."""
    query = select(SessionFile).where(SessionFile.session_id == session_id)
    if whose is not None:
        query = query.where(*_of(SessionFile, whose))
    order = (SessionFile.job, SessionFile.event, SessionFile.subject, SessionFile.name)
    return (await session.scalars(query.order_by(*map(col, order)))).all()


async def value_names(session: AsyncSession, whose: Whose) -> Sequence[str]:
    """Return the names of values."""
    query = select(SessionValue.name).where(*_of(SessionValue, whose))
    return (await session.scalars(query.order_by(col(SessionValue.name)))).all()


async def put(session: AsyncSession, row: Table, values: dict[str, Any]) -> None:
    """Insert a row, or give the one that is there these values; in one statement.

    Args:
        session: The transaction.
        row: A row that is not in the session.
        values: What changes in one that is there.
    """
    table: Any = type(row)
    insert = postgresql.insert if is_postgresql(session) else sqlite.insert
    keys = [column.name for column in table.__table__.primary_key]
    statement = insert(table).values(**row.model_dump())
    await session.execute(statement.on_conflict_do_update(index_elements=keys, set_=values))


async def remove_value(session: AsyncSession, whose: Whose, name: str) -> bool:
    """Remove a value; say whether there was one."""
    statement = sa.delete(SessionValue).where(
        *_of(SessionValue, whose), col(SessionValue.name) == name
    )
    result: Any = await session.execute(statement)
    return bool(result.rowcount)


async def tell_progress(
    session: AsyncSession, execution_id: UUID, fraction: float, message: str
) -> None:
    """Note how far a job is."""
    await session.execute(
        sa.update(JobExecution)
        .where(col(JobExecution.id) == execution_id)
        .values(progress=fraction, message=message)
    )


async def tell_report(session: AsyncSession, execution_id: UUID, report: dict[str, Any]) -> None:
    """Note how a job says that it ended."""
    await session.execute(
        sa.update(JobExecution).where(col(JobExecution.id) == execution_id).values(report=report)
    )


async def list_old_sessions(
    session: AsyncSession, ended_before: datetime, now: datetime
) -> Sequence[UUID]:
    """Return sessions whose data nobody will want any more.

    Where the jobs say how long, it is over. Else they have ended well, long ago: what a case that
    failed has left stays until it is tried again, or discarded; what a run of an exam left that
    failed, until another run of its task has succeeded.
    """
    with_data = sa.union(
        sa.select(col(SessionValue.session_id)), sa.select(col(SessionFile.session_id))
    ).subquery()
    ended = aliased(SessionEnd)
    mine = with_data.c.session_id
    held = sa.exists().where(col(ended.session_id) == mine, col(ended.hold))
    declared = sa.exists().where(col(ended.session_id) == mine, col(ended.until).is_not(None))
    over = sa.exists().where(col(ended.session_id) == mine, col(ended.until) <= now)
    long_ago = sa.or_(_case_is_settled(mine, ended_before), _task_is_settled(mine, ended_before))
    query = (
        sa.select(mine)
        .where(~held, ~_is_open(mine), sa.or_(over, sa.and_(~declared, long_ago)))
        .limit(_AT_ONCE)
    )
    return (await session.scalars(query)).all()


def _is_open(session_id: sa.ColumnElement[UUID]) -> sa.ColumnElement[bool]:
    """Return whether something of the session still runs, or may go on."""
    first, other = aliased(ProcessingRun), aliased(ProcessingRun)
    processing = (
        sa.select(col(first.id))
        .join(other, col(other.case_id) == col(first.case_id))
        .where(col(first.id) == session_id, col(other.state).in_(OPEN))
        .exists()
    )
    of_exam = sa.exists().where(
        col(Run.id) == session_id,
        col(Run.status).in_((RunStatus.QUEUED, RunStatus.WAITING, RunStatus.RUNNING)),
    )
    return sa.or_(processing, of_exam)


def _case_is_settled(
    session_id: sa.ColumnElement[UUID], ended_before: datetime
) -> sa.ColumnElement[bool]:
    first, other = aliased(ProcessingRun), aliased(ProcessingRun)
    late = sa.exists().where(
        col(other.case_id) == first.case_id, col(other.ended_at) >= ended_before
    )
    return (
        sa.select(col(first.id))
        .join(Case, col(Case.id) == first.case_id)
        .where(
            col(first.id) == session_id,
            col(Case.state).in_(_SETTLED),
            col(Case.ended_at) < ended_before,
            ~late,
        )
        .exists()
    )


def _task_is_settled(
    session_id: sa.ColumnElement[UUID], ended_before: datetime
) -> sa.ColumnElement[bool]:
    first, well = aliased(Run), aliased(Run)
    return (
        sa.select(col(first.id))
        .join(well, col(well.task_id) == col(first.task_id))
        .where(
            col(first.id) == session_id,
            col(well.status) == RunStatus.SUCCEEDED,
            col(well.created_at) >= col(first.created_at),
            col(well.ended_at) < ended_before,
        )
        .exists()
    )


async def remove_session(session: AsyncSession, session_id: UUID) -> None:
    """Remove values and files of a session from the tables."""
    for table in (SessionValue, SessionFile):
        await session.execute(sa.delete(table).where(col(table.session_id) == session_id))
