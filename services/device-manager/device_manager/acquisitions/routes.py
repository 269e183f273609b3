"""HTTP routes of acquisitions: start, stop, look."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query

from device_manager.acquisitions import service
from device_manager.acquisitions.abandon import abandon
from device_manager.acquisitions.admission import Asker
from device_manager.acquisitions.pause import pause_scan, resume_scan
from device_manager.acquisitions.start import start_scan
from device_manager.acquisitions.stop import stop_scan
from device_manager.control import ControlRoomDep
from scanhub_libraries.models import (
    AbandonRequest,
    AcquisitionOut,
    PauseResult,
    StartResult,
    StartTask,
    StopRequest,
    StopResult,
)
from scanhub_libraries.web import PrincipalDep, SessionDep

router = APIRouter(prefix="/api/v1/device", tags=["acquisitions"])
IdempotencyKey = Annotated[
    UUID | None,
    Header(
        alias="Idempotency-Key",
        description="Id of this very start, made by the caller; a repeated request bears the same",
    ),
]
_START_REFUSALS = {
    404: {"description": "Task, sequence or device does not exist"},
    403: {"description": "Who confirms the scan may not do so"},
    409: {"description": "The device or the task is busy, or a person has to confirm the scan"},
    422: {"description": "The task cannot be scanned as it is"},
    503: {"description": "The device is offline"},
}


@router.post(
    "/start_scan_via_websocket",
    summary="Start an acquisition task on its device",
    responses={code: dict(text) for code, text in _START_REFUSALS.items()},
)
async def start_scan_via_websocket(
    task: StartTask,
    room: ControlRoomDep,
    principal: PrincipalDep,
    key: IdempotencyKey = None,
) -> StartResult:
    """Send a task to its device. Only its id counts; what else the body says is verified.

    A refusal of the safety gate carries the verdict as `safety`. What a person may confirm (409)
    is started with `safety_confirmation`, which names the `fingerprint` of that verdict. The same
    `Idempotency-Key` again is the same start: nothing is sent twice.
    """
    asker = Asker(principal, key, task.safety_confirmation)
    return await start_scan(room, task, asker)


@router.post(
    "/{device_id}/stop",
    summary="Stop what a device scans",
    responses={503: {"description": "The device is offline; nothing was sent"}},
)
async def stop(
    device_id: UUID,
    room: ControlRoomDep,
    principal: PrincipalDep,
    request: StopRequest | None = None,
) -> StopResult:
    """Send a stop and wait for the device to confirm it."""
    return await stop_scan(room, device_id, request or StopRequest(), principal)


@router.post(
    "/{device_id}/pause",
    summary="Let the scan of a device rest",
    responses={
        409: {"description": "Nothing runs that could rest, or the device cannot pause"},
        503: {"description": "The device is offline; nothing was sent"},
    },
)
async def pause(
    device_id: UUID, room: ControlRoomDep, request: StopRequest | None = None
) -> PauseResult:
    """Send a pause and wait for the device to confirm it."""
    return await pause_scan(room, device_id, request or StopRequest())


@router.post(
    "/{device_id}/resume",
    summary="Let a scan that rests go on",
    responses={
        409: {"description": "No scan rests there"},
        503: {"description": "The device is offline; nothing was sent"},
    },
)
async def resume(
    device_id: UUID, room: ControlRoomDep, request: StopRequest | None = None
) -> PauseResult:
    """Send that the scan is to go on and wait for the device to confirm it."""
    return await resume_scan(room, device_id, request or StopRequest())


@router.get("/acquisitions", summary="List acquisitions, newest first")
async def list_acquisitions(
    session: SessionDep,
    device_id: UUID | None = None,
    task_id: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> list[AcquisitionOut]:
    """Return acquisitions: which task ran on which device, and how it ended."""
    rows = await service.list_acquisitions(
        session, device_id=device_id, task_id=task_id, limit=limit
    )
    return [AcquisitionOut.model_validate(row) for row in rows]


@router.get("/acquisitions/{acquisition_id}", summary="Return an acquisition")
async def get_acquisition(acquisition_id: UUID, session: SessionDep) -> AcquisitionOut:
    """Return one run of a task on a device."""
    row = await service.get_acquisition(session, acquisition_id)
    return AcquisitionOut.model_validate(row)


@router.post(
    "/acquisitions/{acquisition_id}/abandon",
    summary="Give up a scan whose device does not answer",
    responses={409: {"description": "It has ended, or its device can be told to stop"}},
)
async def abandon_acquisition(
    acquisition_id: UUID, request: AbandonRequest, room: ControlRoomDep, principal: PrincipalDep
) -> AcquisitionOut:
    """End a lost acquisition at once, with the reason of whoever looked at the scanner."""
    row = await abandon(room, acquisition_id, request, principal)
    return AcquisitionOut.model_validate(row)
