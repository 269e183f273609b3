"""The verdict on a task before anybody starts it."""

from uuid import UUID

from device_manager import exam_requests
from device_manager.acquisitions.control_room import ControlRoom
from device_manager.acquisitions.sequences import check_intact
from device_manager.devices.service import get_device
from device_manager.safety.gate import judge
from scanhub_libraries.database import reading
from scanhub_libraries.models import (
    MRISequenceOut,
    SafetyRequest,
    SafetyVerdict,
)
from scanhub_libraries.security.principal import Principal


async def assess(
    room: ControlRoom, device_id: UUID, request: SafetyRequest, principal: Principal
) -> SafetyVerdict:
    """Judge a task on a device as a start would, and change nothing.

    Raises:
        NotFoundError: There is no such device, task or sequence.
        BadRequestError: The task is no acquisition.
    """
    async with reading(room.sessions) as session:
        device = await get_device(session, device_id)
    task = await exam_requests.get_task(
        str(request.task_id), principal.token, exam_manager=room.exam_manager
    )
    sequence_id = request.sequence_id or task.sequence_id
    sequence = await _find_sequence(room, sequence_id, principal)
    patient = await exam_requests.get_patient_limits(
        task, principal.token, exam_manager=room.exam_manager
    )
    return judge(
        task,
        sequence,
        patient,
        device_id=device.id,
        limits=device.system_limits,
        parameter=device.parameter,
        placed=request.acquisition_parameter,
    )


async def _find_sequence(
    room: ControlRoom, sequence_id: str | None, principal: Principal
) -> MRISequenceOut | None:
    """Return a sequence: its file never changes, so that one on the shelf will do."""
    if not sequence_id:
        return None
    known = room.sequences.find(sequence_id)
    if known is not None and known.facts is not None:
        return known
    found = await exam_requests.get_sequence(
        sequence_id, principal.token, exam_manager=room.exam_manager
    )
    sequence = await check_intact(found)
    room.sequences.put(sequence)
    return sequence
