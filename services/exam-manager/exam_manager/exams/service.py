"""Exams: the root of the tree."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.database import see_one_state
from exam_manager.exams import rules
from exam_manager.exams.models import Exam, accession_folded, search_text
from exam_manager.exams.rules import Act
from exam_manager.exams.standing import WITH_NEWEST_RELEASED, standing_of
from exam_manager.patients.models import Patient
from exam_manager.tasks import repository as task_repository
from exam_manager.tasks import service as tasks
from exam_manager.tasks.copying import copied_tree
from exam_manager.tasks.repository import TASK
from exam_manager.tasks.rules import status_of_edited
from exam_manager.tasks.tree import emit_exam
from exam_manager.workflows import service as workflows
from exam_manager.workflows.service import WORKFLOW
from scanhub_libraries.errors import BadRequestError, ConflictError, NotFoundError
from scanhub_libraries.events import EventType
from scanhub_libraries.ids import dicom_uid, new_id
from scanhub_libraries.models import BaseExam, ExamOut, ItemStatus, WorkflowOut
from scanhub_libraries.versions import check_version

EXAM = Exam.__table__  # type: ignore[attr-defined]
_OURS = ("scheduled_on", "accession_number", "patient_position")
"""What ScanHub's clients do not know, and leave as it is."""


def _exam_out(row: Any, found: list[WorkflowOut]) -> ExamOut:
    return ExamOut.model_validate({**row, "workflows": found})


async def read_exams(session: AsyncSession, *conditions: sa.ColumnElement[bool]) -> list[ExamOut]:
    """Return exams with the whole tree below them, newest first: four statements."""
    query = (
        sa.select(EXAM)
        .where(*conditions)
        .order_by(EXAM.c.datetime_created.desc(), EXAM.c.id.desc())
    )
    rows = (await session.execute(query)).mappings().all()
    below = WORKFLOW.c.exam_id.in_(sa.select(EXAM.c.id).where(*conditions))
    by_exam: dict[UUID, list[WorkflowOut]] = {row["id"]: [] for row in rows}
    for workflow in await workflows.read_workflows(session, below) if rows else []:
        if workflow.exam_id in by_exam:
            by_exam[workflow.exam_id].append(workflow)
    return [_exam_out(row, by_exam[row["id"]]) for row in rows]


async def get_exam(session: AsyncSession, exam_id: UUID) -> ExamOut:
    """Return one exam."""
    found = await read_exams(session, EXAM.c.id == exam_id)
    if not found:
        raise NotFoundError(f"There is no exam {exam_id}.")
    return found[0]


async def _check_patient(session: AsyncSession, body: BaseExam) -> None:
    rules.check_patient(is_template=body.is_template, patient_id=body.patient_id)
    if body.patient_id is not None:
        query = sa.select(col(Patient.id)).where(col(Patient.id) == body.patient_id)
        if await session.scalar(query) is None:
            raise BadRequestError(f"There is no patient {body.patient_id}.", field="patient_id")


async def create_exam(
    session: AsyncSession, body: BaseExam, *, creator: str, now: datetime
) -> ExamOut:
    """Create an exam without workflows, or a template."""
    rules.check_new_status(body.status)
    await _check_patient(session, body)
    row = new_exam(body, creator=creator, now=now)
    await insert_exam(session, row)
    return _exam_out(row, [])


def new_exam(body: BaseExam, *, creator: str, now: datetime) -> dict[str, Any]:
    """Return the row of a new exam; a template begins a protocol of its own."""
    exam_id = new_id()
    return {
        **body.model_dump(),
        "id": exam_id,
        "protocol_id": exam_id if body.is_template else None,
        "protocol_version": 1 if body.is_template else None,
        "status": ItemStatus.NEW,
        "study_instance_uid": None if body.is_template else dicom_uid(new_id()),
        "creator": creator,
        "datetime_created": now,
        "datetime_updated": None,
        "version": 1,
    }


async def insert_exam(session: AsyncSession, row: dict[str, Any]) -> None:
    """Write the row of a new exam, and tell of it."""
    await session.execute(sa.insert(Exam), [row])
    emit_exam(session, EventType.EXAM_CREATED, Exam(**row))


async def copy_exam(
    session: AsyncSession, template_id: UUID, body: BaseExam, *, creator: str, now: datetime
) -> ExamOut:
    """Make an exam from a template, with the whole tree, in one transaction."""
    await see_one_state(session)
    await _check_patient(session, body)
    which = {"exam_id": template_id}
    found = (await session.execute(WITH_NEWEST_RELEASED, which)).one_or_none()
    if found is None:
        raise BadRequestError(f"There is no exam template {template_id}.", field="template_id")
    source, newest = found
    rules.check_source(is_template=source.is_template, what="exam")
    rules.check_act(standing_of(source), Act.COPY)
    order = (WORKFLOW.c.position, WORKFLOW.c.datetime_created, WORKFLOW.c.id)
    query = sa.select(WORKFLOW).where(WORKFLOW.c.exam_id == template_id).order_by(*order)
    sources = [dict(row) for row in (await session.execute(query)).mappings()]
    below = TASK.c.workflow_id.in_(
        sa.select(WORKFLOW.c.id).where(WORKFLOW.c.exam_id == template_id)
    )
    row = new_exam(body, creator=creator, now=now)
    row |= {"template_id": template_id, "template_version": source.protocol_version}
    if "patient_position" not in body.model_fields_set:
        row["patient_position"] = source.patient_position
    new_workflows, new_tasks = copied_tree(
        sources,
        await task_repository.list_rows(session, (below,)),
        exam_id=row["id"],
        is_template=body.is_template,
        creator=creator,
        now=now,
    )
    await insert_exam(session, row)
    await workflows.insert_tree(session, new_workflows, new_tasks)
    row["template_note"] = rules.copy_note(source.protocol_version, newest)
    return _exam_out(row, workflows.tree_out(new_workflows, new_tasks))


async def update_exam(
    session: AsyncSession, exam_id: UUID, body: BaseExam, *, if_match: str | None, now: datetime
) -> ExamOut:
    """Take a person's edit."""
    row = await _get(session, exam_id)
    check_version(if_match, row.version)
    rules.check_act(standing_of(row), Act.EDIT)
    rules.check_put_status(body.status)
    rules.check_template_kept(stored=row.is_template, given=body.is_template)
    await _check_patient(session, body)
    if body.patient_id != row.patient_id and await tasks.exam_has_started(session, exam_id):
        raise ConflictError(
            "Tasks of the exam were started: its images are of this patient.", field="patient_id"
        )
    found = await task_repository.statuses_of_exam(session, exam_id)
    status = status_of_edited(row.status, body.status, [status for _, status in found])
    given = body.model_dump()
    for name in _OURS:
        if name not in body.model_fields_set:
            given[name] = getattr(row, name)
    row.sqlmodel_update({**given, "status": status})
    row.search_text = search_text(body.name, body.description)
    row.accession_folded = accession_folded(row.accession_number)
    row.day = row.scheduled_on or row.datetime_created.date()
    row.version += 1
    row.datetime_updated = now
    emit_exam(session, EventType.EXAM_UPDATED, row)
    await session.flush()
    return await get_exam(session, exam_id)


async def delete_exam(
    session: AsyncSession, exam_id: UUID, *, if_match: str | None = None
) -> list[str]:
    """Delete an exam with its tree; return the folders to remove once that is committed."""
    row = await _get(session, exam_id)
    check_version(if_match, row.version)
    rules.check_act(standing_of(row), Act.DELETE)
    await tasks.check_exam_free(session, exam_id, "delete the exam")
    query = sa.select(WORKFLOW.c.id).where(WORKFLOW.c.exam_id == exam_id)
    folders = [f"lake/{workflow_id}" for workflow_id in await session.scalars(query)]
    await session.delete(row)
    emit_exam(session, EventType.EXAM_DELETED, row)
    return folders


async def _get(session: AsyncSession, exam_id: UUID) -> Exam:
    row = await session.get(Exam, exam_id, with_for_update=True)
    if row is None:
        raise NotFoundError(f"There is no exam {exam_id}.")
    return row
