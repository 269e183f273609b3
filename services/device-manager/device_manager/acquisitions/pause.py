"""Pausing a scan and letting it go on: only where the device says that it can."""

import asyncio
from collections.abc import Awaitable
from uuid import UUID

from device_manager.acquisitions.confirmations import Word, in_time
from device_manager.acquisitions.control_room import ControlRoom
from device_manager.acquisitions.lease import Lease
from device_manager.acquisitions.rules import AcquisitionState
from device_manager.devices import service as devices
from device_manager.links.link import DeviceLink, LinkClosedError
from scanhub_libraries.database import reading
from scanhub_libraries.errors import ConflictError, UnavailableError
from scanhub_libraries.models import PauseResult, StopRequest

PAUSE = "pause"


async def pause_scan(room: ControlRoom, device_id: UUID, request: StopRequest) -> PauseResult:
    """Let the scan of a device rest, and wait for the device to say that it does.

    Raises:
        NotFoundError: There is no such device.
        ConflictError: Nothing runs that could rest, or the device cannot pause.
        UnavailableError: The device is offline.
    """
    lease, link = await _find(room, device_id, request, AcquisitionState.RUNNING)
    waiter = room.confirmations.expect(device_id, lease.task_id, Word.PAUSED)
    sending = link.pause(lease.task_id, lease.id)
    return await _ask(room, lease, sending, waiter, "The scan rests.")


async def resume_scan(room: ControlRoom, device_id: UUID, request: StopRequest) -> PauseResult:
    """Let a scan that rests go on, and wait for the device to say that it does.

    Raises:
        NotFoundError: There is no such device.
        ConflictError: No scan rests there.
        UnavailableError: The device is offline.
    """
    lease, link = await _find(room, device_id, request, AcquisitionState.PAUSED)
    waiter = room.confirmations.expect(device_id, lease.task_id, Word.RESUMED)
    sending = link.resume(lease.task_id, lease.id)
    return await _ask(room, lease, sending, waiter, "The scan goes on.")


async def _find(
    room: ControlRoom, device_id: UUID, request: StopRequest, state: AcquisitionState
) -> tuple[Lease, DeviceLink]:
    await room.require_home(device_id)
    async with reading(room.sessions) as session:
        device = await devices.get_device(session, device_id)
    lease, link = room.leases.find_open(device_id), room.links.find(device_id)
    if lease is None or request.task_id not in (None, lease.task_id):
        raise ConflictError(f"{device.name} is not carrying out this task.")
    if link is None:
        raise UnavailableError(f"{device.name} is not connected: nothing was sent.")
    if PAUSE not in link.capabilities:
        raise ConflictError(f"{device.name} does not announce that it can pause: stop the scan.")
    if lease.state is not state:
        raise ConflictError(f"The acquisition is {lease.state}, not {state}.")
    return lease, link


async def _ask(
    room: ControlRoom,
    lease: Lease,
    sending: Awaitable[None],
    waiter: "asyncio.Future[None]",
    done: str,
) -> PauseResult:
    try:
        await sending
        confirmed = await in_time(waiter, room.settings.stop_deadline_seconds)
    except LinkClosedError:
        raise UnavailableError("The link to the device broke: nothing is known.") from None
    finally:
        waiter.cancel()
    seconds = room.settings.stop_deadline_seconds
    not_yet = f"It was sent, and the device has not confirmed it within {seconds:g} s."
    detail = done if confirmed else not_yet
    return PauseResult(sent=True, confirmed=confirmed, detail=detail, task_id=lease.task_id)
