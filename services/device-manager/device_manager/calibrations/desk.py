"""Calibrations that are asked for by themselves, and the words of devices on all of them."""

from contextlib import suppress
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from device_manager.acquisitions import reports
from device_manager.acquisitions import repository as acquisitions
from device_manager.acquisitions.control_room import ControlRoom
from device_manager.acquisitions.deadlines import Deadline
from device_manager.acquisitions.lease import Lease
from device_manager.acquisitions.models import Acquisition
from device_manager.acquisitions.rules import DeviceSituation, raise_refusals
from device_manager.calibrations import repository, service
from device_manager.calibrations.models import Calibration
from device_manager.calibrations.rules import calibration_refusals
from device_manager.devices.models import Device
from device_manager.links.commands import Feedback
from device_manager.links.link import DeviceLink, LinkClosedError
from device_manager.links.messages import Calibrated
from device_manager.parameters import desk as parameters
from device_manager.parameters.service import lock_device
from scanhub_libraries.database import reading, transaction
from scanhub_libraries.errors import ConflictError, UnavailableError, UnprocessableError
from scanhub_libraries.models import CalibrateRequest, CalibrationState
from scanhub_libraries.security.principal import Principal

_NO_REASON = "The device reports that it failed, and gives no reason."
_LINK_BROKE = "The link to the device broke before it was told to calibrate."


async def calibrate(
    room: ControlRoom, device_id: UUID, request: CalibrateRequest, principal: Principal
) -> list[Calibration]:
    """Let a device calibrate, one kind after the other; returns when the first is on its way.

    Raises:
        NotFoundError: There is no such device.
        ConflictError: It is busy, or does not announce that it can calibrate.
        UnavailableError: It is offline.
    """
    await room.require_home(device_id)
    link = room.links.find_ready(device_id)
    async with transaction(room.sessions) as session:
        device = await lock_device(session, device_id)
        room.homes.check(device)
        situation = DeviceSituation(
            name=device.name,
            status=device.status,
            status_detail=device.status_detail,
            online=link is not None,
            open_task_id=await acquisitions.find_open_task(session, device_id),
            calibrating=device.calibration_id is not None,
        )
        capabilities = link.capabilities if link is not None else frozenset()
        raise_refusals(list(calibration_refusals(situation, capabilities)))
        rows = await service.begin(session, device, request.kinds, principal.actor)
    if not await _send(room, device, rows[0]):
        raise UnavailableError(_LINK_BROKE, reasons=[_LINK_BROKE])
    return rows


async def _send(room: ControlRoom, device: Device, row: Calibration) -> bool:
    """Tell the device to calibrate; False if it is gone."""
    link = room.links.find_ready(device.id)
    if link is not None:
        _expect(room, row)
        with suppress(LinkClosedError):
            await link.calibrate(row.id, row.kind, device.parameter or {})
            return True
        room.deadlines.met(row.id, Deadline.CALIBRATION)
    await service.broken_off(room.sessions, device.id, _LINK_BROKE)
    return False


def _expect(room: ControlRoom, row: Calibration) -> None:
    seconds = room.settings.calibration_deadline_seconds

    async def missed() -> None:
        async with reading(room.sessions) as session:
            device = await session.get(Device, row.device_id)
        if device is None or device.calibration_id != row.id:
            return  # it has ended, perhaps at another process
        if device.node_id != room.homes.node_id and room.homes.node_id is not None:
            return  # the device has come home to another process
        await room.send_stop(row.device_id, None, None)
        reason = (
            f"The device did not answer within {seconds:g} s; a stop was sent to it. Look at the "
            "scanner before you go on."
        )
        await service.broken_off(room.sessions, row.device_id, reason)

    room.deadlines.set(row.id, Deadline.CALIBRATION, seconds, missed)


async def calibrated(room: ControlRoom, link: DeviceLink, message: Calibrated) -> Feedback:
    """A calibration has ended.

    Raises:
        ScanHubError: The message speaks of none that is open here; nothing was changed.
    """
    lease = await _scan_of(room, link, message)
    following: Calibration | None = None
    async with transaction(room.sessions) as session:
        device = await lock_device(session, link.device_id)
        before = device.parameter_version
        row = await _find(session, link.device_id, lease, message)
        await _end(session, device, row, message)
        if lease is None:
            following = await service.advance(session, device, row)
        elif device.parameter_version != before:
            await _note_in_force(session, lease, device)
    room.deadlines.met(row.id, Deadline.CALIBRATION)
    if device.parameter_version != before:
        _now_in_force(room, lease, device)
    if following is not None:
        room.run(_send(room, device, following), name=f"calibrate {following.id}")
    return Feedback(message=_answer(row), ok=True, task_id=row.task_id)


async def _scan_of(room: ControlRoom, link: DeviceLink, message: Calibrated) -> Lease | None:
    """Return the scan that it was made for; None: it was asked for by itself."""
    if message.calibration_id is not None:
        return None
    lease = await reports.find_reported(
        room, link.device_id, message.task_id, message.user_access_token
    )
    if lease is None:
        raise UnprocessableError(
            "calibrated: send calibration_id, or task_id and user_access_token."
        )
    return lease


async def _find(
    session: AsyncSession, device_id: UUID, lease: Lease | None, message: Calibrated
) -> Calibration:
    """Return the calibration that the device reports on."""
    if lease is not None:
        return await _find_of_scan(session, lease, message)
    row = await session.get(Calibration, message.calibration_id)
    if row is None or row.device_id != device_id or row.acquisition_id is not None:
        raise UnprocessableError("calibration_id: this is none that was asked for here.")
    if row.ended_at is not None:
        raise ConflictError(f"calibration_id: it has ended ({row.problem or row.state}).")
    if row.kind is not message.kind:
        raise UnprocessableError(f"kind: this calibration is one of {row.kind}.")
    return row


async def _find_of_scan(session: AsyncSession, lease: Lease, message: Calibrated) -> Calibration:
    """Return the calibration of a scan that the device reports on."""
    if not lease.is_open:
        raise ConflictError(f"calibrated: the acquisition has ended ({lease.state}).")
    for row in await repository.list_of_scan(session, lease.id):
        if row.kind is message.kind:
            return row
    raise ConflictError(f"kind: this scan has no open calibration of {message.kind}.")


async def _end(
    session: AsyncSession, device: Device, row: Calibration, message: Calibrated
) -> None:
    if message.error_message is not None:
        row.values, row.quality = message.values, message.quality
        service.fail(session, row, message.error_message or _NO_REASON)
        return
    await service.measured(
        session,
        device,
        row,
        values=message.values,
        quality=message.quality,
        apply=message.apply,
    )


def _now_in_force(room: ControlRoom, lease: Lease | None, device: Device) -> None:
    """The parameters are new, also for the scan that they were measured for."""
    if lease is not None:
        lease.device_parameter = dict(device.parameter or {})
        lease.parameter_version = device.parameter_version
    parameters.tell(room, device)


async def _note_in_force(session: AsyncSession, lease: Lease, device: Device) -> None:
    row = await session.get(Acquisition, lease.id)
    if row is not None:
        row.parameter_version = device.parameter_version


def _answer(row: Calibration) -> str:
    if row.state is CalibrationState.FAILED:
        return f"Failure of the calibration ({row.kind}) noted"
    noted = f"Calibration ({row.kind}) noted"
    if row.parameter_version is not None:
        noted += f", parameters are version {row.parameter_version} now"
    return f"{noted}. {row.problem}" if row.problem else noted
