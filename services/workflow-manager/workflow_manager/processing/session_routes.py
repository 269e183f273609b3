"""Routes of what jobs of the SDK left: values and files, for people to look at."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import FileResponse

from scanhub_libraries.errors import NotFoundError
from scanhub_libraries.file_answer import FileAnswer
from scanhub_libraries.models.case import SessionFileOut, SessionValueOut
from scanhub_libraries.web import SessionDep
from workflow_manager.job_sessions import folders, repository
from workflow_manager.processing import telling
from workflow_manager.processing.queueing import get_run, session_of
from workflow_manager.processing.routes import RunId

router = APIRouter(prefix="/api/v1/workflowmanager", tags=["processing"])


@router.get("/processing/{processing_id}/data", summary="List the values that jobs left")
async def list_processing_data(session: SessionDep, processing_id: RunId) -> list[SessionValueOut]:
    """Return the session data of a run: JSON values of its jobs, by job and subject.

    A run that goes on with another one shares them with it.
    """
    run = await get_run(session, processing_id)
    rows = await repository.list_values(session, session_of(run))
    return [telling.describe_value(row) for row in rows]


@router.get("/processing/{processing_id}/session-files", summary="List the files that jobs left")
async def list_processing_files(session: SessionDep, processing_id: RunId) -> list[SessionFileOut]:
    """Return the session files of a run, by job and subject."""
    run = await get_run(session, processing_id)
    rows = await repository.list_files(session, session_of(run))
    return [telling.describe_file(row) for row in rows]


@router.get(
    "/processing/{processing_id}/session-files/{key}/file",
    summary="Return a file that a job left",
    response_class=FileResponse,
    responses={200: {"content": {"application/octet-stream": {}}, "description": "The file"}},
)
async def get_processing_session_file(
    request: Request,
    session: SessionDep,
    processing_id: RunId,
    key: Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="Key of the file")],
) -> FileAnswer:
    """Return the file as the job stored it."""
    run = await get_run(session, processing_id)
    rows = await repository.list_files(session, session_of(run))
    row = next((row for row in rows if row.key == key), None)
    if row is None:
        raise NotFoundError("The run has no such file.")
    path = folders.file_place(request.app.state.wiring.lake.root, row.session_id, row.key)
    return FileAnswer(path, media_type="application/octet-stream", filename=row.name)
