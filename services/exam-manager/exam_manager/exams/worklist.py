"""The worklist: exams of patients without their trees, newest first."""

from datetime import UTC, date, datetime, time
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.exams.models import Exam
from exam_manager.patients.models import Patient
from exam_manager.patients.rules import search_terms
from exam_manager.tasks.models import Task
from exam_manager.workflows.models import Workflow
from scanhub_libraries.models import ExamSummary, ItemStatus, PatientOut, WorklistItem

_EXAM = Exam.__table__  # type: ignore[attr-defined]
_PATIENT = Patient.__table__  # type: ignore[attr-defined]
_PREFIX = "of_patient_"


async def read_worklist(
    session: AsyncSession,
    *,
    search: str | None,
    status: ItemStatus | None,
    since: date | None,
    limit: int,
) -> list[WorklistItem]:
    """Return the newest exams with their patients: two statements.

    Args:
        session: The transaction.
        search: Words that stand in the names of the patient, or begin the accession number.
        status: Only exams in this status.
        since: Only exams made on this day (UTC) or later.
        limit: At most so many.
    """
    query = (
        sa.select(_EXAM, *(column.label(f"{_PREFIX}{column.name}") for column in _PATIENT.c))
        .join(_PATIENT, _PATIENT.c.id == _EXAM.c.patient_id)
        .where(_EXAM.c.is_template.is_(False))
        .order_by(_EXAM.c.datetime_created.desc(), _EXAM.c.id.desc())
        .limit(limit)
    )
    if status is not None:
        query = query.where(_EXAM.c.status == status)
    if since is not None:
        query = query.where(_EXAM.c.datetime_created >= datetime.combine(since, time(), UTC))
    for term in search_terms(search or ""):
        query = query.where(
            _PATIENT.c.search_text.like(f"%{term}%", escape="\\")
            | sa.func.lower(_EXAM.c.accession_number).like(f"{term}%", escape="\\")
        )
    rows = (await session.execute(query)).mappings().all()
    counts = await _count_tasks(session, [row["id"] for row in rows])
    return [_item(dict(row), counts.get(row["id"], (0, 0))) for row in rows]


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


def _item(row: dict[str, Any], counts: tuple[int, int]) -> WorklistItem:
    patient = {column.name: row[f"{_PREFIX}{column.name}"] for column in _PATIENT.c}
    return WorklistItem(
        exam=ExamSummary.model_validate(
            {
                **row,
                "patient_id": patient["id"],
                "tasks_total": counts[0],
                "tasks_finished": counts[1],
            }
        ),
        patient=PatientOut.model_validate(patient),
    )
