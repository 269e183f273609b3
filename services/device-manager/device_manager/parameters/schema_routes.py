"""HTTP routes of the schemas of parameters."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response, status

from device_manager.parameters import repository, schemas
from scanhub_libraries.models import ParameterSchemaIn, ParameterSchemaOut
from scanhub_libraries.models.fields import Name
from scanhub_libraries.versions import etag
from scanhub_libraries.web import IfMatchDep, PrincipalDep, SessionDep

router = APIRouter(prefix="/api/v1/device/parameter-schemas", tags=["parameters"])
DeviceType = Annotated[Name, Path(description="`device_type` as devices say it when they register")]


@router.get("", summary="List the schemas of parameters")
async def list_parameter_schemas(session: SessionDep) -> list[ParameterSchemaOut]:
    """Return the JSON Schemas of all types of devices."""
    rows = await repository.list_schemas(session)
    return [ParameterSchemaOut.model_validate(row) for row in rows]


@router.get("/{device_type}", summary="Return the schema of a type of devices")
async def get_parameter_schema(
    device_type: DeviceType, session: SessionDep, response: Response
) -> ParameterSchemaOut:
    """Return the JSON Schema, and the devices whose parameters do not follow it."""
    row = await schemas.get_schema(session, device_type)
    response.headers.update(etag(row.version))
    return await schemas.describe(session, row)


@router.put(
    "/{device_type}",
    summary="Set the schema of a type of devices",
    responses={
        409: {"description": "Parameters in force do not follow it; `devices` names them"},
        412: {"description": "The schema was changed since it was read"},
        422: {"description": "It is no JSON Schema, or one that is not taken"},
    },
)
async def set_parameter_schema(
    device_type: DeviceType,
    given: ParameterSchemaIn,
    *,
    session: SessionDep,
    principal: PrincipalDep,
    response: Response,
    if_match: IfMatchDep = None,
    accept_invalid: Annotated[
        bool, Query(description="Also if parameters in force do not follow it")
    ] = False,
) -> ParameterSchemaOut:
    """Set what the parameters of these devices have to be from now on (JSON Schema 2020-12).

    `$ref` only within the schema, patterns without look-around, at most 64 KB.
    """
    row = await schemas.set_schema(
        session,
        device_type,
        given,
        author=principal.actor,
        if_match=if_match,
        accept_invalid=accept_invalid,
    )
    response.headers.update(etag(row.version))
    return await schemas.describe(session, row)


@router.delete(
    "/{device_type}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Remove the schema of a type of devices",
    responses={412: {"description": "The schema was changed since it was read"}},
)
async def delete_parameter_schema(
    device_type: DeviceType, session: SessionDep, if_match: IfMatchDep = None
) -> None:
    """Remove a schema; the parameters of these devices are checked no more."""
    await schemas.delete_schema(session, device_type, if_match)
