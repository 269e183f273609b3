"""HTTP: /api/v1/exam."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date as Date  # noqa: N812 - the query parameter is called date
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Query, Request, Response, status

from exam_manager.dependencies import (
    IfNoneMatchDep,
    LakeDep,
    NowDep,
    SessionsDep,
    TreesDep,
)
from exam_manager.exams import service, trees, worklist
from exam_manager.exams.filters import ExamFilterDep
from exam_manager.pages import PageDep
from exam_manager.paging import Page
from scanhub_libraries.models import BaseExam, ExamOut, ExamSummary, WorklistItem
from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.versions import etag, is_known
from scanhub_libraries.web import IfMatchDep, PrincipalDep, SessionDep

router = APIRouter(prefix="/api/v1/exam", tags=["exams"])
_AT_ONCE = 100


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


@router.get("/worklist", summary="The exams of a day with their patients")
async def get_worklist(
    *,
    session: SessionDep,
    now: NowDep,
    shown: ExamFilterDep,
    page: PageDep,
    request: Request,
    response: Response,
    date: Annotated[
        Literal["today"] | Date | None,
        Query(description="Only this day; today is the day in UTC, a site elsewhere names its own"),
    ] = None,
) -> list[WorklistItem]:
    """Return exams without their trees: today's, then those before, then those to come."""
    today = now.date()
    if date is not None:
        day = today if date == "today" else date
        shown = replace(shown, since=day, until=day)
    page = page.bounded(_AT_ONCE)
    found = await worklist.read_worklist(session, shown, page, today=today)
    return page.cut(found, lambda item: item.exam.id, request, response)


@router.get("/list", summary="Exams without their trees")
async def list_exam_summaries(
    *,
    session: SessionDep,
    shown: ExamFilterDep,
    page: PageDep,
    request: Request,
    response: Response,
    patient_id: Annotated[UUID | None, Query(description="Only exams of this patient")] = None,
) -> list[ExamSummary]:
    """Return exams, no templates, newest day first; without `limit` at most 100."""
    page = page.bounded(_AT_ONCE)
    found = await worklist.list_exams(session, shown, page, patient_id=patient_id)
    return page.cut(found, lambda exam: exam.id, request, response)


@router.get("/templates/all", summary="All exam templates", response_model=list[ExamOut])
async def list_exam_templates(
    session: SessionDep,
    known: TreesDep,
    page: PageDep,
    request: Request,
    search: Annotated[
        ShortText | None, Query(description="Words in the name or the description")
    ] = None,
) -> Response:
    """Return all exam templates with their trees, newest first."""
    found = await trees.list_templates(session, known, page, search=search)
    return _answer(found, page, request)


@router.get("/all/{patient_id}", summary="The exams of a patient", response_model=list[ExamOut])
async def list_exams(
    *,
    patient_id: UUID,
    session: SessionDep,
    known: TreesDep,
    shown: ExamFilterDep,
    page: PageDep,
    request: Request,
) -> Response:
    """Return the exams of a patient with their trees, newest first."""
    found = await trees.list_exams(session, known, page, shown, patient_id=patient_id)
    return _answer(found, page, request)


def _answer(found: Sequence[trees.Tree], page: Page[UUID], request: Request) -> Response:
    headers = Response()
    some = page.cut(found, lambda tree: tree.exam_id, request, headers)
    body = b"[" + b",".join(tree.json for tree in some) + b"]"
    link = {"Link": headers.headers["Link"]} if "Link" in headers.headers else {}
    return Response(body, media_type="application/json", headers=link)


@router.get(
    "/{exam_id}",
    summary="One exam",
    response_model=ExamOut,
    responses={304: {"description": "Nothing changed since the tag of If-None-Match"}},
)
async def get_exam(
    exam_id: UUID, sessions: SessionsDep, known: TreesDep, if_none_match: IfNoneMatchDep = None
) -> Response:
    """Return an exam with its whole tree."""
    tree = await trees.get_tree(sessions, known, exam_id)
    tag = etag(tree.version, tree.revision)
    if is_known(if_none_match, tag):
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=tag)
    return Response(tree.json, media_type="application/json", headers=tag)


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
    response.headers.update(await trees.get_tag(session, exam_id))
    return changed


@router.delete("/{exam_id}", status_code=status.HTTP_204_NO_CONTENT, summary="Delete an exam")
async def delete_exam(
    exam_id: UUID,
    session: SessionDep,
    lake: LakeDep,
    background: BackgroundTasks,
    if_match: IfMatchDep = None,
) -> None:
    """Delete an exam with everything below it and, once committed, its files."""
    for folder in await service.delete_exam(session, exam_id, if_match=if_match):
        background.add_task(lake.delete_tree, folder)
