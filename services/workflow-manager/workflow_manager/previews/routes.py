"""Routes of previews."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request
from fastapi.responses import FileResponse

from scanhub_libraries.file_answer import FileAnswer
from scanhub_libraries.models import PreviewOut
from workflow_manager.previews import service

_MOST = 10**9
router = APIRouter(prefix="/api/v1/workflowmanager/previews", tags=["previews"])


@router.get("/{task_id}", summary="List the previews of a scan")
async def list_previews(request: Request, task_id: UUID) -> list[PreviewOut]:
    """Return the previews of the latest scan of a task, oldest first; an empty list is no error.

    They are made while the scan runs, of what its device streams, and are removed some time after.
    """
    return await service.list_previews(request.app.state.wiring.lake, task_id)


@router.get(
    "/{task_id}/{acquisition_id}/{number}",
    summary="Return a preview",
    response_class=FileResponse,
    responses={
        200: {"content": {"image/png": {}}},
        206: {"description": "A range of it"},
        416: {"description": "There is no such range"},
    },
)
async def get_preview(
    request: Request,
    task_id: UUID,
    acquisition_id: UUID,
    number: Annotated[int, Path(ge=1, le=_MOST)],
) -> FileAnswer:
    """Return the image as PNG, 8 bit grey, with a window of its own. Not for diagnosis."""
    path = service.image_path(request.app.state.wiring.lake, task_id, acquisition_id, number)
    return FileAnswer(
        path,
        media_type="image/png",
        filename=f"preview-{number}.png",
        disposition="inline",
        headers={"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"},
    )
