"""Routes for jobs of the SDK while they run: each is open to the job of one session alone."""

import asyncio
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import Field

from scanhub_jobs.backend import Instance, Producer
from scanhub_jobs.platform.documents import (
    Briefing,
    PeerList,
    PeerSettings,
    Report,
    Stopping,
    StoredBytes,
    Told,
)
from scanhub_libraries.database import reading
from scanhub_libraries.file_answer import FileAnswer
from scanhub_libraries.models.target import Uid
from scanhub_libraries.openapi import may_answer
from scanhub_libraries.web import PrincipalDep, SessionDep
from workflow_manager.job_sessions import folders, peers, repository, rules, service
from workflow_manager.job_sessions.models import JobExecution
from workflow_manager.wiring import Wiring

PREFIX = "/api/v1/workflowmanager/job/{session_id}"
router = APIRouter(prefix=PREFIX, tags=["job sessions"])
SessionId = Annotated[UUID, Path(description="Id of the session; the job's variable names it")]
SopUid = Annotated[Uid, Path(description="SOP Instance UID")]
JobName = Annotated[str, Field(max_length=100)]
DICOM: dict[str, Any] = {"type": "string", "format": "binary", "examples": ["128 bytes, then DICM"]}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/dicom": {}}, "description": "A DICOM file (PS3.10)"}
}


def wiring_of(request: Request) -> Wiring:
    """Return what the service works with."""
    wiring: Wiring = request.app.state.wiring
    return wiring


WiringDep = Annotated[Wiring, Depends(wiring_of)]


async def get_execution(
    wiring: WiringDep, principal: PrincipalDep, session_id: SessionId
) -> JobExecution:
    """Return the job that asks, to read; an upload of hours holds no transaction open.

    Raises:
        ForbiddenError: It asks for another session than its own.
    """
    rules.check_session(principal.session_id, session_id)
    async with reading(wiring.sessions) as session:
        return await session.get_one(JobExecution, UUID(principal.subject))


ExecutionDep = Annotated[JobExecution, Depends(get_execution)]


@router.get("/run", summary="Tell a job what it is")
async def get_job_run(execution: ExecutionDep) -> Briefing:
    """Return who the job is, what it works on, and its parameters."""
    return service.briefing_of(execution)


@router.put("/progress", status_code=204, summary="Take how far a job is")
async def put_job_progress(session: SessionDep, execution: ExecutionDep, told: Told) -> None:
    """Note it with the run."""
    await repository.tell_progress(session, execution.id, told.fraction, told.message)


@router.get("/cancelled", summary="Say whether a job shall stop")
async def get_job_cancelled(execution: ExecutionDep) -> Stopping:
    """Say whether somebody cancelled it, or its time is over; it is killed soon after."""
    return Stopping(cancelled=execution.stop)


@router.put("/report", status_code=204, summary="Take how a job ended")
async def put_job_report(session: SessionDep, execution: ExecutionDep, report: Report) -> None:
    """Note it; it counts when the process has ended."""
    await repository.tell_report(session, execution.id, report.model_dump(mode="json"))


@router.get("/producers", summary="Say for what a job has run in the session")
async def list_job_producers(
    session: SessionDep,
    execution: ExecutionDep,
    job: Annotated[JobName, Query(description="Its name: itself, or one that it needs")],
) -> list[Producer]:
    """Return the subjects for which it has run, for those that need it."""
    return await service.producers(session, execution, job)


@router.get("/peers", summary="List the nodes that a job may send to")
async def list_job_peers(
    session: SessionDep, execution: ExecutionDep, wiring: WiringDep
) -> PeerList:
    """Return the DICOM nodes that its module names, and the one that sent the images."""
    instances = await service.list_instances(wiring, execution)
    series = {instance.series_instance_uid for instance in instances}
    return await peers.list_peers(session, execution, series)


@router.get("/peers/{name}", summary="Return what it takes to call a node")
async def get_job_peer(
    session: SessionDep,
    execution: ExecutionDep,
    name: Annotated[str, Path(max_length=200, description="Name of the target")],
) -> PeerSettings:
    """Return host, port and AE titles; keys stay here."""
    return await peers.get_peer(session, execution, name)


@router.get("/instances", summary="List the images of a session")
async def list_job_instances(execution: ExecutionDep, wiring: WiringDep) -> list[Instance]:
    """Return the images of the patient in this session, in no particular order."""
    return await service.list_instances(wiring, execution)


@router.get(
    "/instances/{uid}/header",
    summary="Return an image without its pixels",
    response_class=Response,
    responses=_FILE,
)
async def get_job_instance_header(
    execution: ExecutionDep, wiring: WiringDep, uid: SopUid
) -> Response:
    """Return the file up to its pixels."""
    path = await service.image_file(wiring, execution, uid)
    header = await asyncio.to_thread(folders.header_of, path)
    return Response(header, media_type="application/dicom")


@router.get(
    "/instances/{uid}/file",
    summary="Return an image",
    response_class=FileResponse,
    responses=_FILE,
)
async def get_job_instance_file(
    execution: ExecutionDep, wiring: WiringDep, uid: SopUid
) -> FileAnswer:
    """Return the file as it was received."""
    path = await service.image_file(wiring, execution, uid)
    return FileAnswer(path, media_type="application/dicom", filename=f"{uid}.dcm")


IMAGE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A DICOM file (PS3.10)",
        "content": {"application/octet-stream": {"schema": DICOM}},
    }
}
upload_router = APIRouter(prefix=PREFIX, tags=["job sessions"])


@upload_router.put(
    "/images/{uid}",
    summary="Take an image that a job made",
    responses=may_answer(413, 422, 507),
    openapi_extra=IMAGE_BODY,
)
async def keep_job_image(
    request: Request, execution: ExecutionDep, wiring: WiringDep, uid: SopUid
) -> StoredBytes:
    """Take it in place of one of the same UID; it enters the archive when the run has succeeded."""
    return await service.keep(wiring, execution, uid, request.stream())
