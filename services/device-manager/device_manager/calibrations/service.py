"""Calibrations in the database: each end with its event and its parameters, in one transaction."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from device_manager.acquisitions.models import Acquisition
from device_manager.calibrations import repository
from device_manager.calibrations.models import Calibration
from device_manager.database import add_event
from device_manager.devices.models import Device
from device_manager.parameters import repository as parameters
from device_manager.parameters import service as parameter_service
from device_manager.parameters.rules import merge, told
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import Sessions, reading, transaction
from scanhub_libraries.errors import NotFoundError
from scanhub_libraries.events import EventType
from scanhub_libraries.ids import new_id
from scanhub_libraries.models import CalibrationState, CalibrationType

_PROBLEM_LENGTH = 4000


async def begin(
    session: AsyncSession, device: Device, kinds: Sequence[CalibrationType], requested_by: str
) -> list[Calibration]:
    """Write calibrations that were asked for by themselves; they hold the device."""
    rows = [
        Calibration(id=row_id, device_id=device.id, kind=kind, requested_by=requested_by)
        for row_id, kind in zip(_ids_in_order(len(kinds)), kinds, strict=True)
    ]
    session.add_all(rows)
    device.calibration_id = rows[0].id
    return rows


async def plan(session: AsyncSession, scan: Acquisition, kinds: Sequence[CalibrationType]) -> None:
    """Write the calibrations that a scan begins with."""
    session.add_all(
        Calibration(
            id=row_id,
            device_id=scan.device_id,
            acquisition_id=scan.id,
            task_id=scan.task_id,
            kind=kind,
            requested_by=scan.requested_by,
        )
        for row_id, kind in zip(_ids_in_order(len(kinds)), kinds, strict=True)
    )


def _ids_in_order(count: int) -> list[UUID]:
    """Return ids that sort as they stand here: within a millisecond they come by chance."""
    return sorted(new_id() for _ in range(count))


async def plan_anew(
    session: AsyncSession, acquisition_id: UUID, kinds: Sequence[CalibrationType]
) -> None:
    """The task was changed at the last moment: its scan begins with other calibrations."""
    await repository.delete_of_scan(session, acquisition_id)
    scan = await session.get(Acquisition, acquisition_id)
    if scan is not None:
        await plan(session, scan, kinds)


async def scan_ended(session: AsyncSession, scan: Acquisition) -> None:
    """End what a scan that has ended left open; nothing was calibrated that was never taken."""
    if scan.accepted_at is None and scan.started_at is None:
        await repository.delete_of_scan(session, scan.id)
        return
    for row in await repository.list_of_scan(session, scan.id):
        fail(session, row, f"The scan has {scan.state}, and nothing was reported of it.")


async def break_off(session: AsyncSession, device: Device, reason: str) -> None:
    """End what was asked for by itself and has not ended; the device is free again."""
    if device.calibration_id is None:
        return
    locked = await parameters.lock_device(session, device.id)
    if locked is None or locked.calibration_id is None:
        return
    locked.calibration_id = None
    for row in await repository.list_open(session, device.id):
        fail(session, row, reason)


async def broken_off(sessions: Sessions, device_id: UUID, reason: str) -> None:
    """The same, if anything runs, as a transaction of its own."""
    async with reading(sessions) as session:
        device = await session.get(Device, device_id)
    if device is not None and device.calibration_id is not None:
        async with transaction(sessions) as session:
            await break_off(session, device, reason)


def fail(session: AsyncSession, row: Calibration, problem: str) -> None:
    """End a calibration that has given nothing."""
    row.state, row.problem = CalibrationState.FAILED, problem[:_PROBLEM_LENGTH]
    _end(session, row)


def _end(session: AsyncSession, row: Calibration) -> None:
    row.ended_at = utc_now()
    data = {
        "calibration_id": str(row.id),
        "device_id": str(row.device_id),
        "acquisition_id": str(row.acquisition_id) if row.acquisition_id else None,
        "task_id": str(row.task_id) if row.task_id else None,
        "kind": row.kind.value,
        "state": row.state.value,
        "problem": row.problem,
        "parameter_version": row.parameter_version,
    }
    add_event(session, EventType.DEVICE_CALIBRATED, row.device_id, data)


async def measured(
    session: AsyncSession,
    device: Device,
    row: Calibration,
    *,
    values: dict[str, Any] | None,
    quality: dict[str, Any] | None,
    apply: bool,
) -> None:
    """Keep what a calibration has given, and take over into the parameters what is plausible.

    Args:
        session: The transaction.
        device: Locked by it.
        row: The calibration.
        values: By the names of the parameters.
        quality: How good it is.
        apply: False: the device does not want them taken over.
    """
    row.state, row.values, row.quality = CalibrationState.MEASURED, values, quality
    if values and apply:
        schema = await parameter_service.schema_of(session, device)
        merged = await asyncio.to_thread(merge, device.parameter or {}, values, schema)
        if merged.refused:
            row.problem = f"Not taken over: {told(merged.refused)}"[:_PROBLEM_LENGTH]
        author, comment = f"calibration:{row.kind}", f"Measured by calibration {row.id}"
        if parameter_service.put(session, device, merged.parameter, author=author, comment=comment):
            row.parameter_version = device.parameter_version
    _end(session, row)


async def advance(session: AsyncSession, device: Device, row: Calibration) -> Calibration | None:
    """Return what is to be calibrated next; None: that was all, and the device is free.

    After a failure nothing follows: it would begin from parameters that do not hold.
    """
    device.calibration_id = None
    remaining = [
        other for other in await repository.list_open(session, device.id) if other.id != row.id
    ]
    if row.state is CalibrationState.FAILED:
        for other in remaining:
            fail(session, other, f"The calibration before it failed ({row.kind}).")
        return None
    if not remaining:
        return None
    device.calibration_id = remaining[0].id
    return remaining[0]


async def get_calibration(
    session: AsyncSession, device_id: UUID, calibration_id: UUID
) -> Calibration:
    """Return a calibration of a device.

    Raises:
        NotFoundError: There is none.
    """
    row = await session.get(Calibration, calibration_id)
    if row is None or row.device_id != device_id:
        raise NotFoundError("This device has no such calibration.")
    return row
