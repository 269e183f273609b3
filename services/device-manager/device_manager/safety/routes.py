"""HTTP route of the safety gate."""

from uuid import UUID

from fastapi import APIRouter

from device_manager.control import ControlRoomDep
from device_manager.safety.service import assess
from scanhub_libraries.models import SafetyRequest, SafetyVerdict
from scanhub_libraries.web import PrincipalDep

router = APIRouter(prefix="/api/v1/device", tags=["safety"])


@router.post(
    "/{device_id}/safety",
    summary="Judge a scan before it is started",
    responses={404: {"description": "Device, task or sequence does not exist"}},
)
async def judge_scan(
    device_id: UUID, request: SafetyRequest, room: ControlRoomDep, principal: PrincipalDep
) -> SafetyVerdict:
    """Return every reason for and against a start of this task on this device.

    Nothing is started or stored. A start judges anew; a confirmation names the `fingerprint` of
    the verdict that was read, and holds only while sequence, patient and device are the same.
    """
    return await assess(room, device_id, request, principal)
