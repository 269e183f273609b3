"""One durable workflow per attempt at an import; after a crash it goes on with the next file."""

import asyncio
from contextlib import suppress
from uuid import UUID

from scanhub_libraries.database import reading, transaction
from scanhub_libraries.errors import NotFoundError, ScanHubError
from scanhub_libraries.logging import get_logger
from workflow_manager.engine import Answer, Attempt, WorkflowBody
from workflow_manager.engine.attempts import parse_key
from workflow_manager.imports import repository, service
from workflow_manager.imports.importing import Importing
from workflow_manager.imports.models import Dataset, ImageImport
from workflow_manager.imports.rules import ImportState
from workflow_manager.imports.staging import is_in_use
from workflow_manager.wiring import Wiring

logger = get_logger(__name__)
_GIVEN_UP = "The service ended several times while it imported this: try it again."
_CUT_SHORT = "The service ended while it was uploaded: upload it again."


class ImportSteps:
    """The one step of an attempt."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring

    async def take_in(self, key: str) -> Answer:
        """Take in what is not yet, and write down how it ended."""
        import_id, attempt = parse_key(key)
        row = await self._wanted(import_id, attempt)
        if row is None:
            return {}  # canceled, or it ended just before a crash
        try:
            reason = await Importing(self._wiring, row).run()
        except ScanHubError as error:
            reason = error.detail
        except Exception as error:
            logger.exception("an import failed in a way nobody thought of", id=str(import_id))
            reason = f"Unexpected error ({type(error).__name__}): the log of the service has more."
        await _finish(self._wiring, row, reason)
        return {}

    async def _wanted(self, import_id: UUID, attempt: int) -> ImageImport | None:
        async with reading(self._wiring.sessions) as session:
            row = await session.get(ImageImport, import_id)
        wanted = row is not None and row.state is ImportState.RUNNING and row.attempt == attempt
        return row if wanted else None


async def _finish(wiring: Wiring, seen: ImageImport, reason: str) -> None:
    """Write down how an attempt ended; the files of an upload go unless it can be tried again."""
    async with transaction(wiring.sessions) as session:
        row = await service.get_import(session, seen.id, lock=True)
        if row.state is ImportState.RUNNING and row.attempt == seen.attempt:
            state = ImportState.FAILED if reason else ImportState.DONE
            await service.end_import(session, row, state, reason)
    if not reason:
        await asyncio.to_thread(service.remove_folder, service.folder_of(wiring.lake, seen.id))


def import_workflow(do: ImportSteps) -> WorkflowBody:
    """Return the workflow function of an attempt."""
    return service.ATTEMPTS.workflow("take in", do.take_in)


async def start_imports(wiring: Wiring) -> int:
    """Start the imports that have no workflow, end what was given up; say how many began."""
    async with reading(wiring.sessions) as session:
        running = await repository.list_in_state(session, ImportState.RUNNING)
    rows = {service.attempt_of(row): row for row in running}

    async def give_up(attempt: Attempt) -> None:
        await _finish(wiring, rows[attempt], _GIVEN_UP)

    return await service.ATTEMPTS.start_missing(wiring.engine, list(rows), give_up)


async def sweep_imports(wiring: Wiring) -> None:
    """End what was cut short, and remove the files that nobody waits for any more."""
    async with reading(wiring.sessions) as session:
        receiving = await repository.list_in_state(session, ImportState.RECEIVING)
    for row in receiving:
        if not await asyncio.to_thread(is_in_use, service.folder_of(wiring.lake, row.id)):
            async with transaction(wiring.sessions) as session:
                await service.give_up_upload(session, row.id, _CUT_SHORT)
    await _clear_imports(wiring)
    await _clear_datasets(wiring)


async def _clear_imports(wiring: Wiring) -> None:
    """Remove the folders of imports that ended, but those that can be tried again."""
    for name in await wiring.lake.list_folders(service.FOLDER):
        with suppress(ValueError, NotFoundError):
            async with reading(wiring.sessions) as session:
                row = await service.get_import(session, UUID(name))
            ended = row.state in {ImportState.DONE, ImportState.CANCELED}
            if ended or (row.state is ImportState.FAILED and not row.uploaded):
                await asyncio.to_thread(
                    service.remove_folder, service.folder_of(wiring.lake, row.id)
                )


async def _clear_datasets(wiring: Wiring) -> None:
    """Remove the files of data sets that somebody deleted, and then their rows."""
    async with reading(wiring.sessions) as session:
        deleted = await repository.list_deleted_datasets(session)
    for row in deleted:
        folder = service.dataset_folder(wiring.lake, row.id)
        await asyncio.to_thread(service.remove_folder, folder)
        async with transaction(wiring.sessions) as session:
            await session.delete(await session.get_one(Dataset, row.id))
