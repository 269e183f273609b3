"""Queries on bound certificates."""

from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col

from device_manager.devices.models import Device
from scanhub_libraries.database import Sessions, glance


async def bound_certificate(sessions: Sessions, device_id: UUID) -> str | None:
    """Return the fingerprint of the certificate of a device; None: none, or no such device."""
    query = sa.select(col(Device.certificate_sha256)).where(col(Device.id) == device_id)
    async with glance(sessions) as connection:
        found: str | None = (await connection.execute(query)).scalar()
    return found
