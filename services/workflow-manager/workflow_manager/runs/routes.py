"""Routes of runs."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from scanhub_libraries.models import RunOut
from scanhub_libraries.web import SessionDep
from workflow_manager.runs import repository, service

router = APIRouter(prefix="/api/v1/workflowmanager", tags=["runs"])


@router.get("/runs", summary="List runs")
async def list_runs(
    session: SessionDep,
    task_id: UUID | None = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[RunOut]:
    """Return runs, newest first; `after` is the last run of the page before."""
    runs = await repository.list_runs(session, task_id=task_id, after=after, limit=limit)
    return [RunOut.model_validate(run) for run in runs]


@router.get("/runs/{run_id}", summary="Read a run")
async def get_run(session: SessionDep, run_id: UUID) -> RunOut:
    """Return a run, with the reason where it failed."""
    return RunOut.model_validate(await service.get_run(session, run_id))
