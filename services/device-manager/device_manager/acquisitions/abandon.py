"""Giving up an acquisition that no device answers for any more."""

from uuid import UUID

from device_manager.acquisitions import service
from device_manager.acquisitions.control_room import ControlRoom
from device_manager.acquisitions.models import Acquisition
from device_manager.acquisitions.rules import AcquisitionState
from scanhub_libraries.database import reading
from scanhub_libraries.errors import ConflictError
from scanhub_libraries.models import AbandonRequest
from scanhub_libraries.security.principal import Principal

_UNANSWERED = (AcquisitionState.LOST, AcquisitionState.STOPPING)


async def abandon(
    room: ControlRoom, acquisition_id: UUID, request: AbandonRequest, principal: Principal
) -> Acquisition:
    """End an acquisition because somebody has looked at the scanner and says so.

    Raises:
        NotFoundError: There is no such acquisition.
        ConflictError: It has ended, or its device is there and can be told to stop.
    """
    async with reading(room.sessions) as session:
        row = await service.get_acquisition(session, acquisition_id)
    await room.require_home(row.device_id)
    lease = room.leases.find(acquisition_id)
    if lease is None:
        raise ConflictError(
            f"The acquisition has ended ({row.state}): there is nothing to give up."
        )
    connected = room.links.find_ready(lease.device_id) is not None
    if connected and lease.state not in _UNANSWERED:
        raise ConflictError("The device is connected: stop the scan instead.")
    await room.send_stop(lease.device_id, lease.task_id, lease.id)
    reason = f"Given up by {principal.actor}: {request.reason}"
    await room.move(lease, AcquisitionState.FAILED, reason, actor=principal.actor)
    async with reading(room.sessions) as session:
        return await service.get_acquisition(session, acquisition_id)
