"""The schemas of parameters, one per type of device."""

import asyncio
from uuid import UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncSession

from device_manager.database import add_event
from device_manager.parameters import repository
from device_manager.parameters.models import ParameterSchema
from device_manager.parameters.rules import told
from device_manager.parameters.schema import check_schema, problems_of
from scanhub_libraries.clock import utc_now
from scanhub_libraries.errors import ConflictError, NotFoundError
from scanhub_libraries.events import EventType
from scanhub_libraries.models import DeviceProblems, ParameterSchemaIn, ParameterSchemaOut
from scanhub_libraries.versions import check_version

_MOST_NAMED = 5
_SCHEMAS = UUID("5d1a5f2e-3f0b-4b7e-9c63-0a3a8f0d2c11")
"""Types of devices have no id: that of a schema is made of its type's name."""


async def get_schema(session: AsyncSession, device_type: str) -> ParameterSchema:
    """Return the schema of a type of devices.

    Raises:
        NotFoundError: There is none.
    """
    found = await repository.find_schema(session, device_type)
    if found is None:
        raise NotFoundError(f"There is no schema for devices of type {device_type[:80]!r}.")
    return found


async def describe(session: AsyncSession, row: ParameterSchema) -> ParameterSchemaOut:
    """Return a schema, and the devices whose parameters do not follow it."""
    invalid = await find_invalid(session, row)
    return ParameterSchemaOut.model_validate(row).model_copy(update={"invalid_devices": invalid})


async def find_invalid(session: AsyncSession, row: ParameterSchema) -> list[DeviceProblems]:
    """Return the devices whose parameters do not follow a schema."""
    devices = await repository.list_devices_of(session, row.device_type)

    def check() -> list[DeviceProblems]:
        found = [(device, problems_of(row.document, device.parameter or {})) for device in devices]
        return [
            DeviceProblems(device_id=device.id, name=device.name, problems=problems)
            for device, problems in found
            if problems
        ]

    return await asyncio.to_thread(check)


async def set_schema(
    session: AsyncSession,
    device_type: str,
    given: ParameterSchemaIn,
    *,
    author: str,
    if_match: str | None,
    accept_invalid: bool,
) -> ParameterSchema:
    """Set the schema of a type of devices.

    Raises:
        UnprocessableError: It is no schema.
        StaleVersionError: It is not the version that was edited.
        ConflictError: Parameters in force do not follow it; `devices` has which and why.
    """
    await asyncio.to_thread(check_schema, given.document)
    row = await repository.find_schema(session, device_type, lock=True)
    before = row.version if row is not None else 0
    check_version(if_match, before)
    if row is None:
        row = ParameterSchema(device_type=device_type, document=given.document, author=author)
        session.add(row)
    elif row.document != given.document:
        row.document, row.author = given.document, author
        row.version, row.datetime_updated = row.version + 1, utc_now()
    await session.flush()
    invalid = await find_invalid(session, row)
    if invalid and not accept_invalid:
        named = "; ".join(
            f"{device.name} ({told(device.problems)})" for device in invalid[:_MOST_NAMED]
        )
        raise ConflictError(
            f"The parameters of {len(invalid)} devices do not follow this schema: {named}. "
            "Change them first, or say `accept_invalid=true`.",
            devices=[device.model_dump(mode="json") for device in invalid],
        )
    if row.version != before:
        _event(session, row, removed=False)
    return row


async def delete_schema(session: AsyncSession, device_type: str, if_match: str | None) -> None:
    """Remove a schema; parameters of this type of devices are checked no more."""
    row = await get_schema(session, device_type)
    check_version(if_match, row.version)
    _event(session, row, removed=True)
    await session.delete(row)


def _event(session: AsyncSession, row: ParameterSchema, *, removed: bool) -> None:
    data = {"device_type": row.device_type, "version": row.version, "removed": removed}
    subject = uuid5(_SCHEMAS, row.device_type)
    add_event(session, EventType.DEVICE_SCHEMA_CHANGED, subject, data)
