"""The parameters of a device: each change a new version, with who made it and why."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from device_manager.database import add_event
from device_manager.devices.models import Device
from device_manager.nodes.notes import Kind, Note, add_note
from device_manager.parameters import repository
from device_manager.parameters.models import DeviceParameter
from device_manager.parameters.rules import changed_fields, told
from device_manager.parameters.schema import problems_of
from scanhub_libraries.clock import utc_now
from scanhub_libraries.errors import ConflictError, NotFoundError, UnprocessableError
from scanhub_libraries.events import EventType
from scanhub_libraries.models import DeviceParameterOut, ParameterProblem

_Json = dict[str, Any]
_COMMENT_LENGTH = 10_000


async def lock_device(session: AsyncSession, device_id: UUID) -> Device:
    """Return a device that nobody else changes before this transaction ends.

    Raises:
        NotFoundError: There is none.
    """
    device = await repository.lock_device(session, device_id)
    if device is None:
        raise NotFoundError("Device not found.")
    return device


async def schema_of(session: AsyncSession, device: Device) -> _Json | None:
    """Return the schema that the parameters of a device follow."""
    found = await repository.find_schema(session, device.device_type)
    return found.document if found is not None else None


async def problems_with(
    session: AsyncSession, device: Device, parameter: _Json
) -> list[ParameterProblem]:
    """Return what the schema of a device has against parameters."""
    schema = await schema_of(session, device)
    return [] if schema is None else await asyncio.to_thread(problems_of, schema, parameter)


async def write(
    session: AsyncSession, device: Device, parameter: _Json, *, author: str, comment: str = ""
) -> bool:
    """Put new parameters in force as the next version; False if they are those in force.

    Args:
        session: The transaction.
        device: Locked by it.
        parameter: All parameters.
        author: Who made them.
        comment: Why.

    Raises:
        UnprocessableError: They do not follow the schema of this type of device.
    """
    problems = await problems_with(session, device, parameter)
    if problems:
        raise UnprocessableError(
            f"The parameters do not follow the schema of {device.device_type}: {told(problems)}.",
            field=f"parameter.{problems[0].field}".rstrip("."),
            problems=[problem.model_dump() for problem in problems],
        )
    return put(session, device, parameter, author=author, comment=comment)


def put(
    session: AsyncSession, device: Device, parameter: _Json, *, author: str, comment: str = ""
) -> bool:
    """Put parameters in force that have been checked; False if they are those in force."""
    changed = changed_fields(device.parameter or {}, parameter)
    if device.parameter_version and not changed:
        return False
    device.parameter = parameter
    device.parameter_version += 1
    device.datetime_updated = utc_now()
    row = DeviceParameter(
        device_id=device.id,
        version=device.parameter_version,
        parameter=parameter,
        author=author,
        comment=comment[:_COMMENT_LENGTH],
    )
    session.add(row)
    data = {
        "device_id": str(device.id),
        "name": device.name,
        "parameter_version": row.version,
        "author": author,
        "comment": row.comment,
        "changed": changed,
    }
    add_event(session, EventType.DEVICE_PARAMETER_CHANGED, device.id, data)
    add_note(session, Note(kind=Kind.PARAMETER, device_id=device.id))
    return True


async def get_version(session: AsyncSession, device_id: UUID, version: int) -> DeviceParameter:
    """Return one version of the parameters of a device.

    Raises:
        NotFoundError: There is no such version.
    """
    found = await repository.find_version(session, device_id, version)
    if found is None:
        raise NotFoundError(f"There is no version {version} of the parameters of this device.")
    return found


async def list_versions(
    session: AsyncSession, device_id: UUID, *, limit: int, before: int | None
) -> Sequence[DeviceParameter]:
    """Return versions, newest first."""
    return await repository.list_versions(session, device_id, limit=limit, before=before)


async def describe(session: AsyncSession, device: Device) -> DeviceParameterOut:
    """Return the parameters in force, and where they do not follow their schema."""
    parameter = device.parameter or {}
    found = await repository.find_version(session, device.id, device.parameter_version)
    problems = await problems_with(session, device, parameter) if found is not None else []
    return DeviceParameterOut(
        device_id=device.id,
        device_type=device.device_type,
        parameter=parameter,
        version=device.parameter_version,
        author=found.author if found else "",
        comment=found.comment if found else "",
        created_at=found.created_at if found else None,
        problems=problems,
    )


def check_base(device: Device, base_version: int | None) -> None:
    """Refuse parameters that a device changed from a version that is not the last.

    Raises:
        ConflictError: It has others than those in force.
    """
    if (base_version or 0) != device.parameter_version:
        raise ConflictError(
            f"base_version: the parameters in force are version {device.parameter_version}; "
            "begin from those.",
            version=device.parameter_version,
        )
