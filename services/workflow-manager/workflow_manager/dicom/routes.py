"""Routes of the image index."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import FileResponse

from scanhub_libraries.errors import NotFoundError
from scanhub_libraries.models import InstanceOut, SeriesOut
from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.web import SessionDep
from workflow_manager.dicom import repository
from workflow_manager.dicom.models import DicomInstance

router = APIRouter(prefix="/api/v1/workflowmanager", tags=["images"])
Uid = Annotated[ShortText, Path()]


@router.get("/series", summary="List series")
async def list_series(
    session: SessionDep,
    study_instance_uid: Annotated[ShortText | None, Query()] = None,
    task_id: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[SeriesOut]:
    """Return series, newest first."""
    rows = await repository.list_series(
        session, study_instance_uid=study_instance_uid, task_id=task_id, limit=limit
    )
    return [
        SeriesOut.model_validate({**series.model_dump(), "instances": count})
        for series, count in rows
    ]


@router.get("/series/{series_instance_uid}/instances", summary="List the images of a series")
async def list_instances(session: SessionDep, series_instance_uid: Uid) -> list[InstanceOut]:
    """Return the images of a series in order."""
    rows = await repository.list_instances(session, series_instance_uid)
    if not rows:
        raise NotFoundError(f"There is no series {series_instance_uid[:64]}.")
    return [
        InstanceOut.model_validate({**row.model_dump(), "size_bytes": row.size}) for row in rows
    ]


@router.get(
    "/instances/{sop_instance_uid}/file",
    summary="Download an image",
    response_class=FileResponse,
    responses={
        200: {"content": {"application/dicom": {}}},
        206: {"description": "A range of it"},
        416: {"description": "There is no such range"},
    },
)
async def get_instance_file(
    request: Request, session: SessionDep, sop_instance_uid: Uid
) -> FileResponse:
    """Return the DICOM file; Range requests are answered."""
    row = await session.get(DicomInstance, sop_instance_uid)
    if row is None:
        raise NotFoundError(f"There is no image {sop_instance_uid[:64]}.")
    path = request.app.state.wiring.lake.path(row.key)
    return FileResponse(
        path,
        media_type="application/dicom",
        headers={"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"},
    )
