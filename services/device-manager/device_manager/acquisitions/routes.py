"""HTTP routes of acquisitions: start, stop, look."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from device_manager.acquisitions import service
from device_manager.acquisitions.start import start_scan
from device_manager.acquisitions.stop import stop_scan
from device_manager.control import ControlRoomDep
from scanhub_libraries.models import (
    AcquisitionOut,
    AcquisitionTaskOut,
    StartResult,
    StopRequest,
    StopResult,
)
from scanhub_libraries.web import PrincipalDep, SessionDep

router = APIRouter(prefix="/api/v1/device", tags=["acquisitions"])
_START_REFUSALS = {
    404: {"description": "Task, sequence or device does not exist"},
    409: {"description": "The device or the task is busy"},
    422: {"description": "The task cannot be scanned as it is"},
    503: {"description": "The device is offline"},
}


@router.post(
    "/start_scan_via_websocket",
    summary="Start an acquisition task on its device",
    responses={code: dict(text) for code, text in _START_REFUSALS.items()},
)
async def start_scan_via_websocket(
    task: AcquisitionTaskOut, room: ControlRoomDep, principal: PrincipalDep
) -> StartResult:
    """Send a task to its device. Only its id counts; what else the body says is verified."""
    return await start_scan(room, task, principal)


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
