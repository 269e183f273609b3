"""Exams without their trees: the list that is filtered, and the worklist with its patients.

An exam is on the day that it is planned for (`scheduled_on`), or else on that on which it was made
in UTC. The worklist begins with today: then come the days before, newest first, and at the end the
days to come, nearest first. A site far from UTC names its own day (`date=2026-11-21`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.exams.filters import ExamFilter
from exam_manager.exams.models import Exam
from exam_manager.paging import Page
from exam_manager.patients.models import Patient
from exam_manager.tasks.models import Task
from exam_manager.workflows.models import Workflow
from scanhub_libraries.errors import BadRequestError
from scanhub_libraries.models import ExamSummary, ItemStatus, PatientOut, WorklistItem

_EXAM = Exam.__table__  # type: ignore[attr-defined]
_PATIENT = Patient.__table__  # type: ignore[attr-defined]
_OF_SUMMARY = [column for column in _EXAM.c if column.name in ExamSummary.model_fields]
_OF_PATIENT = [column for column in _PATIENT.c if column.name in PatientOut.model_fields]
_PREFIX = "of_patient_"
_ORDER = (_EXAM.c.day, _EXAM.c.id)
_NO_TEMPLATE = _EXAM.c.is_template.is_(False)


async def list_exams(
    session: AsyncSession, shown: ExamFilter, page: Page[UUID], *, patient_id: UUID | None
) -> list[ExamSummary]:
    """Return exams without their trees, newest day first: at most three statements."""
    query = sa.select(*_OF_SUMMARY).where(_NO_TEMPLATE, *shown.conditions)
    if patient_id is not None:
        query = query.where(_EXAM.c.patient_id == patient_id)
    query = await page.select(session, query, _ORDER, backwards=True)
    rows = (await session.execute(query)).mappings().all()
    counts = await _count_tasks(session, [row["id"] for row in rows])
    return [_summary(row, counts) for row in rows]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the worklist an exam is."""

    day: date
    exam_id: UUID


async def read_worklist(
    session: AsyncSession, shown: ExamFilter, page: Page[UUID], *, today: date
) -> list[WorklistItem]:
    """Return exams with their patients, today's first: at most four statements."""
    names = (column.label(f"{_PREFIX}{column.name}") for column in _OF_PATIENT)
    query = (
        sa.select(*_OF_SUMMARY, *names)
        .join(_PATIENT, _PATIENT.c.id == _EXAM.c.patient_id)
        .where(_NO_TEMPLATE, *shown.conditions)
    )
    after = await _place_of(session, page.after)
    rows: list[Any] = []
    if after is None or after.day <= today:
        rows += await _until(session, query, today, after, page.fetch)
    rest = None if page.fetch is None else page.fetch - len(rows)
    if rest is None or rest > 0:
        rows += await _from(session, query, today, after, rest)
    counts = await _count_tasks(session, [row["id"] for row in rows])
    return [WorklistItem(exam=_summary(row, counts), patient=_patient(row)) for row in rows]


async def _place_of(session: AsyncSession, exam_id: UUID | None) -> _Place | None:
    if exam_id is None:
        return None
    found = await session.execute(sa.select(*_ORDER).where(_EXAM.c.id == exam_id))
    place = found.one_or_none()
    if place is None:
        raise BadRequestError(
            f"after: there is no exam {exam_id} any more; begin again without it.", field="after"
        )
    return _Place(*place)


async def _until(
    session: AsyncSession,
    query: sa.Select[Any],
    today: date,
    after: _Place | None,
    limit: int | None,
) -> Sequence[Any]:
    """Return what is on today and before, newest first."""
    query = query.where(_EXAM.c.day <= today).order_by(*(column.desc() for column in _ORDER))
    if after is not None:
        query = query.where(sa.tuple_(*_ORDER) < _tuple(after))
    rows: Sequence[Any] = (await session.execute(query.limit(limit))).mappings().all()
    return rows


async def _from(
    session: AsyncSession,
    query: sa.Select[Any],
    today: date,
    after: _Place | None,
    limit: int | None,
) -> Sequence[Any]:
    """Return what is to come, nearest first."""
    query = query.where(_EXAM.c.day > today).order_by(*_ORDER)
    if after is not None and after.day > today:
        query = query.where(sa.tuple_(*_ORDER) > _tuple(after))
    rows: Sequence[Any] = (await session.execute(query.limit(limit))).mappings().all()
    return rows


def _tuple(place: _Place) -> Any:
    return sa.tuple_(
        sa.literal(place.day, _EXAM.c.day.type), sa.literal(place.exam_id, _EXAM.c.id.type)
    )


async def _count_tasks(session: AsyncSession, exam_ids: list[Any]) -> dict[Any, tuple[int, int]]:
    """Return how many tasks exams have, and how many of them are finished."""
    if not exam_ids:
        return {}
    finished = sa.case((col(Task.status) == ItemStatus.FINISHED, 1), else_=0)
    query = (
        sa.select(col(Workflow.exam_id), sa.func.count(), sa.func.sum(finished))
        .join(Task, col(Task.workflow_id) == col(Workflow.id))
        .where(col(Workflow.exam_id).in_(exam_ids))
        .group_by(col(Workflow.exam_id))
    )
    return {exam: (total, done) for exam, total, done in await session.execute(query)}


def _summary(row: Any, counts: dict[Any, tuple[int, int]]) -> ExamSummary:
    total, finished = counts.get(row["id"], (0, 0))
    return ExamSummary.model_validate({**row, "tasks_total": total, "tasks_finished": finished})


def _patient(row: Any) -> PatientOut:
    return PatientOut.model_validate(
        {column.name: row[f"{_PREFIX}{column.name}"] for column in _OF_PATIENT}
    )
