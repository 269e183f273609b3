"""What a job of an exam left in its folder, for people to look at: session data and files."""

import asyncio
import json
import os
import shutil
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from scanhub_jobs.backend import Producer
from scanhub_jobs.local.stores import FolderData, FolderFiles, find_producers
from scanhub_jobs.results import JobResult
from scanhub_libraries.database import transaction
from workflow_manager.job_sessions import repository
from workflow_manager.job_sessions.folders import file_place
from workflow_manager.job_sessions.models import SessionFile, SessionValue
from workflow_manager.wiring import Wiring

_KEY = 32


@dataclass(slots=True)
class Left:
    """What was found."""

    values: list[SessionValue] = field(default_factory=list)
    files: list[SessionFile] = field(default_factory=list)


async def harvest(wiring: Wiring, session_id: UUID, folder: Path) -> None:
    """Take what the jobs of a session left in a folder; what was taken before is replaced.

    Args:
        wiring: The database, the files.
        session_id: Whose they are.
        folder: As `scanhub_jobs.local` writes it.
    """
    found = await asyncio.to_thread(_read, wiring.lake.root, session_id, folder)
    async with transaction(wiring.sessions) as session:
        await repository.remove_session(session, session_id)
        session.add_all([*found.values, *found.files])


def results_in(folder: Path) -> list[JobResult]:
    """Return how the jobs of a session ended that could say so, in their order; blocking."""
    paths = sorted(folder.glob("jobs/*/*/*/result.json"))
    found = [JobResult.model_validate_json(path.read_bytes()) for path in paths]
    return sorted(found, key=lambda result: result.started_at)


def _read(root: Path, session_id: UUID, folder: Path) -> Left:
    jobs = sorted(path.name for path in (folder / "jobs").glob("*"))
    found = Left()
    for producer in (one for job in jobs for one in find_producers(folder, job)):
        _take_values(session_id, folder, producer, found.values)
        _take_files(root, session_id, folder, producer, found.files)
    return found


def _take_values(
    session_id: UUID, folder: Path, producer: Producer, rows: list[SessionValue]
) -> None:
    store = FolderData(folder, producer)
    for name in store.names(producer):
        text = json.dumps(store.read(producer, name))
        row = {"session_id": session_id, "name": name[:200], "text": text, **_of(producer)}
        rows.append(SessionValue.model_validate(row))


def _of(producer: Producer) -> dict[str, str]:
    subject = producer.subject
    return {"job": producer.job, "event": subject.event.value, "subject": subject.key}


def _take_files(
    root: Path, session_id: UUID, folder: Path, producer: Producer, rows: list[SessionFile]
) -> None:
    store = FolderFiles(folder, producer)
    for name in store.names(producer):
        info = store.stat(producer, name)
        of = _of(producer)
        key = sha256("\0".join([*of.values(), name, info.sha256]).encode()).hexdigest()[:_KEY]
        with store.open(producer, name) as file:
            _keep(Path(file.name), file_place(root, session_id, key))
        row = SessionFile(
            session_id=session_id,
            name=name[:150],
            key=key,
            size=info.size,
            sha256=info.sha256,
            content_type=info.content_type,
            meta=json.dumps(info.meta),
            created_at=info.created_at,
            **of,
        )
        rows.append(row)


def _keep(source: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        return
    try:
        os.link(source, place)
    except OSError:  # another file system
        part = place.with_suffix(".part")
        shutil.copyfile(source, part)
        part.rename(place)
