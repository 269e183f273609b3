"""Imports and data sets: begun, ended, canceled, played back, told."""

import shutil
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from scanhub_libraries.errors import ConflictError, NotFoundError
from scanhub_libraries.events import Event, EventType
from scanhub_libraries.lake import LocalLake
from scanhub_libraries.models.image_import import DatasetOut, ImportFileOut, ImportOut
from workflow_manager.engine.attempts import Attempt, Attempts, key_of
from workflow_manager.imports import repository
from workflow_manager.imports.models import Dataset, ImageImport, ImportFile
from workflow_manager.imports.rules import ImportKind, ImportState
from workflow_manager.journal.service import append, own_event
from workflow_manager.retrieval.service import check_rule

ATTEMPTS = Attempts(kind="import", queue="import")
FOLDER, DATASETS = "dicom/imports", "dicom/datasets"
_ENDING = {
    ImportState.DONE: EventType.IMPORT_FINISHED,
    ImportState.FAILED: EventType.IMPORT_FAILED,
    ImportState.CANCELED: EventType.IMPORT_CANCELED,
}
_NOTHING = "There was no image in it: the list of files says why."


def attempt_of(row: ImageImport) -> Attempt:
    """Return the attempt that is under way, or begins."""
    return Attempt(key_of(row.id, row.attempt), str(row.id))


def folder_of(lake: LocalLake, import_id: UUID) -> Path:
    """Return where the files of an import lie until they are taken in."""
    return lake.root / FOLDER / str(import_id)


def dataset_folder(lake: LocalLake, dataset_id: UUID) -> Path:
    """Return where the files of a data set lie."""
    return lake.root / DATASETS / str(dataset_id)


async def get_import(session: AsyncSession, import_id: UUID, *, lock: bool = False) -> ImageImport:
    """Return an import; `lock` to change it."""
    row = await session.get(ImageImport, import_id, with_for_update=lock, populate_existing=lock)
    if row is None:
        raise NotFoundError(f"There is no import {import_id}.")
    return row


async def get_dataset(session: AsyncSession, dataset_id: UUID, *, lock: bool = False) -> Dataset:
    """Return a data set; `lock` to change it."""
    row = await session.get(Dataset, dataset_id, with_for_update=lock, populate_existing=lock)
    if row is None or row.deleted:
        raise NotFoundError(f"There is no data set {dataset_id}.")
    return row


async def begin_upload(
    session: AsyncSession, import_id: UUID, *, forced_rule: str, dataset: str, actor: str
) -> ImageImport:
    """Write down that files are coming, before the first of them.

    Args:
        session: The transaction.
        import_id: Its folder is there, and locked.
        forced_rule: Rule that decides alone; empty: none.
        dataset: Name under which the files are kept; empty: they are not.
        actor: Who sends them.

    Raises:
        ConflictError: There is a data set of this name.
    """
    if forced_rule:
        await check_rule(session, forced_rule)
    row = ImageImport(
        id=import_id,
        kind=ImportKind.UPLOAD,
        state=ImportState.RECEIVING,
        forced_rule=forced_rule,
        requested_by=actor[:256],
    )
    if dataset:
        if await repository.find_dataset(session, dataset) is not None:
            raise ConflictError(f"There is a data set {dataset!r} already: choose another name.")
        kept = Dataset(name=dataset, created_by=actor[:256])
        session.add(kept)
        await session.flush()
        row.dataset_id = kept.id
    session.add(row)
    await session.flush()
    return row


async def end_upload(
    session: AsyncSession, import_id: UUID, uploaded: list[dict[str, Any]]
) -> ImageImport:
    """Write down what came; the files are whole and on disk."""
    row = await get_import(session, import_id, lock=True)
    row.uploaded, row.state = uploaded, ImportState.RUNNING
    await session.flush()
    await append(session, [event_of(row, EventType.IMPORT_STARTED)])
    return row


async def give_up_upload(session: AsyncSession, import_id: UUID, reason: str) -> None:
    """End an upload of which not everything came: nothing of it is taken in."""
    row = await get_import(session, import_id, lock=True)
    if row.state is ImportState.RECEIVING:
        await _forget_dataset(session, row)
        await end_import(session, row, ImportState.FAILED, reason)


async def begin_folder(
    session: AsyncSession, names: list[str], *, forced_rule: str, actor: str
) -> ImageImport:
    """Begin to import a folder that is there."""
    if forced_rule:
        await check_rule(session, forced_rule)
    return await _begin(
        session,
        ImageImport(
            kind=ImportKind.FOLDER,
            state=ImportState.RUNNING,
            forced_rule=forced_rule,
            folder=names,
            requested_by=actor[:256],
        ),
    )


async def replay_dataset(
    session: AsyncSession, dataset_id: UUID, *, forced_rule: str, actor: str
) -> ImageImport:
    """Play a data set back: what is not here comes again, and all of it is decided on again.

    Raises:
        ConflictError: Its files are not all there yet.
    """
    dataset = await get_dataset(session, dataset_id, lock=True)
    if not dataset.ready:
        raise ConflictError(f"Data set {dataset.name!r} is not ready: its files still come.")
    if forced_rule:
        await check_rule(session, forced_rule)
    return await _begin(
        session,
        ImageImport(
            kind=ImportKind.DATASET,
            state=ImportState.RUNNING,
            forced_rule=forced_rule,
            dataset_id=dataset.id,
            requested_by=actor[:256],
        ),
    )


async def _begin(session: AsyncSession, row: ImageImport) -> ImageImport:
    session.add(row)
    await session.flush()
    await append(session, [event_of(row, EventType.IMPORT_STARTED)])
    return row


async def retry_import(session: AsyncSession, import_id: UUID) -> ImageImport:
    """Go on with an import that failed, from the file where it ended.

    Raises:
        ConflictError: It has not failed, or not all of it came.
    """
    row = await get_import(session, import_id, lock=True)
    if row.state is not ImportState.FAILED:
        raise ConflictError(f"The import is {row.state.value}: there is nothing to try again.")
    if row.kind is ImportKind.UPLOAD and not row.uploaded:
        raise ConflictError("Its files are not here: upload it again.")
    row.state, row.reason, row.ended_at = ImportState.RUNNING, "", None
    row.attempt += 1
    await session.flush()
    await append(session, [event_of(row, EventType.IMPORT_STARTED)])
    return row


async def cancel_import(session: AsyncSession, import_id: UUID) -> ImageImport:
    """Take no more of it; what is in stays. The files of an upload that are not in go.

    Raises:
        ConflictError: It has ended, and not failed.
    """
    row = await get_import(session, import_id, lock=True)
    if row.state not in {ImportState.RUNNING, ImportState.FAILED}:
        raise ConflictError(f"The import is {row.state.value}: there is nothing to cancel.")
    if row.kind is ImportKind.UPLOAD:
        await _forget_dataset(session, row)
    await end_import(session, row, ImportState.CANCELED, "It was canceled.")
    return row


async def _forget_dataset(session: AsyncSession, row: ImageImport) -> None:
    """Let the name of a data set go that never became whole; its files are swept."""
    if row.dataset_id is None:
        return
    dataset = await session.get(Dataset, row.dataset_id, with_for_update=True)
    if dataset is not None and not dataset.ready:
        _mark_deleted(dataset)
    row.dataset_id = None


async def end_import(
    session: AsyncSession, row: ImageImport, state: ImportState, reason: str = ""
) -> None:
    """End an import and tell so; one that brought nothing at all has failed."""
    if state is ImportState.DONE and not row.stored + row.duplicates + row.conflicts:
        state, reason = ImportState.FAILED, _NOTHING
        row.uploaded = []
    if state is not ImportState.FAILED:
        row.uploaded = []  # they go: there is nothing to try again
    row.state, row.reason, row.ended_at = state, reason, utc_now()
    await session.flush()
    await append(session, [event_of(row, _ENDING[state])])


async def delete_dataset(session: AsyncSession, dataset_id: UUID) -> None:
    """Delete a data set; its files are swept. What was imported from it stays.

    Raises:
        ConflictError: It is being played back, or filled.
    """
    dataset = await get_dataset(session, dataset_id, lock=True)
    if await repository.is_used(session, dataset.id):
        raise ConflictError(f"Data set {dataset.name!r} is in use: wait for its import to end.")
    _mark_deleted(dataset)
    await session.flush()


def _mark_deleted(dataset: Dataset) -> None:
    """Write down that the files shall go, and set the name free: a sweep removes them."""
    dataset.deleted, dataset.ready, dataset.name = True, False, str(dataset.id)


def event_of(row: ImageImport, event_type: EventType) -> Event:
    """Return the event that tells of an import: numbers only, no name of a file."""
    told = describe(row)
    fields = ("files", "stored", "duplicates", "conflicts", "refused", "reason")
    data: dict[str, Any] = {
        "import_id": str(row.id),
        "kind": row.kind.value,
        "state": row.state.value,
        "dataset_id": str(row.dataset_id) if row.dataset_id else None,
        **{name: getattr(told, name) for name in fields},
    }
    return own_event(event_type, row.id, data)


def describe(row: ImageImport) -> ImportOut:
    """Return an import as it is told."""
    return ImportOut.model_validate(row.model_dump())


def describe_file(row: ImportFile) -> ImportFileOut:
    """Return a file of an import as it is told."""
    return ImportFileOut.model_validate(row.model_dump())


def describe_dataset(row: Dataset) -> DatasetOut:
    """Return a data set as it is told."""
    return DatasetOut.model_validate(row.model_dump())


def remove_folder(folder: Path) -> None:
    """Remove a folder of ours, if it is there. Blocking."""
    shutil.rmtree(folder, ignore_errors=True)
