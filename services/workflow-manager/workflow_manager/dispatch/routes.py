"""Routes of dispatches and of pausing."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Path, Query, Request

from scanhub_libraries.models import (
    DispatchDetail,
    DispatchOut,
    DispatchPause,
    PauseIn,
    RedirectIn,
    SendIn,
)
from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.openapi import may_answer
from scanhub_libraries.web import PrincipalDep, SessionDep
from workflow_manager.dispatch import by_hand, pausing, repository, service, telling
from workflow_manager.dispatch.rules import DispatchStatus, OffPeak
from workflow_manager.targets.repository import pauses
from workflow_manager.targets.service import describe_pause

router = APIRouter(prefix="/api/v1/workflowmanager", tags=["dispatch"])
TargetName = Annotated[ShortText, Path()]
Why = Annotated[PauseIn | None, Body()]
Status = Literal["queued", "sending", "waiting", "sent", "failed", "canceled"]


def _offpeak(request: Request) -> OffPeak:
    window: OffPeak = request.app.state.wiring.settings.offpeak
    return window


OffPeakDep = Annotated[OffPeak, Depends(_offpeak)]


@router.get("/dispatches", summary="List what is sent where")
async def list_dispatches(
    session: SessionDep,
    window: OffPeakDep,
    *,
    exam_id: UUID | None = None,
    series: Annotated[ShortText | None, Query()] = None,
    target: Annotated[ShortText | None, Query(description="Name of the target")] = None,
    status: Annotated[
        list[Status] | None, Query(max_length=6, description="Only those in one of these states")
    ] = None,
    before: Annotated[UUID | None, Query(description="Only dispatches older than this one")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[DispatchOut]:
    """Return dispatches, newest first, with the reason where one waits or failed.

    The next page begins `before` the last one of this.
    """
    rows = await repository.list_dispatches(
        session,
        exam_id=exam_id,
        series=series,
        target=target,
        statuses=[DispatchStatus(one) for one in status or ()],
        before=before,
        limit=limit,
    )
    return await telling.tell_all(session, rows, window)


@router.post("/dispatches", summary="Send series to a target", responses=may_answer(404))
async def send_series(session: SessionDep, window: OffPeakDep, wanted: SendIn) -> list[DispatchOut]:
    """Queue complete series of a study, beside what rules send; all of them, or none."""
    rows = await by_hand.send_by_hand(session, wanted)
    return await telling.tell_all(session, rows, window)


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


@router.get("/dispatches/{dispatch_id}", summary="Return a dispatch")
async def get_dispatch(
    session: SessionDep, window: OffPeakDep, dispatch_id: UUID
) -> DispatchDetail:
    """Return a dispatch with each image that its last attempt could not send, and why."""
    row = await service.get_dispatch(session, dispatch_id)
    return await telling.tell_whole(session, row, window)


@router.post("/dispatches/{dispatch_id}/retry", summary="Send now what waits or failed")
async def retry_dispatch(
    session: SessionDep,
    window: OffPeakDep,
    dispatch_id: UUID,
    *,
    again: Annotated[bool, Query(description="Send also what is there already")] = False,
) -> DispatchOut:
    """Make the next attempt at once; only what is not there yet is sent, unless all is asked for.

    What waited for off-peak hours does not wait for them any more.
    """
    dispatch = await service.retry_now(session, dispatch_id, again=again)
    return await telling.tell(session, dispatch, window)


@router.post("/dispatches/{dispatch_id}/cancel", summary="Send it no more")
async def cancel_dispatch(
    request: Request,
    session: SessionDep,
    window: OffPeakDep,
    dispatch_id: UUID,
    principal: PrincipalDep,
) -> DispatchOut:
    """End a dispatch; images that are at the target stay there, and all stay in the archive."""
    wiring, reason = request.app.state.wiring, f"Canceled by {principal.actor}."
    dispatch = await service.cancel_dispatch(wiring, session, dispatch_id, reason)
    return await telling.tell(session, dispatch, window)


@router.post("/dispatches/{dispatch_id}/redirect", summary="Send it to another target")
async def redirect_dispatch(
    request: Request,
    session: SessionDep,
    window: OffPeakDep,
    dispatch_id: UUID,
    *,
    wanted: RedirectIn,
    principal: PrincipalDep,
) -> DispatchOut:
    """End this dispatch and queue the series for another target; the answer is the new one."""
    wiring, actor = request.app.state.wiring, principal.actor
    new = await service.change_target(wiring, session, dispatch_id, wanted.target, actor=actor)
    return await telling.tell(session, new, window)
