"""HTTP routes of the parameters of devices."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Request, Response
from pydantic import Field

from device_manager.control import ControlRoomDep
from device_manager.devices.service import get_device
from device_manager.pages import link_next
from device_manager.parameters import desk, service
from device_manager.parameters.rules import changes
from scanhub_libraries.models import (
    DeviceParameterOut,
    ParameterChange,
    ParameterVersion,
    RestoreParameter,
    SetDeviceParameter,
)
from scanhub_libraries.version_parameters import (
    LARGEST_VERSION,
    AfterVersion,
    EarlierVersion,
    LaterVersion,
    VersionLimit,
)
from scanhub_libraries.versions import etag
from scanhub_libraries.web import IfMatchDep, PrincipalDep, SessionDep

router = APIRouter(prefix="/api/v1/device", tags=["parameters"])
_INVALID = {
    412: {"description": "The parameters were changed since they were read"},
    422: {"description": "They do not follow the schema of this type of device"},
}
Version = Annotated[int, Field(ge=1, le=LARGEST_VERSION, description="Version of the parameters")]


@router.get("/{device_id}/parameter", summary="Return the parameters of a device")
async def get_device_parameter(
    device_id: UUID, session: SessionDep, response: Response
) -> DeviceParameterOut:
    """Return the parameters in force, and where they do not follow their schema."""
    found = await service.describe(session, await get_device(session, device_id))
    response.headers.update(etag(found.version))
    return found


@router.put(
    "/{device_id}/parameter",
    summary="Change the parameters of a device",
    responses={code: dict(text) for code, text in _INVALID.items()},
)
async def set_device_parameter(
    device_id: UUID,
    given: SetDeviceParameter,
    *,
    room: ControlRoomDep,
    principal: PrincipalDep,
    response: Response,
    if_match: IfMatchDep = None,
) -> DeviceParameterOut:
    """Put parameters in force as a new version; the device gets them, and its next scan does.

    What equals the parameters in force makes no new version.
    """
    _, found = await desk.set_parameter(
        room,
        device_id,
        given.parameter,
        author=principal.actor,
        comment=given.comment,
        if_match=if_match,
    )
    response.headers.update(etag(found.version))
    return found


@router.get("/{device_id}/parameter/versions", summary="List the versions of the parameters")
async def list_parameter_versions(
    device_id: UUID,
    session: SessionDep,
    *,
    request: Request,
    response: Response,
    limit: VersionLimit = 50,
    after: AfterVersion = None,
) -> list[ParameterVersion]:
    """Return who changed the parameters, when and why, newest first; by pages."""
    await get_device(session, device_id)
    rows = await service.list_versions(session, device_id, limit=limit + 1, before=after)
    if len(rows) > limit:
        link_next(request, response, str(rows[limit - 1].version))
    return [ParameterVersion.model_validate(row) for row in rows[:limit]]


@router.get("/{device_id}/parameter/versions/{version}", summary="Return one version")
async def get_parameter_version(
    device_id: UUID, version: Version, session: SessionDep
) -> DeviceParameterOut:
    """Return the parameters as they were."""
    device = await get_device(session, device_id)
    found = await service.get_version(session, device_id, version)
    return DeviceParameterOut.model_validate(found).model_copy(
        update={"device_type": device.device_type}
    )


@router.get("/{device_id}/parameter/diff", summary="Compare two versions of the parameters")
async def compare_parameter_versions(
    device_id: UUID,
    session: SessionDep,
    before: EarlierVersion,
    after: LaterVersion,
) -> list[ParameterChange]:
    """Return each member that differs, with both values."""
    await get_device(session, device_id)
    older = await service.get_version(session, device_id, before)
    newer = await service.get_version(session, device_id, after)
    return changes(older.parameter, newer.parameter)


@router.post(
    "/{device_id}/parameter/versions/{version}/restore",
    summary="Take up an older version again",
    responses={code: dict(text) for code, text in _INVALID.items()},
)
async def restore_parameter_version(
    device_id: UUID,
    version: Version,
    *,
    room: ControlRoomDep,
    principal: PrincipalDep,
    response: Response,
    given: Annotated[RestoreParameter | None, Body()] = None,
    if_match: IfMatchDep = None,
) -> DeviceParameterOut:
    """Put the parameters of an older version in force, as a new version."""
    comment = given.comment if given is not None else ""
    found = await desk.restore(
        room, device_id, version, author=principal.actor, comment=comment, if_match=if_match
    )
    response.headers.update(etag(found.version))
    return found
