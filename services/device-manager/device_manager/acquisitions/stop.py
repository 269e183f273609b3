"""Stopping a scan: the stop goes down the link before anything else is done."""

from contextlib import suppress
from uuid import UUID

from device_manager.acquisitions import repository
from device_manager.acquisitions.confirmations import Word, in_time
from device_manager.acquisitions.control_room import ControlRoom
from device_manager.acquisitions.lease import Lease, lease_of
from device_manager.acquisitions.rules import AcquisitionState
from device_manager.devices import service as devices
from device_manager.links.link import DeviceLink, LinkClosedError
from scanhub_libraries.database import reading
from scanhub_libraries.errors import ConflictError, ScanHubError, UnavailableError
from scanhub_libraries.models import StopRequest, StopResult
from scanhub_libraries.security.principal import Principal

_SETTLE_SECONDS = 1.0
_ON_THE_WAY_SECONDS = 0.5  # from one process to another
_NOT_CONNECTED = "the device is not connected"
_NO_ANSWER = "the server process that it is connected to does not answer"


async def stop_scan(
    room: ControlRoom, device_id: UUID, request: StopRequest, principal: Principal
) -> StopResult:
    """Stop what runs on a device, and wait for the device to say that it has stopped.

    Raises:
        NotFoundError: There is no such device.
        ConflictError: It carries out another task than the one to stop.
        UnavailableError: The device is offline: nobody can stop it from here.
    """

    async def remember() -> ScanHubError:
        return await _remember(room, device_id, request, principal, _NO_ANSWER)

    seconds = room.settings.stop_deadline_seconds + _SETTLE_SECONDS + _ON_THE_WAY_SECONDS
    await room.require_home(device_id, seconds=seconds, otherwise=remember)
    lease = room.leases.find_open(device_id)
    if lease is not None and request.task_id not in (None, lease.task_id):
        raise ConflictError(
            f"The device is carrying out another task ({lease.task_id}); that one was not stopped."
        )
    reason = f"stopped by {principal.actor}"
    if lease is not None:
        lease.stop_reason = reason
    link = room.links.find(device_id)
    if link is None:
        raise await _remember(room, device_id, request, principal, _NOT_CONNECTED)
    task_id = lease.task_id if lease else request.task_id
    stopped = room.confirmations.expect(device_id, task_id, Word.STOPPED)
    try:
        await link.stop(task_id, lease.id if lease else None)
        if lease is not None:
            room.note_stop(lease, reason)
        confirmed = await in_time(stopped, room.settings.stop_deadline_seconds)
    except LinkClosedError as error:
        raise await _remember(room, device_id, request, principal, str(error)) from None
    finally:
        stopped.cancel()
    if lease is not None:
        await _record(room, lease, principal, reason, confirmed=confirmed)
    detail = _detail(room, link, lease, confirmed=confirmed)
    return StopResult(sent=True, confirmed=confirmed, detail=detail, task_id=task_id)


async def _remember(
    room: ControlRoom, device_id: UUID, request: StopRequest, principal: Principal, why: str
) -> ScanHubError:
    """Write down a stop that could not be sent; return what is answered."""
    lease = room.leases.find_open(device_id)
    async with reading(room.sessions) as session:
        device = await devices.get_device(session, device_id)
        row = await repository.find_open(session, device_id) if lease is None else None
    lease = lease_of(row) if row is not None else lease
    detail = (
        f"{device.name} is not connected: the stop was not sent. Stop the scanner at its console."
        if why == _NOT_CONNECTED
        else f"{device.name}: {why}, so the stop may not arrive. Stop the scanner at its console."
    )
    if lease is not None and request.task_id in (None, lease.task_id):
        await room.ask_stop(lease, why, actor=principal.actor)
        detail += " When it connects again it is told to stop."
    return UnavailableError(detail, sent=False, confirmed=False)


async def _record(
    room: ControlRoom, lease: Lease, principal: Principal, reason: str, *, confirmed: bool
) -> None:
    if not confirmed:
        await room.ask_stop(lease, "not confirmed by the device", actor=principal.actor)
        return
    await room.move(lease, AcquisitionState.STOPPED, reason, actor=principal.actor, anywhere=True)
    with suppress(TimeoutError):
        await room.settlement.wait(lease.id, _SETTLE_SECONDS)


def _detail(room: ControlRoom, link: DeviceLink, lease: Lease | None, *, confirmed: bool) -> str:
    if confirmed:
        if lease is None:
            return "The device says that nothing runs."
        if lease.state is AcquisitionState.FINISHED:
            return "The scan had finished before the stop arrived; its data is stored."
        return "The device has stopped."
    seconds = room.settings.stop_deadline_seconds
    if "stop" not in link.capabilities:
        return (
            "The stop was sent, but this device does not announce that it knows it. "
            "Stop the scanner at its console."
        )
    return (
        f"The stop was sent and the device has not confirmed it within {seconds:g} s. "
        "Look at the scanner, try again, or stop it at its console."
    )
