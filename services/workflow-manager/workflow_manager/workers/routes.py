"""Routes of queues and of the processes that serve them."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Request

from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.models.worker import (
    QueueOut,
    QueuePauseIn,
    QueuePauseOut,
    WorkerDrainIn,
    WorkerOut,
)
from scanhub_libraries.web import PrincipalDep, SessionDep
from workflow_manager.wiring import Wiring
from workflow_manager.workers import service

router = APIRouter(prefix="/api/v1/workflowmanager", tags=["workers"])
QueueNameDep = Annotated[ShortText, Path()]
Why = Annotated[QueuePauseIn | None, Body()]
WorkerNameDep = Annotated[ShortText, Path(description="Name of the process in the run engine")]


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


@router.post("/workers/{name}/drain", summary="Let a process begin nothing more")
async def drain_worker(
    request: Request,
    session: SessionDep,
    name: WorkerNameDep,
    principal: PrincipalDep,
    why: Annotated[WorkerDrainIn | None, Body()] = None,
) -> WorkerOut:
    """Let it end what it does and begin nothing, until it goes on or is started again.

    At the server that is asked it holds from the answer on, elsewhere as soon as that process has
    heard of it: `state` tells.
    """
    wiring, reason = _wiring(request), why.reason if why is not None else ""
    await service.drain(session, wiring, name, reason, actor=principal.actor)
    return await _changed(session, wiring, name)


@router.post("/workers/{name}/resume", summary="Let a process that was drained go on")
async def resume_worker(request: Request, session: SessionDep, name: WorkerNameDep) -> WorkerOut:
    """Let it begin work again."""
    wiring = _wiring(request)
    await service.go_on(session, wiring, name)
    return await _changed(session, wiring, name)


async def _changed(session: SessionDep, wiring: Wiring, name: str) -> WorkerOut:
    await session.commit()  # from the answer on, it holds here
    await wiring.pauses.read()
    workers = await service.list_workers(wiring)
    return next(worker for worker in workers if worker.name == name)
