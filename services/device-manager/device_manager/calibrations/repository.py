"""Queries on calibrations."""

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from device_manager.calibrations.models import Calibration
from scanhub_libraries.models import CalibrationType

_IS_OPEN = col(Calibration.ended_at).is_(None)


async def list_open(session: AsyncSession, device_id: UUID) -> Sequence[Calibration]:
    """Return the calibrations that were asked for by themselves and have not ended, in order."""
    query = select(Calibration).where(
        col(Calibration.device_id) == device_id,
        col(Calibration.acquisition_id).is_(None),
        _IS_OPEN,
    )
    return (await session.scalars(query.order_by(col(Calibration.id)))).all()


async def list_of_scan(session: AsyncSession, acquisition_id: UUID) -> Sequence[Calibration]:
    """Return the calibrations of a scan that have not ended, in order."""
    query = select(Calibration).where(col(Calibration.acquisition_id) == acquisition_id, _IS_OPEN)
    return (await session.scalars(query.order_by(col(Calibration.id)))).all()


async def list_calibrations(
    session: AsyncSession,
    device_id: UUID,
    *,
    kind: CalibrationType | None,
    acquisition_id: UUID | None,
    limit: int,
    after: UUID | None,
) -> Sequence[Calibration]:
    """Return calibrations of a device, newest first."""
    query = select(Calibration).where(col(Calibration.device_id) == device_id)
    if kind is not None:
        query = query.where(col(Calibration.kind) == kind)
    if acquisition_id is not None:
        query = query.where(col(Calibration.acquisition_id) == acquisition_id)
    if after is not None:
        query = query.where(col(Calibration.id) < after)
    query = query.order_by(col(Calibration.id).desc()).limit(limit)
    return (await session.scalars(query)).all()


async def delete_of_scan(session: AsyncSession, acquisition_id: UUID) -> None:
    """Remove what was planned for a scan that never began."""
    await session.execute(
        sa.delete(Calibration).where(col(Calibration.acquisition_id) == acquisition_id)
    )


async def delete_of_device(session: AsyncSession, device_id: UUID) -> None:
    """Remove the history of a device."""
    await session.execute(sa.delete(Calibration).where(col(Calibration.device_id) == device_id))
