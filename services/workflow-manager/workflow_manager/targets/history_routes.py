"""Routes of the history of targets."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Request, Response
from pydantic import Field

from scanhub_libraries.models import ParameterChange, TargetOut, TargetRevert, TargetVersionOut
from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.version_parameters import (
    LARGEST_VERSION,
    AfterVersion,
    EarlierVersion,
    LaterVersion,
    VersionLimit,
)
from scanhub_libraries.versions import check_version, etag
from scanhub_libraries.web import IfMatchDep, SessionDep
from workflow_manager.targets import history, repository, service
from workflow_manager.wiring import Wiring

router = APIRouter(prefix="/api/v1/workflowmanager/targets", tags=["targets"])
TargetName = Annotated[ShortText, Path(description="Name of the target")]
Version = Annotated[int, Field(ge=1, le=LARGEST_VERSION, description="Version of the target")]


@router.get("/{name}/versions", summary="List the versions of a target")
async def list_target_versions(
    session: SessionDep,
    name: TargetName,
    limit: VersionLimit = 50,
    after: AfterVersion = None,
) -> list[TargetVersionOut]:
    """Return who changed a target and when, newest first; also of one that was deleted."""
    rows = await repository.HISTORY.list_versions(session, name, limit=limit, before=after)
    return [history.describe_version(row) for row in rows]


@router.get("/{name}/versions/{version}", summary="Return one version of a target")
async def get_target_version(
    session: SessionDep, name: TargetName, version: Version
) -> TargetVersionOut:
    """Return the settings as they were; never a secret."""
    return history.describe_version(await repository.HISTORY.get_version(session, name, version))


@router.get("/{name}/diff", summary="Compare two versions of a target")
async def compare_target_versions(
    session: SessionDep,
    name: TargetName,
    before: EarlierVersion,
    after: LaterVersion,
) -> list[ParameterChange]:
    """Return each setting that differs, with both values; of secrets only their names."""
    return await repository.HISTORY.compare(session, name, before, after)


@router.post("/{name}/versions/{version}/revert", summary="Go back to a version of a target")
async def revert_target(
    request: Request,
    session: SessionDep,
    name: TargetName,
    version: Version,
    *,
    response: Response,
    given: Annotated[TargetRevert | None, Body()] = None,
    if_match: IfMatchDep = None,
) -> TargetOut:
    """Put older settings in force, as a new version; secrets stay as they are now."""
    wiring: Wiring = request.app.state.wiring
    row = await service.get_target(session, name, lock=True)
    check_version(if_match, row.version)
    comment = given.comment if given is not None else ""
    box, lake = wiring.secret_box, wiring.lake
    row = await history.revert_target(session, row, version, box=box, lake=lake, comment=comment)
    response.headers.update(etag(row.version))
    return service.describe(row, (await repository.pauses(session)).get(row.name))
