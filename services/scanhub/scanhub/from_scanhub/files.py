"""Copies the files of results from ScanHub's lake; a file that is here whole is left alone."""

import asyncio
import filecmp
import re
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from scanhub_libraries.errors import UnprocessableError
from scanhub_libraries.lake import Lake, result_key

_PIECE: Final = 4 << 20
_MOST: Final = 200


async def copy_files(
    lake: Lake, old_lake: Path | None, row: dict[str, Any], workflow_id: UUID
) -> list[str]:
    """Copy the files of a result, and let its row name those that are here.

    Args:
        lake: Where they go.
        old_lake: ScanHub's, with `{workflow}/{task}/{result}/{file}`; None: there are no files.
        row: The row of the result; its `files` are set.
        workflow_id: Of its task.

    Returns:
        What is missing or has another name now, a line each.

    Raises:
        OSError: A file cannot be read, or there is no room.
    """
    notes: list[str] = []
    names: list[str] = []
    for name in row["files"]:
        source = _source(old_lake, workflow_id, row, name)
        if source is None:
            notes.append(f"result {row['id']}: {name!r} is not in the lake.")
            continue
        kept = _safe(name)
        if kept != name:
            notes.append(f"result {row['id']}: {name!r} is called {kept!r} here.")
        await _copy(lake, source, result_key(workflow_id, row["task_id"], row["id"], kept))
        names.append(kept)
    row["files"] = names
    return notes


def _source(
    old_lake: Path | None, workflow_id: UUID, row: dict[str, Any], name: str
) -> Path | None:
    if old_lake is None:
        return None
    folder = old_lake / str(workflow_id) / str(row["task_id"]) / str(row["id"])
    path = folder / Path(name).name
    return path if path.is_file() else None


def _safe(name: str) -> str:
    """Return a name that a file of our lake can have."""
    safe = re.sub(r"[^\w.+@=,() -]", "_", Path(name).name, flags=re.ASCII).strip(" .")
    safe = safe[-_MOST:]
    return safe if re.match(r"\w", safe, re.ASCII) else f"_{safe}"[:_MOST]


async def _copy(lake: Lake, source: Path, key: str) -> None:
    if await asyncio.to_thread(_is_copied, lake, source, key):
        return
    async with lake.writer(key) as part:
        file = await asyncio.to_thread(source.open, "rb")
        with file:
            while piece := await asyncio.to_thread(file.read, _PIECE):
                await part.write(piece)
        await part.commit()


def _is_copied(lake: Lake, source: Path, key: str) -> bool:
    """Say whether an earlier try copied a file; two files of one name are a person's to look at."""
    if not lake.exists(key):
        return False
    if filecmp.cmp(lake.path(key), source, shallow=False):
        return True
    raise UnprocessableError(f"{key} is in the lake already, and is another file: look at it.")
