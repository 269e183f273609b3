"""The folders of previews in the lake: one for each acquisition, with the newest images."""

import asyncio
import json
import shutil
import time
from pathlib import Path
from uuid import UUID

from scanhub_libraries.errors import NotFoundError
from scanhub_libraries.lake import LocalLake
from scanhub_libraries.models import PreviewOut

FOLDER = "previews"
INDEX = "index.json"
PATH = "/api/v1/workflowmanager/previews"


async def begin(lake: LocalLake, task_id: UUID, acquisition_id: UUID) -> Path | None:
    """Make the folder of an acquisition, and remove those of earlier scans of its task.

    None: there is one; somebody else makes these previews.
    """
    return await asyncio.to_thread(_begin, lake.root / FOLDER / str(task_id), acquisition_id)


def _begin(of_task: Path, acquisition_id: UUID) -> Path | None:
    folder = of_task / str(acquisition_id)
    if folder.exists():
        return None
    shutil.rmtree(of_task, ignore_errors=True)
    of_task.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir()
    except FileExistsError:
        return None
    return folder


async def list_previews(lake: LocalLake, task_id: UUID) -> list[PreviewOut]:
    """Return the previews of the latest scan of a task, oldest first."""
    return await asyncio.to_thread(_list, lake.root / FOLDER / str(task_id), task_id)


def _list(of_task: Path, task_id: UUID) -> list[PreviewOut]:
    found = []
    for index in of_task.glob(f"*/{INDEX}"):
        acquisition_id = index.parent.name
        try:
            entries = json.loads(index.read_bytes())
        except FileNotFoundError:
            continue  # removed while we looked
        for entry in entries:
            path = f"{PATH}/{task_id}/{acquisition_id}/{entry['number']}"
            document = {
                **entry,
                "task_id": task_id,
                "acquisition_id": acquisition_id,
                "image": path,
            }
            found.append(PreviewOut.model_validate(document))
    return sorted(found, key=lambda preview: (preview.made_at, preview.number))


def image_path(lake: LocalLake, task_id: UUID, acquisition_id: UUID, number: int) -> Path:
    """Return where an image lies.

    Raises:
        NotFoundError: It is not there (any more).
    """
    try:
        return lake.path(f"{FOLDER}/{task_id}/{acquisition_id}/{number}.png")
    except NotFoundError:
        raise NotFoundError("There is no such preview (any more).") from None


async def remove_old(lake: LocalLake, seconds: float) -> None:
    """Remove the previews of tasks to which none was added for so long [s]."""
    await asyncio.to_thread(_remove_old, lake.root / FOLDER, time.time() - seconds)


def _remove_old(root: Path, before: float) -> None:
    for of_task in root.glob("*"):
        ages = [path.stat().st_mtime for path in (of_task, *of_task.glob("*"))]
        if max(ages) < before:
            shutil.rmtree(of_task, ignore_errors=True)
