"""Routes of queues and of the processes that serve them."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Request

from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.models.worker import QueueOut, QueuePauseIn, QueuePauseOut, WorkerOut
from scanhub_libraries.web import PrincipalDep, SessionDep
from workflow_manager.wiring import Wiring
from workflow_manager.workers import service

router = APIRouter(prefix="/api/v1/workflowmanager", tags=["workers"])
QueueNameDep = Annotated[ShortText, Path()]
Why = Annotated[QueuePauseIn | None, Body()]


def _wiring(request: Request) -> Wiring:
    wiring: Wiring = request.app.state.wiring
    return wiring


@router.get("/queues", summary="List the queues of the run engine")
async def list_queues(request: Request) -> list[QueueOut]:
    """Return what each holds, which processes do its work, and whether it is paused."""
    return await service.list_queues(_wiring(request))


@router.post("/queues/{name}/pause", summary="Pause a queue")
async def pause_queue(
    request: Request,
    session: SessionDep,
    name: QueueNameDep,
    principal: PrincipalDep,
    why: Why = None,
) -> QueuePauseOut:
    """Let no process begin anything of it, also after a restart; what runs comes to its end."""
    reason = why.reason if why is not None else ""
    row = await service.pause(session, name, reason, actor=principal.actor)
    await session.commit()  # from the answer on, nothing begins here
    await _wiring(request).pauses.read()
    return service.describe_pause(row)


@router.post("/queues/{name}/resume", status_code=204, summary="Go on with a queue")
async def resume_queue(request: Request, session: SessionDep, name: QueueNameDep) -> None:
    """Go on with what waits."""
    await service.resume(session, name)
    await session.commit()
    await _wiring(request).pauses.read()


@router.get("/workers", summary="List the processes that share the work")
async def list_workers(request: Request) -> list[WorkerOut]:
    """Return servers and workers: where they are, since when, their last sign, what they do."""
    return await service.list_workers(_wiring(request))
