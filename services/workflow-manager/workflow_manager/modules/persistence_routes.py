"""Routes of what a module keeps from one run to the next."""

import asyncio
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Path as PathParameter

from scanhub_libraries.errors import NotFoundError
from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.models.module import ModulePersistence, ModulePersistenceIn
from scanhub_libraries.web import IfMatchDep, SessionDep
from workflow_manager.modules import persistence, service
from workflow_manager.modules.models import Module

router = APIRouter(prefix="/api/v1/workflowmanager/modules", tags=["modules"])
Name = Annotated[ShortText, PathParameter(description="Name of the module")]


def _folder(request: Request, module: Module) -> Path:
    folder = persistence.folder_of(request.app.state.wiring.lake.root, service.describe(module))
    if folder is None:
        raise NotFoundError(f"The module {module.name!r} keeps nothing: set requires_persistence.")
    return folder


@router.get("/{name}/persistence", summary="Return what a processing module keeps")
async def get_persistence(
    request: Request, session: SessionDep, name: Name, response: Response
) -> ModulePersistence:
    """Return persistence.json of the module's folder, and whether a run uses it now."""
    folder = _folder(request, await service.get_module(session, name))
    found, tag = await asyncio.to_thread(persistence.read, folder)
    found.in_use = await persistence.in_use(session, folder.name) is not None
    response.headers["ETag"] = f'"{tag}"'
    return found


@router.put("/{name}/persistence", summary="Change what a processing module keeps")
async def put_persistence(
    request: Request,
    session: SessionDep,
    name: Name,
    wanted: ModulePersistenceIn,
    *,
    response: Response,
    if_match: IfMatchDep = None,
) -> ModulePersistence:
    """Replace persistence.json; refused while a run uses the folder, or when it has changed."""
    module = await service.get_module(session, name)
    folder = _folder(request, module)
    found, tag = await service.keep(session, module, folder, wanted.document, if_match=if_match)
    response.headers["ETag"] = f'"{tag}"'
    return found
