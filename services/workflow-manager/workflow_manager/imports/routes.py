"""Routes of imports and data sets; that of uploads has a limit of its own."""

import asyncio
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request

from scanhub_libraries.models.image_import import (
    DatasetOut,
    DatasetReplayIn,
    FolderImportIn,
    ImportFilePage,
    ImportFolders,
    ImportOut,
)
from scanhub_libraries.web import PrincipalDep, SessionDep
from workflow_manager.imports import repository, service
from workflow_manager.imports.folders import find_folder, look_into
from workflow_manager.imports.rules import FileOutcome, ImportState

router = APIRouter(prefix="/api/v1/workflowmanager", tags=["imports"])
State = Literal["receiving", "running", "done", "failed", "canceled"]
Outcome = Literal["stored", "duplicate", "conflict", "quarantined", "refused"]
Names = Annotated[
    list[str], Query(max_length=32, description="Names from the root for imports down, in order")
]


@router.get("/imports", summary="List imports of files")
async def list_imports(
    session: SessionDep,
    *,
    state: Annotated[State | None, Query(description="Only those in this state")] = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[ImportOut]:
    """Return uploads, folders and data sets that were imported, newest first."""
    wanted = ImportState(state) if state is not None else None
    rows = await repository.list_imports(session, state=wanted, after=after, limit=limit)
    return [service.describe(row) for row in rows]


@router.get("/imports/folders", summary="List folders that can be imported")
async def list_import_folders(request: Request, folder: Names = []) -> ImportFolders:  # noqa: B006 - FastAPI copies it
    """Return what is in a folder below the root for imports."""
    root = request.app.state.wiring.settings.import_root
    found = await asyncio.to_thread(find_folder, root, folder)
    folders, files = await asyncio.to_thread(look_into, found)
    return ImportFolders(folder=folder, folders=folders, files=files)


@router.post("/imports/folder", status_code=202, summary="Import a folder")
async def import_folder(
    request: Request, session: SessionDep, principal: PrincipalDep, wanted: FolderImportIn
) -> ImportOut:
    """Import the images below a folder of the server; its files stay where they are."""
    root = request.app.state.wiring.settings.import_root
    await asyncio.to_thread(find_folder, root, wanted.folder)
    row = await service.begin_folder(
        session, wanted.folder, forced_rule=wanted.forced_rule, actor=principal.actor
    )
    return service.describe(row)


@router.get("/imports/{import_id}", summary="Return an import")
async def get_import(session: SessionDep, import_id: UUID) -> ImportOut:
    """Return how far an import is, and how many of its files became what."""
    return service.describe(await service.get_import(session, import_id))


@router.get("/imports/{import_id}/files", summary="List what became of each file")
async def list_import_files(
    session: SessionDep,
    import_id: UUID,
    *,
    outcome: Annotated[Outcome | None, Query(description="Only those of which this came")] = None,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> ImportFilePage:
    """Return the files of an import in their order: stored, duplicate, or refused with a reason."""
    await service.get_import(session, import_id)
    wanted = FileOutcome(outcome) if outcome is not None else None
    rows = await repository.list_files(session, import_id, outcome=wanted, after=after, limit=limit)
    items = [service.describe_file(row) for row in rows]
    return ImportFilePage(items=items, next=items[-1].number if len(items) == limit else None)


@router.post("/imports/{import_id}/cancel", summary="End an import")
async def cancel_import(session: SessionDep, import_id: UUID) -> ImportOut:
    """Take no more of it; what is in stays. Files of an upload that are not in are removed."""
    return service.describe(await service.cancel_import(session, import_id))


@router.post("/imports/{import_id}/retry", summary="Go on with an import that failed")
async def retry_import(session: SessionDep, import_id: UUID) -> ImportOut:
    """Go on from the file where it ended."""
    return service.describe(await service.retry_import(session, import_id))


@router.get("/datasets", summary="List saved data sets")
async def list_datasets(session: SessionDep) -> list[DatasetOut]:
    """Return data sets by name: uploads that were kept to be played back."""
    return [service.describe_dataset(row) for row in await repository.list_datasets(session)]


@router.get("/datasets/{dataset_id}", summary="Return a saved data set")
async def get_dataset(session: SessionDep, dataset_id: UUID) -> DatasetOut:
    """Return what a data set holds."""
    return service.describe_dataset(await service.get_dataset(session, dataset_id))


@router.post("/datasets/{dataset_id}/replay", status_code=202, summary="Play a data set back")
async def replay_dataset(
    session: SessionDep, principal: PrincipalDep, dataset_id: UUID, wanted: DatasetReplayIn
) -> ImportOut:
    """Bring its images in again: all series are decided on again, and sent again."""
    row = await service.replay_dataset(
        session, dataset_id, forced_rule=wanted.forced_rule, actor=principal.actor
    )
    return service.describe(row)


@router.delete("/datasets/{dataset_id}", status_code=204, summary="Delete a saved data set")
async def delete_dataset(session: SessionDep, dataset_id: UUID) -> None:
    """Delete its files; images that were imported from it stay."""
    await service.delete_dataset(session, dataset_id)
