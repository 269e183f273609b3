"""Routes of the start and stop buttons; ScanHub's paths."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request

from scanhub_libraries.models import JobOut, TriggerRequest
from scanhub_libraries.web import PrincipalDep
from workflow_manager.triggers import service

router = APIRouter(prefix="/api/v1/workflowmanager", tags=["triggers"])


@router.post("/trigger_task/{task_id}/", summary="Start a task")
async def trigger_task(
    request: Request,
    principal: PrincipalDep,
    task_id: UUID,
    trigger: TriggerRequest | None = None,
) -> dict[str, Any]:
    """Start a scan on its device, or a job as a run.

    A scan that the safety gate refuses answers with the verdict as `safety`; what a person may
    confirm (409) is started with `safety_confirmation`.
    """
    asked = trigger or TriggerRequest()
    return await service.trigger_task(request.app.state.wiring, task_id, principal, asked)


@router.post("/stop_task/{task_id}/", summary="Stop a task")
async def stop_task(request: Request, principal: PrincipalDep, task_id: UUID) -> dict[str, Any]:
    """Stop a scan or a run; the answer says whether the stop is confirmed."""
    return await service.stop_task(request.app.state.wiring, task_id, principal)


@router.get("/tasks/", summary="List the jobs that a task can name")
async def list_jobs(request: Request) -> list[JobOut]:
    """Return the jobs of this installation that a task can name; `/jobs` says more of each."""
    return await service.list_jobs(request.app.state.wiring)
