"""HTTP: /api/v1/exam."""

from datetime import date as Date  # noqa: N812 - the query parameter is called date
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Query, Response, status

from exam_manager.dependencies import IfMatchDep, LakeDep, NowDep
from exam_manager.exams import service
from exam_manager.exams.service import EXAM
from exam_manager.exams.worklist import read_worklist
from exam_manager.versions import etag
from scanhub_libraries.models import BaseExam, ExamOut, ItemStatus, WorklistItem
from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.web import PrincipalDep, SessionDep

router = APIRouter(prefix="/api/v1/exam", tags=["exams"])


@router.post("/new", status_code=status.HTTP_201_CREATED, summary="Create an exam")
async def create_exam(
    exam: BaseExam, session: SessionDep, principal: PrincipalDep, now: NowDep
) -> ExamOut:
    """Create an exam of a patient, or a template."""
    return await service.create_exam(session, exam, creator=principal.subject, now=now)


@router.post("/", status_code=status.HTTP_201_CREATED, summary="Make an exam from a template")
async def copy_exam(
    template_id: Annotated[UUID, Query()],
    exam: BaseExam,
    session: SessionDep,
    principal: PrincipalDep,
    now: NowDep,
) -> ExamOut:
    """Copy an exam template with its whole tree; the body says what is different."""
    return await service.copy_exam(session, template_id, exam, creator=principal.subject, now=now)


@router.get("/worklist", summary="The newest exams with their patients")
async def get_worklist(
    *,
    session: SessionDep,
    now: NowDep,
    search: Annotated[ShortText | None, Query(description="Words in the patient's names")] = None,
    status: Annotated[ItemStatus | None, Query()] = None,
    date: Annotated[Literal["today"] | Date | None, Query(description="Made since (UTC)")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[WorklistItem]:
    """Return exams, newest first, without their trees."""
    since = now.date() if date == "today" else date
    return await read_worklist(session, search=search, status=status, since=since, limit=limit)


@router.get("/templates/all", summary="All exam templates")
async def list_exam_templates(session: SessionDep) -> list[ExamOut]:
    """Return all exam templates with their trees."""
    return await service.read_exams(session, EXAM.c.is_template)


@router.get("/all/{patient_id}", summary="The exams of a patient")
async def list_exams(patient_id: UUID, session: SessionDep) -> list[ExamOut]:
    """Return the exams of a patient with their trees, newest first."""
    return await service.read_exams(session, EXAM.c.patient_id == patient_id)


@router.get("/{exam_id}", summary="One exam")
async def get_exam(exam_id: UUID, session: SessionDep, response: Response) -> ExamOut:
    """Return an exam with its whole tree."""
    exam = await service.get_exam(session, exam_id)
    response.headers.update(etag(exam.version))
    return exam


@router.put("/{exam_id}", summary="Change an exam")
async def update_exam(
    *,
    exam_id: UUID,
    exam: BaseExam,
    session: SessionDep,
    now: NowDep,
    response: Response,
    if_match: IfMatchDep = None,
) -> ExamOut:
    """Take a person's edit."""
    changed = await service.update_exam(session, exam_id, exam, if_match=if_match, now=now)
    response.headers.update(etag(changed.version))
    return changed


@router.delete("/{exam_id}", status_code=status.HTTP_204_NO_CONTENT, summary="Delete an exam")
async def delete_exam(
    exam_id: UUID, session: SessionDep, lake: LakeDep, background: BackgroundTasks
) -> None:
    """Delete an exam with everything below it and, once committed, its files."""
    for folder in await service.delete_exam(session, exam_id):
        background.add_task(lake.delete_tree, folder)
