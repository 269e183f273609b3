"""Routes of dispatches and of pausing."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Body, Path, Query, Request

from scanhub_libraries.clock import utc_now
from scanhub_libraries.models import DispatchOut, DispatchPause, PauseIn, RedirectIn
from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.web import PrincipalDep, SessionDep
from workflow_manager.dispatch import pausing, repository, service
from workflow_manager.dispatch.models import Dispatch
from workflow_manager.dispatch.rules import DispatchStatus
from workflow_manager.targets.repository import pauses
from workflow_manager.targets.service import describe_pause

router = APIRouter(prefix="/api/v1/workflowmanager", tags=["dispatch"])
TargetName = Annotated[ShortText, Path()]
Why = Annotated[PauseIn | None, Body()]
Status = Literal["queued", "sending", "waiting", "sent", "failed", "canceled"]


async def _out(request: Request, session: SessionDep, dispatch: Dispatch) -> DispatchOut:
    window = request.app.state.wiring.settings.offpeak
    waits = pausing.waits_for(dispatch, await pauses(session), window, utc_now())
    return service.describe(dispatch, waits)


@router.get("/dispatches", summary="List what is sent where")
async def list_dispatches(
    request: Request,
    session: SessionDep,
    *,
    exam_id: UUID | None = None,
    series: Annotated[ShortText | None, Query()] = None,
    target: Annotated[ShortText | None, Query(description="Name of the target")] = None,
    status: Status | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[DispatchOut]:
    """Return dispatches, newest first, with the reason where one waits or failed."""
    wanted = DispatchStatus(status) if status is not None else None
    rows = await repository.list_dispatches(
        session, exam_id=exam_id, series=series, target=target, status=wanted, limit=limit
    )
    return [await _out(request, session, row) for row in rows]


@router.get("/dispatches/pauses", summary="List what is paused")
async def list_dispatch_pauses(session: SessionDep) -> list[DispatchPause]:
    """Return who paused which target, or all of them, since when and why."""
    return [describe_pause(row) for row in (await pauses(session)).values()]


@router.post("/dispatches/pause", summary="Pause sending to all targets")
async def pause_dispatches(
    session: SessionDep, principal: PrincipalDep, why: Why = None
) -> DispatchPause:
    """Begin to send nothing more; what is being sent is sent to its end."""
    reason = why.reason if why is not None else ""
    row = await pausing.pause(session, pausing.ALL, reason, actor=principal.actor)
    return describe_pause(row)


@router.post("/dispatches/resume", status_code=204, summary="Go on with sending")
async def resume_dispatches(session: SessionDep) -> None:
    """Go on; a target that is paused by itself stays so."""
    await pausing.resume(session, pausing.ALL)


@router.post("/targets/{name}/pause", summary="Pause sending to a target")
async def pause_target(
    session: SessionDep, name: TargetName, principal: PrincipalDep, why: Why = None
) -> DispatchPause:
    """Begin to send nothing more there; what is being sent is sent to its end."""
    reason = why.reason if why is not None else ""
    return describe_pause(await pausing.pause(session, name, reason, actor=principal.actor))


@router.post("/targets/{name}/resume", status_code=204, summary="Go on with sending to a target")
async def resume_target(session: SessionDep, name: TargetName) -> None:
    """Go on with what waits for this target."""
    await pausing.resume(session, name)


@router.post("/dispatches/{dispatch_id}/retry", summary="Send now what waits or failed")
async def retry_dispatch(
    request: Request,
    session: SessionDep,
    dispatch_id: UUID,
    *,
    again: Annotated[bool, Query(description="Send also what is there already")] = False,
) -> DispatchOut:
    """Make the next attempt at once; only what is not there yet is sent, unless all is asked for.

    What waited for off-peak hours does not wait for them any more.
    """
    dispatch = await service.retry_now(session, dispatch_id, again=again)
    return await _out(request, session, dispatch)


@router.post("/dispatches/{dispatch_id}/cancel", summary="Send it no more")
async def cancel_dispatch(
    request: Request, session: SessionDep, dispatch_id: UUID, principal: PrincipalDep
) -> DispatchOut:
    """End a dispatch; images that are at the target stay there, and all stay in the archive."""
    wiring, reason = request.app.state.wiring, f"Canceled by {principal.actor}."
    dispatch = await service.cancel_dispatch(wiring, session, dispatch_id, reason)
    return await _out(request, session, dispatch)


@router.post("/dispatches/{dispatch_id}/redirect", summary="Send it to another target")
async def redirect_dispatch(
    request: Request,
    session: SessionDep,
    dispatch_id: UUID,
    wanted: RedirectIn,
    principal: PrincipalDep,
) -> DispatchOut:
    """End this dispatch and queue the series for another target; the answer is the new one."""
    wiring, actor = request.app.state.wiring, principal.actor
    new = await service.change_target(wiring, session, dispatch_id, wanted.target, actor=actor)
    return await _out(request, session, new)
