"""HTTP: /api/v1/exam/result."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Query, Request, Response, status

from exam_manager.dependencies import LakeDep, NowDep
from exam_manager.pages import PageDep
from exam_manager.results import service
from scanhub_libraries.models import ResultOut, SetResult
from scanhub_libraries.versions import etag
from scanhub_libraries.web import IfMatchDep, PrincipalDep, SessionDep

router = APIRouter(prefix="/api/v1/exam", tags=["results"])


@router.post("/result", status_code=status.HTTP_201_CREATED, summary="Create a blank result")
async def create_result(
    *,
    task_id: Annotated[UUID, Query()],
    session: SessionDep,
    principal: PrincipalDep,
    now: NowDep,
    response: Response,
    result_id: Annotated[UUID | None, Query(description="With it, repeating is harmless")] = None,
) -> ResultOut:
    """Create a blank result of a task."""
    result = await service.create_result(
        session, task_id, result_id=result_id, principal=principal, now=now
    )
    response.headers.update(etag(result.version))
    return result


@router.get("/result/all/{task_id}", summary="The results of a task")
async def list_results(
    *,
    task_id: UUID,
    page: PageDep,
    session: SessionDep,
    principal: PrincipalDep,
    request: Request,
    response: Response,
) -> list[ResultOut]:
    """Return the results of a task, oldest first; whole, or in pages with `limit`."""
    found = await service.list_results(session, task_id, page=page, principal=principal)
    return page.cut(found, lambda result: result.id, request, response)


@router.get("/result/{result_id}", summary="One result")
async def get_result(
    result_id: UUID, session: SessionDep, principal: PrincipalDep, response: Response
) -> ResultOut:
    """Return a result; the ETag has its version."""
    result = await service.get_result(session, result_id, principal=principal)
    response.headers.update(etag(result.version))
    return result


@router.put("/result/{result_id}", summary="Set what a result is")
async def set_result(
    *,
    result_id: UUID,
    result: SetResult,
    session: SessionDep,
    lake: LakeDep,
    principal: PrincipalDep,
    now: NowDep,
    response: Response,
    task_id: Annotated[
        UUID | None, Query(description="Create the result for this task, if it is not there yet")
    ] = None,
    if_match: IfMatchDep = None,
) -> ResultOut:
    """Write type, files and meta of a result; the files must be in the lake."""
    written = await service.set_result(
        session,
        result_id,
        result,
        lake,
        task_id=task_id,
        if_match=if_match,
        principal=principal,
        now=now,
    )
    response.headers.update(etag(written.version))
    return written


@router.delete(
    "/result/{result_id}", status_code=status.HTTP_204_NO_CONTENT, summary="Delete a result"
)
async def delete_result(
    *,
    result_id: UUID,
    session: SessionDep,
    lake: LakeDep,
    principal: PrincipalDep,
    background: BackgroundTasks,
    if_match: IfMatchDep = None,
) -> None:
    """Delete a result that nothing works with and, once that is committed, its files."""
    folder = await service.delete_result(session, result_id, if_match=if_match, principal=principal)
    background.add_task(lake.delete_tree, folder)
