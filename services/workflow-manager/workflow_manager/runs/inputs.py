"""The inputs of a run: the results of its tasks, as files of the lake."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

from scanhub_libraries.database import reading, transaction
from scanhub_libraries.errors import ConflictError, NotFoundError, UnprocessableError
from scanhub_libraries.lake import result_directory, safe_name
from scanhub_libraries.models import AcquisitionTaskOut, JobData, ResultOut, TaskClaim, TaskOut
from workflow_manager.runs import repository
from workflow_manager.runs.context import job_context
from workflow_manager.runs.folders import RunFolders, write_context
from workflow_manager.runs.models import Run
from workflow_manager.runs.patience import Patience
from workflow_manager.runs.rules import kind_of, mrd_file
from workflow_manager.runs.service import get_run
from workflow_manager.wiring import Wiring


class NothingToDoError(ConflictError):
    """The run has nothing to work on."""


class Inputs:
    """Finds what runs work on.

    Args:
        wiring: The database, the lake.
        patiently: Calls exam-manager.
        lake_says: Asks the data lake.
    """

    def __init__(self, wiring: Wiring, patiently: Patience, lake_says: Patience) -> None:
        self._wiring, self._patiently, self._lake_says = wiring, patiently, lake_says

    async def prepare(self, run: Run, claim: TaskClaim) -> str | list[str]:
        """Write the context; return the paths of the inputs: files, or folders of images.

        Raises:
            NothingToDoError: The data were deleted; the text says which.
            ConflictError: Their files are not there.
        """
        found = [
            await self._find(run, UUID(task_id), result_id)
            for task_id, result_id in run.inputs.items()
        ]
        device_id = await self._device_of(found)
        async with transaction(self._wiring.sessions) as session:
            row = await get_run(session, run.id, lock=True)
            row.provenance = {"inputs": [about for _, _, about, _ in found]}
            row.device_id = device_id
        source, result, _, _ = found[0]
        text = job_context(run, claim, source, result).model_dump_json()
        folders = RunFolders(self._wiring.lake.root, run.id)
        await asyncio.to_thread(write_context, folders.context, text)
        paths = [str(path) for _, _, _, path in found]
        return paths[0] if len(paths) == 1 else paths

    async def _find(
        self, run: Run, task_id: UUID, result_id: str
    ) -> tuple[TaskOut, ResultOut, dict[str, Any], Path]:
        source = await self._patiently(lambda: self._wiring.exam_manager.get_task(task_id), run)
        result = next((r for r in source.results if str(r.id) == result_id), None)
        kind = kind_of(result) if result is not None else None
        if result is None or kind is None or source.workflow_id is None:
            raise NothingToDoError(f"The data of its input {source.name!r} were deleted.")
        try:
            # The folder follows from the ids: what a record says of it is not trusted.
            key = result_directory(source.workflow_id, source.id, result.id)
            if kind is JobData.RAW_DATA:
                key += f"/{safe_name(str(mrd_file(result)))}"
            path = await self._lake_says(lambda: self._fetch(key), run)
        except (NotFoundError, UnprocessableError) as error:
            raise ConflictError(
                f"The files of {source.name!r} are not in the lake: {error.detail}"
            ) from error
        about = {"task_id": str(task_id), "result_id": result_id, "kind": kind.value}
        return source, result, about, path

    async def _fetch(self, key: str) -> Path:
        return await asyncio.to_thread(self._wiring.lake.path, key)

    async def _device_of(
        self, found: list[tuple[TaskOut, ResultOut, dict[str, Any], Path]]
    ) -> UUID | None:
        """Return the scanner that measured the inputs, also through runs in between."""
        for source, result, _, _ in found:
            if isinstance(source, AcquisitionTaskOut):
                return source.device_id
            async with reading(self._wiring.sessions) as session:
                device_id = await repository.device_of_result(session, result.id)
            if device_id is not None:
                return device_id
        return None
