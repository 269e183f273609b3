"""Routes of jobs."""

from typing import Annotated

from fastapi import APIRouter, Path, Request

from scanhub_libraries.models import JobDefinitionOut
from scanhub_libraries.models.job import JobCheck
from workflow_manager.jobs.parameters import check_parameters
from workflow_manager.jobs.registry import JobRegistry

router = APIRouter(prefix="/api/v1/workflowmanager", tags=["jobs"])


@router.get("/jobs", summary="List the jobs and what each can be told")
async def list_job_definitions(request: Request) -> list[JobDefinitionOut]:
    """Return the jobs of the platform and of packages beside it (entry points `scanhub.jobs`).

    What cannot run is listed too, and says why in `problem`.
    """
    return [job.describe() for job in await request.app.state.wiring.jobs.list_jobs()]


@router.get("/jobs/{job_id}", summary="Return a job and what it can be told")
async def get_job_definition(
    request: Request, job_id: Annotated[str, Path(max_length=200, description="Id of the job")]
) -> JobDefinitionOut:
    """Return a job with the JSON Schema of its parameters."""
    registry: JobRegistry = request.app.state.wiring.jobs
    return (await registry.get_job(job_id)).describe()


@router.post("/jobs/{job_id}/check", status_code=204, summary="Check the parameters of a job")
async def check_job_parameters(
    request: Request,
    job_id: Annotated[str, Path(max_length=200, description="Id of the job")],
    given: JobCheck,
) -> None:
    """Refuse parameters that the job does not take: the answer names each, `field` the first."""
    registry: JobRegistry = request.app.state.wiring.jobs
    job = await registry.usable_job(job_id)
    check_parameters(job, given.parameters, complete=given.complete)
