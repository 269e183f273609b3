"""Routes of runs."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Query, Request, Response
from pydantic import AwareDatetime

from scanhub_libraries.models import RunOut
from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.models.run import RunPriorityIn, RunReviewIn, RunTurn
from scanhub_libraries.web import PrincipalDep, SessionDep
from workflow_manager.dispatch.rules import Priority
from workflow_manager.programs.log import read_log
from workflow_manager.runs import reordering, repository, reviewing, service
from workflow_manager.runs.folders import RunFolders
from workflow_manager.runs.repository import Wanted
from workflow_manager.runs.rules import RunStatus
from workflow_manager.runs.telling import describe

router = APIRouter(prefix="/api/v1/workflowmanager", tags=["runs"])


@router.get("/runs", summary="List runs")
async def list_runs(
    session: SessionDep,
    *,
    task_id: Annotated[UUID | None, Query(description="Only of this task")] = None,
    exam_id: Annotated[UUID | None, Query(description="Only of this exam")] = None,
    device_id: Annotated[
        UUID | None, Query(description="Only on data of this scanner, also through other runs")
    ] = None,
    job_id: Annotated[ShortText | None, Query(description="Only of this job, by its id")] = None,
    status: Annotated[
        list[RunStatus] | None, Query(description="Only in one of these states")
    ] = None,
    since: Annotated[
        AwareDatetime | None, Query(description="Only those that were asked for then or later")
    ] = None,
    until: Annotated[
        AwareDatetime | None, Query(description="Only those that were asked for before")
    ] = None,
    after: Annotated[UUID | None, Query(description="The last run of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[RunOut]:
    """Return runs of jobs of exams, newest first."""
    wanted = Wanted(
        task_id=task_id,
        exam_id=exam_id,
        device_id=device_id,
        job_id=job_id,
        states=tuple(status or ()),
        since=since,
        until=until,
    )
    runs = await repository.list_runs(session, wanted, after=after, limit=limit)
    return [describe(run) for run in runs]


@router.get("/runs/{run_id}", summary="Read a run")
async def get_run(session: SessionDep, run_id: UUID) -> RunOut:
    """Return a run: what it was told, what it worked on, what came of it, why it failed."""
    return describe(await service.get_run(session, run_id))


@router.get(
    "/runs/{run_id}/log",
    summary="Return what a job said",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "The log, as far as it is"}},
)
async def get_run_log(
    request: Request,
    session: SessionDep,
    run_id: UUID,
    offset: Annotated[
        int, Query(ge=0, description="Begin here; `X-Log-Size` of the last answer [byte]")
    ] = 0,
) -> Response:
    """Return the log of a run, also while it runs; lines begin with the time at which they came.

    The answer ends where the log ends now; `X-Log-Size` says where, to ask for more from there.
    """
    run = await service.get_run(session, run_id)
    folders = RunFolders(request.app.state.wiring.lake.root, run.id)
    data = await asyncio.to_thread(read_log, folders.log)
    headers = {"X-Log-Size": str(len(data)), "Cache-Control": "no-store"}
    return Response(data[offset:], media_type="text/plain; charset=utf-8", headers=headers)


@router.post("/runs/{run_id}/cancel", summary="Stop a run")
async def cancel_run(request: Request, run_id: UUID) -> RunOut:
    """Kill the job of a run, or let it not begin; the task can be started again."""
    return describe(await service.cancel_run(request.app.state.wiring, run_id))


@router.post("/runs/{run_id}/retry", summary="Do a run over again")
async def retry_run(
    request: Request,
    principal: PrincipalDep,
    run_id: UUID,
    wanted: Annotated[RunTurn | None, Body()] = None,
) -> RunOut:
    """Run a job again that did not succeed: on the same data, with the task's parameters by now.

    It is a new run; `retry_of` says of which. One that was skipped works on what is there by now.
    """
    wiring = request.app.state.wiring
    run = await service.retry_run(
        wiring, run_id, actor=principal.actor, token=principal.token, wanted=wanted
    )
    return describe(run)


@router.post("/runs/{run_id}/review", summary="Decide whether a run begins")
async def review_run(
    request: Request, principal: PrincipalDep, run_id: UUID, wanted: RunReviewIn
) -> RunOut:
    """Let a run begin that waits for a person, or end it; who decides is kept with the run."""
    run = await reviewing.decide(
        request.app.state.wiring,
        run_id,
        decision=wanted.decision,
        principal=principal,
        comment=wanted.comment,
    )
    return describe(run)


@router.post("/runs/{run_id}/priority", summary="Change when a run is computed")
async def prioritize_run(request: Request, run_id: UUID, wanted: RunPriorityIn) -> RunOut:
    """Give a run that has not begun another place in its queue."""
    priority = Priority(wanted.priority)
    return describe(await reordering.change_priority(request.app.state.wiring, run_id, priority))
