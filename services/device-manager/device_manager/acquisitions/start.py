"""Starting a scan: check everything, take the device, claim the task, send it."""

from uuid import UUID

from device_manager import exam_requests
from device_manager.acquisitions import service
from device_manager.acquisitions.control_room import ControlRoom
from device_manager.acquisitions.deadlines import Deadline
from device_manager.acquisitions.lease import Lease, lease_of
from device_manager.acquisitions.models import Acquisition
from device_manager.acquisitions.rules import (
    AcquisitionState,
    DeviceSituation,
    raise_refusals,
    start_refusals,
)
from device_manager.devices.models import Device
from device_manager.links.link import LinkClosedError
from scanhub_libraries.database import transaction
from scanhub_libraries.errors import NotFoundError, ScanHubError, UnavailableError
from scanhub_libraries.models import (
    AcquisitionPayload,
    AcquisitionTaskOut,
    ClaimTask,
    MRISequenceOut,
    StartResult,
    TaskClaim,
)
from scanhub_libraries.security.principal import Principal

_SERVER_ERROR = 500


async def start_scan(room: ControlRoom, task_id: UUID, principal: Principal) -> StartResult:
    """Send a task to its device; returns when it is on its way.

    Whether the device takes it is told by events: within the ack deadline the acquisition is
    accepted, or failed and the task given back.

    Raises:
        ScanHubError: It cannot be started; `reasons` has every reason. Nothing was changed, or
            what was begun has been taken back.
    """
    task = await exam_requests.get_task(
        str(task_id), principal.token, exam_manager=room.exam_manager
    )
    sequence = await _find_sequence(room, task, principal)
    lease = await _take_device(
        room, task, principal, sequence_found=sequence is not None or not task.sequence_id
    )
    try:
        await _hand_over(room, lease, sequence, principal)
    except ScanHubError as error:
        # A refused claim is none; after a lost answer the task may be claimed and is released.
        refused = error.status < _SERVER_ERROR
        await room.move(lease, AcquisitionState.FAILED, error.detail, settled=refused)
        raise
    except LinkClosedError:
        reason = "The device went offline while the scan was started."
        await room.move(lease, AcquisitionState.FAILED, reason)
        raise UnavailableError(reason, reasons=[reason]) from None
    return StartResult(acquisition_id=lease.id, task_id=lease.task_id, state=lease.state.value)


async def _find_sequence(
    room: ControlRoom, task: AcquisitionTaskOut, principal: Principal
) -> MRISequenceOut | None:
    if not task.sequence_id:
        return None
    try:
        return await exam_requests.get_sequence(
            task.sequence_id, principal.token, exam_manager=room.exam_manager
        )
    except NotFoundError:
        return None


async def _take_device(
    room: ControlRoom, task: AcquisitionTaskOut, principal: Principal, *, sequence_found: bool
) -> Lease:
    """Check everything and write the acquisition, in one transaction."""
    async with transaction(room.sessions) as session:
        device = await session.get(Device, task.device_id) if task.device_id else None
        situation = _situation(room, device) if device is not None else None
        raise_refusals(start_refusals(task, situation, sequence_found=sequence_found))
        if device is None or task.workflow_id is None:
            raise NotFoundError("The task has no device.")  # refused above
        row = Acquisition(
            task_id=task.id,
            workflow_id=task.workflow_id,
            device_id=device.id,
            requested_by=principal.actor,
        )
        await service.request_acquisition(session, row)
    lease = lease_of(row, device.parameter)
    room.leases.add(lease)
    return lease


def _situation(room: ControlRoom, device: Device) -> DeviceSituation:
    lease = room.leases.find_open(device.id)
    return DeviceSituation(
        name=device.name,
        status=device.status,
        status_detail=device.status_detail,
        online=room.links.find_ready(device.id) is not None,
        open_task_id=lease.task_id if lease else None,
    )


async def _hand_over(
    room: ControlRoom, lease: Lease, sequence: MRISequenceOut | None, principal: Principal
) -> None:
    claim = await room.exam_manager.claim_task(
        lease.task_id,
        ClaimTask(claim_id=lease.id, device_id=lease.device_id),
        token=principal.token,
    )
    lease.exam_id = claim.exam_id
    link = room.links.find_ready(lease.device_id)
    if link is None:
        raise LinkClosedError("the device is not connected any more")
    await link.start(_payload(claim, lease, sequence))
    seconds = (
        room.settings.ack_deadline_seconds
        if "ack" in link.capabilities
        else room.settings.first_status_deadline_seconds
    )

    async def missed() -> None:
        await _give_up(room, lease, seconds)

    if lease.state is AcquisitionState.REQUESTED:
        room.deadlines.set(lease.id, Deadline.ACK, seconds, missed)


def _payload(claim: TaskClaim, lease: Lease, sequence: MRISequenceOut | None) -> AcquisitionPayload:
    # By attributes, not through a dump: the parts are valid already.
    return AcquisitionPayload.model_validate(
        {
            **dict(claim.task),
            "mrd_header": (sequence.xml_file if sequence else None) or "",
            "sequence": sequence,
            "access_token": claim.task_token,
            "device_parameter": lease.device_parameter,
            "acquisition_id": lease.id,
        }
    )


async def _give_up(room: ControlRoom, lease: Lease, seconds: float) -> None:
    """Nobody confirmed the start: whatever the device does now, it must not scan."""
    if lease.state is not AcquisitionState.REQUESTED:
        return
    await room.send_stop(lease.device_id, lease.task_id, lease.id)
    reason = (
        f"The device did not confirm the start within {seconds:g} s. A stop was sent to it; "
        "look at the scanner before you start again."
    )
    await room.move(lease, AcquisitionState.FAILED, reason)
