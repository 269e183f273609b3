"""HTTP routes of calibrations."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response, status

from device_manager.calibrations import desk, repository, service
from device_manager.control import ControlRoomDep
from device_manager.devices.service import get_device
from device_manager.pages import link_next
from scanhub_libraries.models import CalibrateRequest, CalibrationOut, CalibrationType
from scanhub_libraries.web import PrincipalDep, SessionDep

router = APIRouter(prefix="/api/v1/device", tags=["calibrations"])


@router.post(
    "/{device_id}/calibrate",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Let a device calibrate",
    responses={
        409: {"description": "The device is busy, or does not announce that it can calibrate"},
        503: {"description": "The device is offline; nothing was sent"},
    },
)
async def calibrate(
    device_id: UUID, request: CalibrateRequest, room: ControlRoomDep, principal: PrincipalDep
) -> list[CalibrationOut]:
    """Send the first calibration; the others follow, each with what the one before has given.

    Until they have ended the device is held. After a failure the rest is left out.
    """
    rows = await desk.calibrate(room, device_id, request, principal)
    return [CalibrationOut.model_validate(row) for row in rows]


@router.get("/{device_id}/calibrations", summary="List the calibrations of a device")
async def list_calibrations(
    device_id: UUID,
    session: SessionDep,
    *,
    request: Request,
    response: Response,
    kind: Annotated[CalibrationType | None, Query(description="Only those of this kind")] = None,
    acquisition_id: Annotated[UUID | None, Query(description="Only those of this scan")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    after: Annotated[UUID | None, Query(description="Go on after this one")] = None,
) -> list[CalibrationOut]:
    """Return what was calibrated and what came of it, newest first; by pages."""
    await get_device(session, device_id)
    rows = await repository.list_calibrations(
        session,
        device_id,
        kind=kind,
        acquisition_id=acquisition_id,
        limit=limit + 1,
        after=after,
    )
    if len(rows) > limit:
        link_next(request, response, str(rows[limit - 1].id))
    return [CalibrationOut.model_validate(row) for row in rows[:limit]]


@router.get("/{device_id}/calibrations/{calibration_id}", summary="Return a calibration")
async def get_calibration(
    device_id: UUID, calibration_id: UUID, session: SessionDep
) -> CalibrationOut:
    """Return one calibration of a device."""
    row = await service.get_calibration(session, device_id, calibration_id)
    return CalibrationOut.model_validate(row)
