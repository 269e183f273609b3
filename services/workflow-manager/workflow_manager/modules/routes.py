"""Routes of modules and of their history."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Request, Response
from pydantic import Field

from scanhub_libraries.database import reading
from scanhub_libraries.models import ParameterChange, TargetRevert
from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.models.module import (
    ModuleIn,
    ModuleOut,
    ModuleSettings,
    ModuleTest,
    ModuleVersionOut,
)
from scanhub_libraries.version_parameters import (
    LARGEST_VERSION,
    AfterVersion,
    EarlierVersion,
    LaterVersion,
    VersionLimit,
)
from scanhub_libraries.versions import check_version, etag
from scanhub_libraries.web import IfMatchDep, SessionDep
from workflow_manager.modules import repository, service
from workflow_manager.modules.job import check_job
from workflow_manager.modules.models import Module
from workflow_manager.modules.runners import Runners
from workflow_manager.wiring import Wiring

router = APIRouter(prefix="/api/v1/workflowmanager/modules", tags=["modules"])
Name = Annotated[ShortText, Path(description="Name of the module")]
Version = Annotated[int, Field(ge=1, le=LARGEST_VERSION, description="Version of the module")]


async def _problems(
    request: Request, settings: ModuleSettings, *, image: bool = False
) -> list[str]:
    """Return why a module cannot run here; `image`: look for its image too, which takes longer."""
    runners: Runners = request.app.state.wiring.runners
    return (await runners.examine(settings, image=image)).problems


def _out(module: Module, response: Response, problems: list[str]) -> ModuleOut:
    response.headers.update(etag(module.version))
    return service.describe(module, problems)


@router.get("", summary="List processing modules")
async def list_modules(request: Request, session: SessionDep) -> list[ModuleOut]:
    """Return all modules by name; of their variables only the names."""
    rows = [service.describe(row) for row in await repository.list_modules(session)]
    return [row.model_copy(update={"problems": await _problems(request, row)}) for row in rows]


@router.post("", status_code=201, summary="Configure a processing module")
async def create_module(
    request: Request, session: SessionDep, module: ModuleIn, response: Response
) -> ModuleOut:
    """Write a module down; `problems` says why it cannot run here, if it cannot."""
    await check_job(request.app.state.wiring.jobs, module)
    problems = await _problems(request, module, image=True)
    box = request.app.state.wiring.secret_box
    return _out(await service.create_module(session, module, box=box), response, problems)


@router.get("/{name}", summary="Return a processing module")
async def get_module(
    request: Request, session: SessionDep, name: Name, response: Response
) -> ModuleOut:
    """Return the settings of a module; of its variables only the names."""
    row = await service.get_module(session, name)
    return _out(row, response, await _problems(request, service.describe(row)))


@router.post("/{name}/test", summary="Say whether a processing module can run here")
async def test_module(request: Request, session: SessionDep, name: Name) -> ModuleTest:
    """Look for what runs it, for its image or file, and at what it asks for; nothing is run."""
    settings = service.describe(await service.get_module(session, name))
    runners: Runners = request.app.state.wiring.runners
    return await runners.examine(settings)


@router.put("/{name}", summary="Change a processing module")
async def replace_module(
    request: Request,
    session: SessionDep,
    name: Name,
    module: ModuleIn,
    *,
    response: Response,
    if_match: IfMatchDep = None,
) -> ModuleOut:
    """Replace the settings of a module; variables that are left out stay as they are."""
    await check_job(request.app.state.wiring.jobs, module)
    problems = await _problems(request, module, image=True)
    box = request.app.state.wiring.secret_box
    row = await service.get_module(session, name, lock=True)
    check_version(if_match, row.version)
    return _out(await service.replace_module(session, row, module, box=box), response, problems)


@router.delete("/{name}", status_code=204, summary="Delete a processing module")
async def delete_module(session: SessionDep, name: Name, if_match: IfMatchDep = None) -> None:
    """Delete a module; its versions stay."""
    row = await service.get_module(session, name, lock=True)
    check_version(if_match, row.version)
    await service.delete_module(session, row)


@router.get("/{name}/versions", summary="List the versions of a processing module")
async def list_module_versions(
    session: SessionDep, name: Name, limit: VersionLimit = 50, after: AfterVersion = None
) -> list[ModuleVersionOut]:
    """Return who changed a module and when, newest first; also of one that was deleted."""
    rows = await repository.HISTORY.list_versions(session, name, limit=limit, before=after)
    return [service.describe_version(row) for row in rows]


@router.get("/{name}/versions/{version}", summary="Return one version of a processing module")
async def get_module_version(session: SessionDep, name: Name, version: Version) -> ModuleVersionOut:
    """Return the settings as they were; of the variables only the names."""
    return service.describe_version(await repository.HISTORY.get_version(session, name, version))


@router.get("/{name}/diff", summary="Compare two versions of a processing module")
async def compare_module_versions(
    session: SessionDep, name: Name, before: EarlierVersion, after: LaterVersion
) -> list[ParameterChange]:
    """Return each setting that differs, with both values; of variables only their names."""
    return await repository.HISTORY.compare(session, name, before, after)


@router.post(
    "/{name}/versions/{version}/revert", summary="Go back to a version of a processing module"
)
async def revert_module(
    request: Request,
    session: SessionDep,
    name: Name,
    version: Version,
    *,
    response: Response,
    given: Annotated[TargetRevert | None, Body()] = None,
    if_match: IfMatchDep = None,
) -> ModuleOut:
    """Put older settings in force, as a new version; variables stay as they are now."""
    wiring: Wiring = request.app.state.wiring
    async with reading(wiring.sessions) as earlier:  # looking for the job takes long
        older = await service.settings_of_version(earlier, name, version)
    await check_job(wiring.jobs, older)
    row = await service.get_module(session, name, lock=True)
    check_version(if_match, row.version)
    comment = given.comment if given is not None else ""
    row = await service.revert_module(session, row, version, box=wiring.secret_box, comment=comment)
    return _out(row, response, await _problems(request, service.describe(row)))
