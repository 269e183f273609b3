"""The folder that a module finds again, and the file in it that people edit: persistence.json.

One module at a time uses such a folder, in whichever process of this service it runs, and nobody
edits the file meanwhile.
"""

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from scanhub_libraries.clock import utc_now
from scanhub_libraries.lake_unfinished import sync_directory
from scanhub_libraries.models.module import ModulePersistence, ModuleSettings
from workflow_manager.modules.models import Module
from workflow_manager.processing.models import ProcessingRun, ProcessingStep
from workflow_manager.processing.rules import RunState, StepState

_FILE = "persistence.json"
MOST_BYTES = 2**20


def folder_name(name: str, settings: Mapping[str, Any]) -> str | None:
    """Return the name of the folder that a module keeps; None: it keeps none."""
    if not settings.get("requires_persistence"):
        return None
    return settings.get("persistence_folder_name") or name


def folder_of(root: Path, module: ModuleSettings) -> Path | None:
    """Return the folder that a module keeps; None: it keeps none.

    Args:
        root: Root of the lake.
        module: Its settings.
    """
    name = folder_name(module.name, module.model_dump(mode="json"))
    return None if name is None else root / "modules" / name


async def in_use(
    session: AsyncSession, folder: str, *, but: UUID | None = None
) -> ProcessingStep | None:
    """Return the step that uses a folder now; from here to the commit no other begins to.

    Args:
        session: The transaction.
        folder: Name of the folder.
        but: The run that asks.
    """
    rows = (await session.scalars(select(Module).order_by(col(Module.name)))).all()
    names = [row.name for row in rows if folder_name(row.name, row.document) == folder]
    for name in names:
        await session.get(Module, name, with_for_update=True, populate_existing=True)
    query = (
        select(ProcessingStep)
        .join(ProcessingRun, col(ProcessingRun.id) == col(ProcessingStep.run_id))
        .where(
            col(ProcessingStep.module).in_(names),
            col(ProcessingStep.state) == StepState.RUNNING,
            col(ProcessingRun.state) == RunState.RUNNING,
        )
        .execution_options(populate_existing=True)
    )
    if but is not None:
        query = query.where(col(ProcessingStep.run_id) != but)
    found: ProcessingStep | None = await session.scalar(query.limit(1))
    return found


def read(folder: Path) -> tuple[ModulePersistence, str]:
    """Return what is in the file, and its tag. Blocking; no link is followed."""
    try:
        # A module may have put anything in its place: a pipe would be waited for.
        place = os.open(folder / _FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return ModulePersistence(), _tag(b"")
    except OSError as error:
        return ModulePersistence(problem=f"{_FILE} cannot be read: {error.strerror}."), _tag(b"?")
    with open(place, "rb") as file:  # noqa: PTH123 - it is open already
        found = os.fstat(place)
        if not stat.S_ISREG(found.st_mode):
            return ModulePersistence(problem=f"{_FILE} is no file."), _tag(b"?")
        data = file.read(MOST_BYTES + 1)
    told = ModulePersistence(size=found.st_size)
    if len(data) > MOST_BYTES:
        told.problem = f"{_FILE} is larger than {MOST_BYTES} bytes: it is not shown."
        return told, _tag(f"{found.st_size} {found.st_mtime_ns}".encode())
    try:
        told.document = json.loads(data)
    except (ValueError, RecursionError) as error:
        told.problem = f"{_FILE} is no JSON: {error}"
    return told, _tag(data)


def _tag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def encode(document: Any) -> bytes:
    """Return a document as the file has it."""
    return json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False).encode() + b"\n"


def write(folder: Path, data: bytes) -> None:
    """Replace the file: all of it or nothing. Blocking."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{_FILE}.{utc_now().timestamp()}.part"
    with part.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.rename(folder / _FILE)
    sync_directory(folder)
