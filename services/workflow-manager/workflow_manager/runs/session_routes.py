"""Routes of what jobs of the SDK left in runs of exams: values, files, hooks."""

from typing import Annotated
from uuid import UUID

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
from workflow_manager.runs.service import get_run

router = APIRouter(prefix="/api/v1/workflowmanager/runs/{run_id}", tags=["runs"])
RunId = Annotated[UUID, Path(description="Id of the run")]
FileKey = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="Key of the file")]


@router.get("/data", summary="List the values that a job left")
async def list_run_data(session: SessionDep, run_id: RunId) -> list[SessionValueOut]:
    """Return the session data of a run, once its job has ended, well or not."""
    return await telling.list_values(session, (await get_run(session, run_id)).id)


@router.get("/session-files", summary="List the files that a job left in its session")
async def list_run_files(session: SessionDep, run_id: RunId) -> list[SessionFileOut]:
    """Return the session files of a run; of one that succeeded they are in its result too."""
    return await telling.list_files(session, (await get_run(session, run_id)).id)


@router.get(
    "/session-files/{key}/file",
    summary="Return a file that a job left in its session",
    response_class=FileResponse,
    responses={200: {"content": {"application/octet-stream": {}}, "description": "The file"}},
)
async def get_run_session_file(
    request: Request, session: SessionDep, run_id: RunId, key: FileKey
) -> FileAnswer:
    """Return the file as the job stored it."""
    run = await get_run(session, run_id)
    return await telling.file_answer(request.app.state.wiring, session, run.id, key)


@router.get("/session", summary="Return the session of a run")
async def get_run_session(session: SessionDep, run_id: RunId) -> RunSessionOut:
    """Return how its jobs ended, how long is kept what they left, and its hooks."""
    return await telling.describe_session(session, (await get_run(session, run_id)).id)


@router.put("/session", summary="Hold what a job left, or release it")
async def hold_run_session(
    session: SessionDep, run_id: RunId, wanted: SessionHold
) -> RunSessionOut:
    """Let nothing of the session be removed; or let it go when its time is over."""
    return await telling.hold(session, (await get_run(session, run_id)).id, wanted)
