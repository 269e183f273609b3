"""HTTP: /api/v1/exam/result and /api/v1/exam/dcm."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Query, status
from fastapi.responses import FileResponse

from exam_manager.dependencies import LakeDep, NowDep
from exam_manager.results import service
from scanhub_libraries.models import ResultOut, SetResult
from scanhub_libraries.web import PrincipalDep, SessionDep

router = APIRouter(prefix="/api/v1/exam", tags=["results"])


@router.post("/result", status_code=status.HTTP_201_CREATED, summary="Create a blank result")
async def create_result(
    task_id: Annotated[UUID, Query()],
    session: SessionDep,
    principal: PrincipalDep,
    now: NowDep,
    result_id: Annotated[UUID | None, Query(description="With it, repeating is harmless")] = None,
) -> ResultOut:
    """Create a blank result of a task."""
    return await service.create_result(
        session, task_id, result_id=result_id, principal=principal, now=now
    )


@router.get("/result/all/{task_id}", summary="The results of a task")
async def list_results(
    task_id: UUID, session: SessionDep, principal: PrincipalDep
) -> list[ResultOut]:
    """Return the results of a task, oldest first."""
    return await service.list_results(session, task_id, principal=principal)


@router.get("/result/{result_id}", summary="One result")
async def get_result(result_id: UUID, session: SessionDep, principal: PrincipalDep) -> ResultOut:
    """Return a result."""
    return await service.get_result(session, result_id, principal=principal)


@router.put("/result/{result_id}", summary="Set what a result is")
async def set_result(
    result_id: UUID, result: SetResult, session: SessionDep, lake: LakeDep, principal: PrincipalDep
) -> ResultOut:
    """Write type, files and meta of a result; the files must be in the lake."""
    return await service.set_result(session, result_id, result, lake, principal=principal)


@router.delete(
    "/result/{result_id}", status_code=status.HTTP_204_NO_CONTENT, summary="Delete a result"
)
async def delete_result(
    result_id: UUID,
    session: SessionDep,
    lake: LakeDep,
    principal: PrincipalDep,
    background: BackgroundTasks,
) -> None:
    """Delete a result and, once that is committed, its files."""
    folder = await service.delete_result(session, result_id, principal=principal)
    background.add_task(lake.delete_tree, folder)


@router.get(
    "/dcm/{workflow_id}/{task_id}/{result_id}/{filename}",
    summary="A DICOM file",
    response_class=FileResponse,
    responses={200: {"content": {"application/dicom": {}}}, 206: {"description": "A range of it"}},
)
async def get_dicom_file(
    *,
    workflow_id: UUID,
    task_id: UUID,
    result_id: UUID,
    filename: str,
    session: SessionDep,
    lake: LakeDep,
) -> FileResponse:
    """Return the bytes of a DICOM file; ranges are supported."""
    path = await service.find_dicom_file(
        session,
        lake,
        workflow_id=workflow_id,
        task_id=task_id,
        result_id=result_id,
        filename=filename,
    )
    return FileResponse(
        path,
        media_type="application/dicom",
        filename=filename,
        content_disposition_type="inline",
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )
