"""Routes of what jobs of the SDK left: values and files, for people to look at."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import FileResponse

from scanhub_libraries.file_answer import FileAnswer
from scanhub_libraries.models.case import (
    RunSessionOut,
    SessionFileOut,
    SessionHold,
    SessionValueOut,
)
from scanhub_libraries.web import SessionDep
from workflow_manager.job_sessions import telling
from workflow_manager.processing.queueing import get_run, session_of
from workflow_manager.processing.routes import RunId

router = APIRouter(prefix="/api/v1/workflowmanager", tags=["processing"])
FileKey = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="Key of the file")]


@router.get("/processing/{processing_id}/data", summary="List the values that jobs left")
async def list_processing_data(session: SessionDep, processing_id: RunId) -> list[SessionValueOut]:
    """Return the session data of a run: JSON values of its jobs, by job and subject.

    A run that goes on with another one shares them with it.
    """
    run = await get_run(session, processing_id)
    return await telling.list_values(session, session_of(run))


@router.get("/processing/{processing_id}/session-files", summary="List the files that jobs left")
async def list_processing_files(session: SessionDep, processing_id: RunId) -> list[SessionFileOut]:
    """Return the session files of a run, by job and subject."""
    run = await get_run(session, processing_id)
    return await telling.list_files(session, session_of(run))


@router.get(
    "/processing/{processing_id}/session-files/{key}/file",
    summary="Return a file that a job left",
    response_class=FileResponse,
    responses={200: {"content": {"application/octet-stream": {}}, "description": "The file"}},
)
async def get_processing_session_file(
    request: Request, session: SessionDep, processing_id: RunId, key: FileKey
) -> FileAnswer:
    """Return the file as the job stored it."""
    run = await get_run(session, processing_id)
    return await telling.file_answer(request.app.state.wiring, session, session_of(run), key)


@router.get("/processing/{processing_id}/session", summary="Return the session of a run")
async def get_processing_session(session: SessionDep, processing_id: RunId) -> RunSessionOut:
    """Return how its jobs of the SDK ended, how long is kept what they left, and its hooks."""
    run = await get_run(session, processing_id)
    return await telling.describe_session(session, session_of(run))


@router.put("/processing/{processing_id}/session", summary="Hold what jobs left, or release it")
async def hold_processing_session(
    session: SessionDep, processing_id: RunId, wanted: SessionHold
) -> RunSessionOut:
    """Let nothing of the session be removed; or let it go when its time is over."""
    run = await get_run(session, processing_id)
    return await telling.hold(session, session_of(run), wanted)
