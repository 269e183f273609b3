"""Routes of processing: runs of modules, what they say and leave, stopped and tried again."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Path, Query, Request, Response
from fastapi.responses import FileResponse

from scanhub_libraries.models import CaseOut
from scanhub_libraries.models.case import ProcessingRetry, ProcessingReviewIn, ProcessingRunOut
from scanhub_libraries.models.run import RunPriorityIn
from scanhub_libraries.web import PrincipalDep, SessionDep
from workflow_manager.cases.service import describe_all, get_case
from workflow_manager.dispatch.rules import Priority
from workflow_manager.processing import by_hand, repository, telling
from workflow_manager.processing.folders import StepFolders
from workflow_manager.processing.queueing import get_run
from workflow_manager.processing.rules import RunState
from workflow_manager.programs.log import read_log

router = APIRouter(prefix="/api/v1/workflowmanager", tags=["processing"])
RunId = Annotated[UUID, Path(description="Id of the run of modules")]
CaseId = Annotated[UUID, Path(description="Id of the case")]
_BYTES = 65_536


@router.get("/processing", summary="List runs of modules")
async def list_processing(
    session: SessionDep,
    *,
    state: Annotated[
        list[RunState] | None, Query(description="Only in one of these states")
    ] = None,
    case_id: Annotated[UUID | None, Query(description="Only of this case")] = None,
    before: Annotated[UUID | None, Query(description="Only runs older than this one")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[ProcessingRunOut]:
    """Return runs, newest first; the next page begins `before` the last one of this."""
    runs = await repository.list_runs(
        session, case_id=case_id, states=state or (), before=before, limit=limit
    )
    return await telling.describe_all(session, runs)


@router.get("/processing/{processing_id}", summary="Return a run of modules")
async def get_processing(session: SessionDep, processing_id: RunId) -> ProcessingRunOut:
    """Return a run with its steps: state, reason, the last lines of the log, result.json."""
    run = await get_run(session, processing_id)
    return (await telling.describe_all(session, [run]))[0]


@router.get(
    "/processing/{processing_id}/steps/{position}/log",
    summary="Return what a module said",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "The log, as far as it is"}},
)
async def get_processing_log(
    request: Request,
    session: SessionDep,
    processing_id: RunId,
    position: Annotated[int, Path(ge=1, le=1000, description="Number of the step, from 1")],
    offset: Annotated[
        int, Query(ge=0, description="Begin here; `X-Log-Size` of the last answer [byte]")
    ] = 0,
) -> Response:
    """Return the log of a step, also while it runs; lines begin with the time at which they came.

    The answer ends where the log ends now; `X-Log-Size` says where, to ask for more from there.
    """
    run = await get_run(session, processing_id)
    folders = StepFolders(request.app.state.wiring.lake.root, run.id, position)
    data = await asyncio.to_thread(read_log, folders.log)
    headers = {"X-Log-Size": str(len(data)), "Cache-Control": "no-store"}
    return Response(data[offset:], media_type="text/plain; charset=utf-8", headers=headers)


@router.get(
    "/processing/{processing_id}/files/{name:path}",
    summary="Return a file that a module made and that is no image",
    response_class=FileResponse,
    responses={200: {"content": {"application/octet-stream": {}}, "description": "The file"}},
)
async def get_processing_file(
    request: Request,
    session: SessionDep,
    processing_id: RunId,
    name: Annotated[str, Path(max_length=1000, description="Of `other_files` of the run")],
) -> FileResponse:
    """Return the file as it came out; it is kept as long as the log."""
    run = await get_run(session, processing_id)
    path = await by_hand.find_file(request.app.state.wiring, run, name)
    return FileResponse(path, media_type="application/octet-stream", filename=path.name)


@router.post("/processing/{processing_id}/priority", summary="Change when modules run")
async def prioritize_processing(
    session: SessionDep, processing_id: RunId, wanted: RunPriorityIn
) -> ProcessingRunOut:
    """Give a run of modules that has not begun another place in its queue."""
    run = await by_hand.prioritize(session, processing_id, Priority(wanted.priority))
    return (await telling.describe_all(session, [run]))[0]


@router.post("/cases/{case_id}/processing/cancel", summary="Stop the modules of a case")
async def cancel_processing(
    request: Request, session: SessionDep, principal: PrincipalDep, case_id: CaseId
) -> CaseOut:
    """Kill the module that runs, or let none begin; the case fails and can be tried again."""
    wiring = request.app.state.wiring
    await by_hand.cancel(session, wiring, case_id, actor=principal.actor)
    case = await get_case(session, case_id)
    return (await describe_all(session, [case], wiring.settings.offpeak))[0]


@router.post("/cases/{case_id}/processing/retry", summary="Let the modules of a case run again")
async def retry_processing(
    request: Request,
    session: SessionDep,
    principal: PrincipalDep,
    case_id: CaseId,
    wanted: Annotated[ProcessingRetry | None, Body()] = None,
) -> CaseOut:
    """Go on with the step that failed, or another one, or begin anew by the rule as it is by now.

    An empty body goes on with the step that failed.
    """
    wiring, wanted = request.app.state.wiring, wanted or ProcessingRetry()
    await by_hand.retry(session, wiring, case_id, wanted, actor=principal.actor)
    case = await get_case(session, case_id)
    return (await describe_all(session, [case], wiring.settings.offpeak))[0]


@router.post("/cases/{case_id}/processing/review", summary="Decide about what modules made")
async def review_processing(
    request: Request,
    session: SessionDep,
    principal: PrincipalDep,
    case_id: CaseId,
    wanted: ProcessingReviewIn,
) -> CaseOut:
    """Let it go where the rule says, or nowhere; who decides is kept with the run."""
    wiring = request.app.state.wiring
    await by_hand.review(session, wiring, case_id, wanted, principal=principal)
    case = await get_case(session, case_id)
    return (await describe_all(session, [case], wiring.settings.offpeak))[0]
