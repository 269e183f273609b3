"""What devices say about themselves and their scans, and what follows from it."""

from contextlib import suppress
from typing import Final
from uuid import UUID

from device_manager.acquisitions.control_room import ControlRoom
from device_manager.acquisitions.deadlines import Deadline
from device_manager.acquisitions.lease import Lease
from device_manager.acquisitions.rules import AcquisitionState, check_task_token
from device_manager.calibrations import service as calibrations
from device_manager.devices.service import device_actor
from device_manager.links.commands import Feedback, refusal
from device_manager.links.link import DeviceLink, LinkClosedError
from device_manager.links.messages import (
    Ack,
    Paused,
    RegisterData,
    Resumed,
    Stopped,
    UpdateStatus,
)
from device_manager.parameters import desk as parameters
from scanhub_libraries.errors import ConflictError, ForbiddenError, UnprocessableError
from scanhub_libraries.models import DeviceStatus

REGISTERED: Final = "Device registered successfully"
_NO_REASON: Final = "The device reports an error and gives no reason."
_WAITING: Final = frozenset(
    {AcquisitionState.REQUESTED, AcquisitionState.ACCEPTED, AcquisitionState.LOST}
)
_BROKEN_OFF: Final = frozenset({AcquisitionState.FAILED, AcquisitionState.STOPPED})


async def registered(room: ControlRoom, link: DeviceLink, data: RegisterData) -> Feedback | None:
    """A device has introduced itself; a scan of it that runs goes on.

    Returns:
        What it told and was not taken, if that is so.
    """
    kept = (DeviceStatus.BUSY, DeviceStatus.ERROR)
    status = data.status if data.status in kept else DeviceStatus.ONLINE
    details = data.model_dump(exclude={"status", "parameter_version", "parameter"})
    known = await room.presence.registered(link.device_id, details, status, data.parameter)
    lease = room.leases.find_open(link.device_id)
    if lease is not None:
        room.deadlines.met(lease.id, Deadline.RECONNECT, Deadline.RETURN)
        if lease.state is AcquisitionState.STOPPING or lease.stop_reason is not None:
            await room.send_stop(lease.device_id, lease.task_id, lease.id)
        room.expect_data(lease, "The device came back and said nothing of the scan")
    link.tell(Feedback(message=REGISTERED, ok=True))
    if known is None:
        return None
    parameters.introduced(room, link, known.device, data.parameter_version)
    return refusal(f"register: {known.problem}") if known.problem else None


async def start_again(room: ControlRoom, link: DeviceLink) -> None:
    """Send a start again that was not confirmed before the link broke.

    A device that knows `ack` scans the same start only once.
    """
    lease = room.leases.find_open(link.device_id)
    if lease is None or lease.state is not AcquisitionState.REQUESTED:
        return
    if lease.payload is not None and lease.stop_reason is None and "ack" in link.capabilities:
        with suppress(LinkClosedError):
            await link.start(lease.payload)


async def disconnected(room: ControlRoom, device_id: UUID, *, silent: bool = False) -> None:
    """The link of a device has ended; its scan may go on and the device come back.

    Args:
        room: The control room.
        device_id: Whose link it was.
        silent: It was closed because the device had not been heard for long.
    """
    lease = room.leases.find_open(device_id)
    if lease is not None and silent:
        what = "the device fell silent during the scan"
        await room.lose(lease, f"No contact with the device: {what}.", what)
    elif lease is not None:
        room.expect_reconnect(lease, "the link to the device broke during the scan")
    await room.presence.disconnected(device_id)


async def acknowledged(room: ControlRoom, link: DeviceLink, message: Ack) -> Feedback | None:
    """A device has taken a scan; if that comes too late it must not scan."""
    lease = room.leases.find_open(link.device_id)
    ours = (
        lease is not None
        and lease.task_id == message.task_id
        and message.acquisition_id in (None, lease.id)
    )
    if lease is None or not ours:
        await room.send_stop(link.device_id, message.task_id, message.acquisition_id)
        return refusal("ack: this start is not valid any more; stop the scan.", message.task_id)
    room.deadlines.met(lease.id, Deadline.ACK)
    lease.payload = None
    if lease.state is AcquisitionState.REQUESTED:
        actor = device_actor(link.device_id)
        await room.move(lease, AcquisitionState.ACCEPTED, actor=actor)
    return None


async def stopped(room: ControlRoom, link: DeviceLink, message: Stopped) -> None:
    """A scan has ended on the device because it was told to, or because the device chose to."""
    lease = room.leases.find_open(link.device_id)
    if lease is None:
        await calibrations.broken_off(room.sessions, link.device_id, "The device was stopped.")
        return
    if message.task_id not in (None, lease.task_id):
        return
    if message.task_id is None and lease.stop_reason is None:
        return
    await _confirm_stopped(room, lease)


async def _confirm_stopped(room: ControlRoom, lease: Lease) -> None:
    reason = lease.stop_reason or "stopped at the device"
    actor = device_actor(lease.device_id)
    await room.move(lease, AcquisitionState.STOPPED, reason, actor=actor)


async def paused(room: ControlRoom, link: DeviceLink, message: Paused) -> Feedback:
    """A scan rests."""
    lease = _running(room, link, message.task_id)
    return await _rests(room, lease, AcquisitionState.PAUSED, message.reason)


async def resumed(room: ControlRoom, link: DeviceLink, message: Resumed) -> Feedback:
    """A scan that rested goes on."""
    lease = _running(room, link, message.task_id)
    return await _rests(room, lease, AcquisitionState.RUNNING, None)


def _running(room: ControlRoom, link: DeviceLink, task_id: UUID) -> Lease:
    lease = room.leases.find_open(link.device_id)
    if lease is None or lease.task_id != task_id:
        raise ConflictError("task_id: this task is not carried out by this device.")
    return lease


async def _rests(
    room: ControlRoom, lease: Lease, to: AcquisitionState, reason: str | None
) -> Feedback:
    room.deadlines.met(lease.id, Deadline.ACK, Deadline.DATA)
    moved = await room.move(lease, to, reason, actor=device_actor(lease.device_id))
    if not moved and lease.state is not to:
        return refusal(f"The acquisition is {lease.state}: nothing was changed.", lease.task_id)
    await room.progress.put(lease, lease.progress)
    return Feedback(message=f"The scan is {to}", ok=True, task_id=lease.task_id)


async def find_reported(
    room: ControlRoom, device_id: UUID, task_id: UUID | None, token: str | None
) -> Lease | None:
    """Return the acquisition that a message speaks of; None if it speaks of none.

    Raises:
        UnprocessableError: Only one of task and token was sent.
        TokenInvalidError: The token is no token, or has expired.
        ForbiddenError: It is not the token of this task on this device.
    """
    if task_id is None and token is None:
        return None
    for field, value in (("task_id", task_id), ("user_access_token", token)):
        if value is None:
            raise UnprocessableError(f"{field}: missing; send it as it came with `start`.")
    if task_id is None or token is None:
        return None
    acquisition_id = check_task_token(room.verifier.verify(token), device_id, task_id)
    lease = await room.find_lease(device_id, acquisition_id)
    if lease is None:
        raise ForbiddenError("user_access_token: the acquisition that it was made for is unknown.")
    return lease


async def status(room: ControlRoom, link: DeviceLink, message: UpdateStatus) -> Feedback:
    """A device says in which state it is and, with task and token, how its scan goes on."""
    lease = await find_reported(room, link.device_id, message.task_id, message.user_access_token)
    match message.status:
        case DeviceStatus.BUSY:
            return await _busy(room, link, message, lease)
        case DeviceStatus.ERROR:
            return await _error(room, link, message, lease)
        case DeviceStatus.ONLINE:
            await _free(room, link.device_id)
        case DeviceStatus.OFFLINE:
            pass
    await room.presence.changed(link.device_id, message.status)
    return Feedback(message=f"Device status {message.status} noted", ok=True)


async def _busy(
    room: ControlRoom, link: DeviceLink, message: UpdateStatus, lease: Lease | None
) -> Feedback:
    progress = message.data.progress
    if lease is not None and not lease.is_open:
        return await _too_late(room, link, lease)
    if lease is not None and progress is None:
        raise UnprocessableError("data.progress: missing; send how far the scan is [%].")
    # Its file may be stored meanwhile: a scan that has ended keeps no device busy.
    holds = None if lease is None else lambda: lease.is_open
    await room.presence.changed(link.device_id, DeviceStatus.BUSY, holds=holds)
    if lease is None or progress is None:
        return _device_only(DeviceStatus.BUSY)
    if not lease.is_open:
        return await _too_late(room, link, lease)
    room.deadlines.met(lease.id, Deadline.ACK, Deadline.DATA)
    if lease.state in _WAITING:
        actor = device_actor(link.device_id)
        await room.move(lease, AcquisitionState.RUNNING, actor=actor)
    await room.progress.put(lease, progress)
    return progress_noted(lease, progress)


def progress_noted(lease: Lease, progress: int) -> Feedback:
    """Return the answer to a progress."""
    return Feedback(message=f"Task progress {progress} % noted", ok=True, task_id=lease.task_id)


async def _too_late(room: ControlRoom, link: DeviceLink, lease: Lease) -> Feedback:
    if lease.state in _BROKEN_OFF:
        await room.send_stop(link.device_id, lease.task_id, lease.id)
    return refusal(
        f"update_status: the acquisition has ended ({lease.state}); nothing was changed.",
        lease.task_id,
    )


async def _error(
    room: ControlRoom, link: DeviceLink, message: UpdateStatus, lease: Lease | None
) -> Feedback:
    reason = message.data.error_message or _NO_REASON
    await room.presence.changed(link.device_id, DeviceStatus.ERROR, reason)
    running = room.leases.find_open(link.device_id)
    if lease is None:
        if running is None:
            await calibrations.broken_off(room.sessions, link.device_id, reason)
        elif not running.uploading:
            room.expect_data(running, f"The device reported an error ({reason})")
        return _device_only(DeviceStatus.ERROR)
    if not lease.is_open:
        return refusal(
            f"update_status: the acquisition has ended ({lease.state}); "
            "only the state of the device was stored.",
            lease.task_id,
        )
    room.heard_stopped(link.device_id, lease.task_id)
    actor = device_actor(link.device_id)
    code = message.data.error_code
    await room.move(lease, AcquisitionState.FAILED, reason, actor=actor, error_code=code)
    return Feedback(message="Error noted", ok=True, task_id=lease.task_id)


def _device_only(status: DeviceStatus) -> Feedback:
    return Feedback(
        message=f"Device status {status} noted. To report on a task, send task_id and "
        "user_access_token as they came with `start`.",
        ok=True,
    )


async def _free(room: ControlRoom, device_id: UUID) -> None:
    """A device that says it is free has ended its scan; its data may still come."""
    lease = room.leases.find_open(device_id)
    if lease is None or lease.state is AcquisitionState.REQUESTED:
        return  # after a start, an older word may still be on its way
    if lease.stop_reason is not None:
        await _confirm_stopped(room, lease)
        room.heard_stopped(device_id, lease.task_id)
    elif not lease.uploading:
        room.expect_data(lease, "The device says that it is free")
