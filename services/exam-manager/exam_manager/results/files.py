"""Which files a result has in the lake, and where they lie."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.results.models import Result
from exam_manager.tasks.models import Task
from scanhub_libraries.database import Sessions, reading
from scanhub_libraries.errors import NotFoundError, UnprocessableError
from scanhub_libraries.lake import Lake, result_key
from scanhub_libraries.models import ResultType

RAW_DATA_NAMES = (".mrd", ".h5")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a result hangs in the tree, as the paths of the contract say it."""

    workflow_id: UUID
    task_id: UUID
    result_id: UUID


@dataclass(frozen=True, slots=True)
class RawDataFile:
    """A file of raw data of a result, and the others that there are."""

    name: str
    path: Path
    names: list[str]


async def find_placed(session: AsyncSession, place: Place) -> Result:
    """Return the result at a place of the tree.

    Raises:
        NotFoundError: There is none there.
    """
    query = (
        sa.select(Result)
        .join(Task, col(Task.id) == col(Result.task_id))
        .where(
            col(Result.id) == place.result_id,
            col(Task.id) == place.task_id,
            col(Task.workflow_id) == place.workflow_id,
        )
    )
    row = await session.scalar(query)
    if row is None:
        raise NotFoundError("There is no such result.")
    return row


async def find_path(lake: Lake, place: Place, row: Result, filename: str) -> Path:
    """Return where a file lies that the result lists.

    Raises:
        NotFoundError: The result lists no such file, or the file is gone.
    """
    if filename not in row.files:
        raise NotFoundError("The result has no such file.")
    path = await asyncio.to_thread(_stored, lake, place, filename)
    if path is None:
        raise NotFoundError("The file is not in the lake any more.")
    return path


async def find_paths(lake: Lake, place: Place, row: Result) -> dict[str, Path]:
    """Return where all files of a result lie.

    Raises:
        NotFoundError: The result has no files, or one of them is gone.
    """
    if not row.files:
        raise NotFoundError("The result has no files.")
    names = list(row.files)
    paths = await asyncio.to_thread(lambda: [_stored(lake, place, name) for name in names])
    gone = [name for name, path in zip(names, paths, strict=True) if path is None]
    if gone:
        raise NotFoundError(f"Not in the lake any more: {', '.join(gone[:10])}.", missing=gone)
    return {name: path for name, path in zip(names, paths, strict=True) if path is not None}


def _stored(lake: Lake, place: Place, filename: str) -> Path | None:
    """Return the path of a file that lies in the lake itself: no link leads out of it."""
    try:
        key = result_key(place.workflow_id, place.task_id, place.result_id, filename)
    except UnprocessableError:
        return None
    if not lake.exists(key):
        return None
    path = lake.path(key)
    return path if path.resolve() == path else None


async def find_dicom(
    sessions: Sessions, lake: Lake, place: Place, filename: str
) -> tuple[Path, int]:
    """Return the path of a DICOM file that a result lists, and how many it lists.

    Raises:
        NotFoundError: The result has no such file, or has no images.
    """
    async with reading(sessions) as session:
        row = await find_placed(session, place)
    if row.type is not ResultType.DICOM:
        raise NotFoundError("The result has no DICOM files.")
    return await find_path(lake, place, row, filename), len(row.files)


async def find_raw_data(
    sessions: Sessions, lake: Lake, place: Place, filename: str | None
) -> RawDataFile:
    """Return a file of raw data of a result: the one named, or else the first.

    Raises:
        NotFoundError: There is no such file.
    """
    async with reading(sessions) as session:  # no connection is held while files are fetched
        row = await find_placed(session, place)
    names = [name for name in row.files if name.lower().endswith(RAW_DATA_NAMES)]
    if not names:
        raise NotFoundError("The result has no raw data: none of its files is .mrd or .h5.")
    name = names[0] if filename is None else filename
    if name not in names:
        raise NotFoundError(f"file: the result's raw data are {', '.join(names[:10])}.")
    return RawDataFile(name, await find_path(lake, place, row, name), names)
