"""Queries on runs of both kinds: one page is the newest of the two."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from workflow_manager.cases.models import Case
from workflow_manager.processing.models import ProcessingRun, ProcessingStep
from workflow_manager.processing.rules import RunState
from workflow_manager.runs import repository as exam_runs
from workflow_manager.runs.models import Run
from workflow_manager.runs.rules import RunStatus

_REVIEW = RunState.REVIEW.value
Place = tuple[datetime, UUID]
"""When a run was asked for, and its id: the order of the list."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs a list shall have; none: all."""

    kind: Literal["exam", "case"] | None = None
    states: tuple[str, ...] = ()
    job: str | None = None
    device_id: UUID | None = None
    exam_id: UUID | None = None
    rule: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def of_exams(self) -> bool:
        """Runs of exams are looked for: none has a rule."""
        return self.kind != "case" and self.rule is None

    @property
    def of_cases(self) -> bool:
        """Runs of cases are looked for: of which scanner they are, nobody has noted."""
        return self.kind != "exam" and self.device_id is None


async def place_of(session: AsyncSession, run_id: UUID) -> Place | None:
    """Return where a run of either kind stands in the list; None: there is none."""
    for created_at, key in (
        (col(Run.created_at), col(Run.id)),
        (col(ProcessingRun.created_at), col(ProcessingRun.id)),
    ):
        found = await session.scalar(sa.select(created_at).where(key == run_id))
        if found is not None:
            return found, run_id
    return None


def _page(
    query: Any, table: type[Run | ProcessingRun], wanted: Wanted, *, after: Place | None, limit: int
) -> Any:
    """Return the query of one page of a table, newest first."""
    created_at, key = col(table.created_at), col(table.id)
    if wanted.since is not None:
        query = query.where(created_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(created_at < wanted.until)
    if after is not None:
        then, last = after
        query = query.where(
            sa.or_(created_at < then, sa.and_(created_at == then, key < last)), created_at <= then
        )
    return query.order_by(created_at.desc(), key.desc()).limit(limit)


async def list_of_exams(
    session: AsyncSession, wanted: Wanted, *, after: Place | None, limit: int
) -> Sequence[Run]:
    """Return runs of jobs of exams, newest first."""
    known = {*RunStatus, _REVIEW}
    if not wanted.of_exams or (wanted.states and known.isdisjoint(wanted.states)):
        return []
    same = exam_runs.Wanted(exam_id=wanted.exam_id, device_id=wanted.device_id, job_id=wanted.job)
    query = select(Run).where(*same.conditions())
    if wanted.states:
        query = query.where(_is_in(wanted.states))
    found = _page(query, Run, wanted, after=after, limit=limit)
    return (await session.scalars(found)).all()


def _is_in(states: Sequence[str]) -> sa.ColumnElement[bool]:
    """Say whether a run is told in one of these states: one that waits for a person in `review`."""
    waits = col(Run.status) == RunStatus.WAITING
    asked = sa.func.coalesce(col(Run.review)["state"].as_string(), "") == "waiting"
    reviewed = sa.and_(waits, asked)
    found = sa.and_(
        col(Run.status).in_([state for state in RunStatus if state in states]), sa.not_(reviewed)
    )
    return sa.or_(found, reviewed) if _REVIEW in states else found


async def list_of_cases(
    session: AsyncSession, wanted: Wanted, *, after: Place | None, limit: int
) -> Sequence[tuple[ProcessingRun, Case]]:
    """Return runs of modules with their cases, newest first."""
    states = tuple(RunState(state) for state in wanted.states if state in set(RunState))
    if not wanted.of_cases or (wanted.states and not states):
        return []
    query = sa.select(ProcessingRun, Case).join(Case, col(Case.id) == col(ProcessingRun.case_id))
    if states:
        query = query.where(col(ProcessingRun.state).in_(states))
    if wanted.exam_id is not None:
        query = query.where(col(Case.exam_id) == wanted.exam_id)
    if wanted.rule is not None:
        query = query.where(col(Case.rule) == wanted.rule)
    if wanted.job is not None:
        named = sa.or_(
            col(ProcessingStep.module) == wanted.job, col(ProcessingStep.job) == wanted.job
        )
        query = query.where(
            sa.exists().where(col(ProcessingStep.run_id) == col(ProcessingRun.id), named)
        )
    found = _page(query, ProcessingRun, wanted, after=after, limit=limit)
    rows = (await session.execute(found)).all()
    return [(row[0], row[1]) for row in rows]
