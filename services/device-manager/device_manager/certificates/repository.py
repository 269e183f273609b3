"""Queries on bound certificates."""

from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col

from device_manager.devices.models import Device
from scanhub_libraries.database import Sessions, glance

_BOUND = sa.select(col(Device.certificate_sha256)).where(
    col(Device.id) == sa.bindparam("device_id")
)
"""Made once: each request that sends a file asks it."""


async def bound_certificate(sessions: Sessions, device_id: UUID) -> str | None:
    """Return the fingerprint of the certificate of a device; None: none, or no such device."""
    async with glance(sessions) as connection:
        found: str | None = (await connection.execute(_BOUND, {"device_id": device_id})).scalar()
    return found
