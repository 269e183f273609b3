"""Exams without their trees: the list that is filtered, and the worklist with its patients.

An exam is on the day that it is planned for (`scheduled_on`), or else on that on which it was made
in UTC. The worklist begins with today: then come the days before, newest first, and at the end the
days to come, nearest first. A site far from UTC names its own day (`date=2026-11-21`).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
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


@dataclass(slots=True)
class _Counts:
    """Of the tasks of an exam."""

    tasks_total: int = 0
    tasks_finished: int = 0
    tasks_failed: int = 0
    device_ids: list[UUID] = field(default_factory=list)

    def add(self, device_id: UUID | None, total: int, finished: int, failed: int) -> None:
        """Add the tasks on one device, or those on none."""
        self.tasks_total += total
        self.tasks_finished += finished
        self.tasks_failed += failed
        if device_id is not None:
            self.device_ids.append(device_id)


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


async def _count_tasks(session: AsyncSession, exam_ids: list[Any]) -> dict[Any, _Counts]:
    """Return how many tasks exams have, what became of them, and on which devices they are."""
    if not exam_ids:
        return {}
    exam, device = col(Workflow.exam_id), col(Task.device_id)
    query = (
        sa.select(exam, device, sa.func.count(), _sum(ItemStatus.FINISHED), _sum(ItemStatus.ERROR))
        .join(Task, col(Task.workflow_id) == col(Workflow.id))
        .where(exam.in_(exam_ids))
        .group_by(exam, device)
    )
    counts: dict[Any, _Counts] = {}
    for exam_id, device_id, total, finished, failed in await session.execute(query):
        counts.setdefault(exam_id, _Counts()).add(device_id, total, finished, failed)
    return counts


def _sum(status: ItemStatus) -> sa.ColumnElement[int]:
    return sa.func.sum(sa.case((col(Task.status) == status, 1), else_=0))


def _summary(row: Any, counts: dict[Any, _Counts]) -> ExamSummary:
    return ExamSummary.model_validate({**row, **asdict(counts.get(row["id"], _Counts()))})


def _patient(row: Any) -> PatientOut:
    return PatientOut.model_validate(
        {column.name: row[f"{_PREFIX}{column.name}"] for column in _OF_PATIENT}
    )
