"""Starting a scan: take the device, claim the task, send it; on any doubt, check everything.

A start that goes well asks exam-manager once. One that does not is begun anew from the plan, so
that the refusal names every reason.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import httpx

from device_manager import exam_requests
from device_manager.acquisitions import service
from device_manager.acquisitions.admission import (
    Asker,
    Plan,
    judge_plan,
    judge_taken,
    pass_gate,
)
from device_manager.acquisitions.control_room import SERVICE_ACTOR, ControlRoom
from device_manager.acquisitions.deadlines import Deadline
from device_manager.acquisitions.lease import Lease, lease_of
from device_manager.acquisitions.models import Acquisition
from device_manager.acquisitions.rules import (
    GATE_CLOSED,
    AcquisitionState,
    DeviceSituation,
    raise_refusals,
    start_refusals,
)
from device_manager.acquisitions.sequences import check_intact, is_current
from device_manager.calibrations import service as calibrations
from device_manager.devices import repository as devices
from device_manager.devices.models import Device
from device_manager.links.link import LinkClosedError
from device_manager.nodes.homes import ElsewhereError
from device_manager.safety.gate import extension, gate_refusals, kept_reason, looks_open
from device_manager.uploads.tus import TRAILER
from scanhub_libraries.database import reading, transaction
from scanhub_libraries.errors import (
    ConflictError,
    NotFoundError,
    ScanHubError,
    UnavailableError,
    UnprocessableError,
)
from scanhub_libraries.ids import new_id
from scanhub_libraries.models import (
    AcquisitionPayload,
    AcquisitionTaskOut,
    ClaimTask,
    MRISequenceOut,
    StartResult,
    TaskClaim,
)

_SERVER_ERROR = 500
_UPLOAD_URL = "/api/v1/device/uploads"  # relative to the websocket: as any gateway shows it
_LAST_WORD_SECONDS = 1.0
_STREAM_URL = "/api/v1/device/acquisitions/{}/stream"


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A device that is taken, the task that was claimed for it, and what is to be played."""

    lease: Lease
    claim: TaskClaim
    sequence: MRISequenceOut | None


async def start_scan(room: ControlRoom, asked: AcquisitionTaskOut, asker: Asker) -> StartResult:
    """Send a task to its device; returns when it is on its way.

    Whether the device takes it is told by events: within the ack deadline the acquisition is
    accepted, or failed and the task given back.

    Args:
        room: The control room.
        asked: The task. Its id counts; the rest is a guess at the plan, which the claim confirms.
        asker: Who asks.

    Raises:
        ScanHubError: It cannot be started; `reasons` has every reason. Nothing was changed, or
            what was begun has been taken back.
    """
    known = await _find_same(room, asked, asker.key)
    if known is not None:
        return known
    await _require_home(room, asked, asker)
    await _let_finish(room, asked.device_id)
    try:
        claimed = await _claim_as_asked(room, asked, asker)
        if claimed is None:
            claimed = await _claim_as_planned(room, asked.id, asker)
    except ConflictError:
        known = await _find_same(room, asked, asker.key)  # the same request came twice at once
        if known is None:
            raise
        return known
    lease = claimed.lease
    try:
        await _send(room, claimed, asker)
    except ScanHubError as error:
        await _take_back(room, lease, error)
        raise
    except LinkClosedError:
        reason = "The device went offline while the scan was started."
        await room.move(lease, AcquisitionState.FAILED, reason, anywhere=True)
        raise UnavailableError(reason, reasons=[reason]) from None
    return StartResult(acquisition_id=lease.id, task_id=lease.task_id, state=lease.state.value)


async def _require_home(room: ControlRoom, asked: AcquisitionTaskOut, asker: Asker) -> None:
    """Pass a start on to the home of its device: the one in the plan, not the one that is said."""
    if asked.device_id is None or room.links.find(asked.device_id) is not None:
        return
    if await room.homes.find(asked.device_id) is None:
        return
    task = await exam_requests.get_task(str(asked.id), asker.token, exam_manager=room.exam_manager)
    if task.device_id is not None:
        await room.require_home(task.device_id)


async def _let_finish(room: ControlRoom, device_id: UUID | None) -> None:
    """A scan that follows at once: the device has yet to say that it is done with the last one."""
    if device_id is not None and room.leases.find_open(device_id) is None:
        await room.presence.wait_while_busy(device_id, _LAST_WORD_SECONDS)


async def _take_back(room: ControlRoom, lease: Lease, error: ScanHubError) -> None:
    """Give the claimed task back; a start that the gate refuses was never one, and may follow."""
    stopped = lease.stop_reason is not None
    to = AcquisitionState.STOPPED if stopped else AcquisitionState.FAILED
    found = error.extensions.get("safety")
    reason = error.detail if found is None else kept_reason(found)
    code = None if found is None else GATE_CLOSED
    await room.move(lease, to, reason, error_code=code, anywhere=True)
    if code is not None:
        with suppress(TimeoutError):
            await room.settlement.wait(lease.id, room.settings.record_wait_seconds)


async def _find_same(
    room: ControlRoom, asked: AcquisitionTaskOut, key: UUID | None
) -> StartResult | None:
    """Return what became of the same request before."""
    if key is None:
        return None
    async with reading(room.sessions) as session:
        row = await session.get(Acquisition, key)
    if row is None:
        return None
    if row.task_id != asked.id:
        raise ConflictError("Idempotency-Key: it was used for another task; make a new one.")
    return StartResult(acquisition_id=row.id, task_id=row.task_id, state=row.state.value)


async def _claim_as_asked(
    room: ControlRoom, asked: AcquisitionTaskOut, asker: Asker
) -> _Claimed | None:
    """Take device and task at once, without first reading the plan.

    The claim is refused unless the plan names this device and this workflow, and what is sent
    comes from the claim. None: there is something against it, and nothing was changed.
    """

    async def find() -> MRISequenceOut | None:
        with suppress(ScanHubError):
            known = room.sequences.find(asked.sequence_id or "")
            return known or await _find_sequence(room, asked, asker)
        return None

    async def take() -> Lease | None:
        with suppress(ScanHubError, ElsewhereError):
            return await _take_device(room, asked, asker, Plan(sequence_found=True))
        return None

    sequence, lease = await asyncio.gather(find(), take())
    if lease is None:
        return None
    try:
        if asked.sequence_id and sequence is None:
            raise NotFoundError("The sequence could not be read.")
        found = judge_taken(asked, sequence, asked.acquisition_limits, lease)
        if not looks_open(found, asker.confirmation, asker.principal):
            raise UnprocessableError("The safety gate has something against it.")
        return _Claimed(lease, await _claim(room, lease, asker), sequence)
    except ScanHubError as error:
        if _never_claimed(error) and await _withdraw(room, lease, error.detail):
            return None
        await room.move(lease, AcquisitionState.FAILED, error.detail, anywhere=True)
        raise


async def _claim_as_planned(room: ControlRoom, task_id: UUID, asker: Asker) -> _Claimed:
    """Read the plan, check everything against it, then take device and task."""
    exam_manager = room.exam_manager
    task = await exam_requests.get_task(str(task_id), asker.token, exam_manager=exam_manager)
    sequence = await _find_sequence(room, task, asker)
    patient = None
    with suppress(ScanHubError):  # the claim says what is missing
        patient = await exam_requests.get_patient_limits(
            task, asker.token, exam_manager=exam_manager
        )
    found = sequence is not None or not task.sequence_id
    plan = Plan(sequence_found=found, sequence=sequence, patient=patient)
    lease = await _take_device(room, task, asker, plan)
    try:
        return _Claimed(lease, await _claim(room, lease, asker), sequence)
    except ScanHubError as error:
        # After a lost answer the task may be claimed, and is released.
        settled = _never_claimed(error)
        await room.move(
            lease, AcquisitionState.FAILED, error.detail, settled=settled, anywhere=True
        )
        raise


async def _claim(room: ControlRoom, lease: Lease, asker: Asker) -> TaskClaim:
    return await room.exam_manager.claim_task(
        lease.task_id,
        ClaimTask(claim_id=lease.id, device_id=lease.device_id, workflow_id=lease.workflow_id),
        token=asker.token,
    )


def _never_claimed(error: ScanHubError) -> bool:
    """Say whether a claim was refused or did not get as far as exam-manager."""
    unreached = isinstance(error.__cause__, httpx.ConnectError | httpx.ConnectTimeout)
    return error.status < _SERVER_ERROR or unreached


async def _withdraw(room: ControlRoom, lease: Lease, reason: str) -> bool:
    """Give the device back as if it had not been taken; False if a stop was faster."""
    async with lease.lock:
        async with transaction(room.sessions) as session:
            withdrawn = await service.withdraw(session, lease.id, reason, actor=SERVICE_ACTOR)
        if withdrawn:
            lease.state = AcquisitionState.FAILED
    return withdrawn


async def _find_sequence(
    room: ControlRoom, task: AcquisitionTaskOut, asker: Asker
) -> MRISequenceOut | None:
    if not task.sequence_id:
        return None
    try:
        found = await exam_requests.get_sequence(
            task.sequence_id, asker.token, exam_manager=room.exam_manager
        )
    except NotFoundError:
        return None
    sequence = await check_intact(found)
    room.sequences.put(sequence)
    return sequence


async def _take_device(
    room: ControlRoom, task: AcquisitionTaskOut, asker: Asker, plan: Plan
) -> Lease:
    """Check everything and write the acquisition, in one transaction."""
    async with service.taking(room.sessions) as session:
        # Nobody begins a calibration of it meanwhile.
        device = await devices.hold_device(session, task.device_id) if task.device_id else None
        if device is not None:
            room.homes.check(device)
        situation = _situation(room, device) if device is not None else None
        found = judge_plan(task, plan, device)
        raise_refusals(
            [
                *start_refusals(task, situation, sequence_found=plan.sequence_found),
                *gate_refusals(found, asker.confirmation, asker.principal),
            ],
            **extension(found),
        )
        if device is None or task.workflow_id is None:
            raise NotFoundError("The task has no device.")  # refused above
        row = Acquisition(
            id=asker.key or new_id(),
            task_id=task.id,
            workflow_id=task.workflow_id,
            device_id=device.id,
            requested_by=asker.principal.actor,
            parameter_version=device.parameter_version or None,
        )
        service.request_acquisition(session, row)
        await calibrations.plan(session, row, task.calibration)
    lease = lease_of(row, device.parameter)
    lease.system_limits = device.system_limits
    lease.calibration = list(task.calibration)
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
        calibrating=device.calibration_id is not None,
    )


async def _send(room: ControlRoom, claimed: _Claimed, asker: Asker) -> None:
    lease, claim, sequence = claimed.lease, claimed.claim, claimed.sequence
    lease.exam_id = claim.exam_id
    task = exam_requests.acquisition(claim.task)
    if not is_current(sequence, task.sequence_id, claim.sequence_updated_at):
        sequence = await _find_sequence(room, task, asker)
    if task.calibration != lease.calibration:
        async with transaction(room.sessions) as session:
            await calibrations.plan_anew(session, lease.id, task.calibration)
    if task.sequence_id and sequence is None:
        raise NotFoundError("The sequence of the task was deleted meanwhile: choose another.")
    await pass_gate(room, lease, judge_taken(task, sequence, task.acquisition_limits, lease), asker)
    link = room.links.find_ready(lease.device_id)
    if link is None:
        raise LinkClosedError("the device is not connected any more")
    streams = room.settings.streaming and "stream" in link.capabilities
    lease.payload = _payload(claim, lease, sequence, streams=streams)
    # Nothing is awaited between this and the frame: a stop that was asked for meanwhile counts.
    if lease.stop_reason is not None or lease.state is not AcquisitionState.REQUESTED:
        reason = f"The scan was {lease.stop_reason or lease.state} before it began."
        raise ConflictError(reason, reasons=[reason])
    await link.start(lease.payload)
    seconds = (
        room.settings.ack_deadline_seconds
        if "ack" in link.capabilities
        else room.settings.first_status_deadline_seconds
    )

    async def missed() -> None:
        await _give_up(room, lease, seconds)

    if lease.state is AcquisitionState.REQUESTED:
        room.deadlines.set(lease.id, Deadline.ACK, seconds, missed)


def _payload(
    claim: TaskClaim, lease: Lease, sequence: MRISequenceOut | None, *, streams: bool
) -> AcquisitionPayload:
    # By attributes, not through a dump: the parts are valid already.
    return AcquisitionPayload.model_validate(
        {
            **dict(claim.task),
            "mrd_header": (sequence.xml_file if sequence else None) or "",
            "sequence": sequence,
            "access_token": claim.task_token,
            "device_parameter": lease.device_parameter,
            "device_parameter_version": lease.parameter_version,
            "acquisition_id": lease.id,
            "upload_url": _UPLOAD_URL,
            "upload_trailer": TRAILER,
            "stream_url": _STREAM_URL.format(lease.id) if streams else None,
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
