"""Session data, files and images, as the API of jobs gives and takes them."""

import asyncio
import json
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_jobs.backend import FileInfo, Instance, Producer, RunInfo, Subject
from scanhub_jobs.platform.documents import Briefing, FileToStore, StoredBytes
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import transaction
from scanhub_libraries.errors import (
    ChecksumMismatchError,
    InsufficientStorageError,
    NotFoundError,
    UnprocessableError,
)
from scanhub_libraries.ids import new_id
from workflow_manager.dicom.part10 import read_header
from workflow_manager.dicom.rules import NotStorableError
from workflow_manager.job_sessions import folders, repository, rules
from workflow_manager.job_sessions.models import JobExecution, SessionFile, SessionValue
from workflow_manager.job_sessions.repository import Whose
from workflow_manager.job_sessions.rules import JobState
from workflow_manager.processing.folders import StepFolders
from workflow_manager.room import look
from workflow_manager.wiring import Wiring

_FULL = "The disk is full: the job can be tried again when there is room."


def briefing_of(execution: JobExecution) -> Briefing:
    """Return what a job is told."""
    return Briefing.model_validate(execution.document)


def own(execution: JobExecution) -> Whose:
    """Return whose data and files those are that a job writes."""
    return execution.session_id, execution.job, execution.event, execution.subject


def whose(execution: JobExecution, job: str, event: str, subject: str) -> Whose:
    """Return whose data and files a job wants to read; empty: its own.

    Raises:
        UndeclaredJobError: Those of a job that it does not declare to need.
    """
    if not job:
        return own(execution)
    rules.check_declared(job, execution.job, briefing_of(execution).run.upstream)
    return execution.session_id, job, event, subject


async def producers(session: AsyncSession, execution: JobExecution, job: str) -> list[Producer]:
    """Return for what a job has run in this session.

    Raises:
        UndeclaredJobError: The one that asks has not declared it.
    """
    rules.check_declared(job, execution.job, briefing_of(execution).run.upstream)
    rows = await repository.list_executions(session, session_id=execution.session_id)
    found = {
        subject_of(row)
        for row in rows
        if row.job == job and row.state not in {JobState.WAITING, JobState.BLOCKED}
    }
    by_name = sorted(found, key=lambda subject: (subject.event, subject.key))
    return [Producer(job=job, subject=subject) for subject in by_name]


def run_of(execution: JobExecution) -> RunInfo:
    """Return what a job is told of its run."""
    return briefing_of(execution).run


def subject_of(execution: JobExecution) -> Subject:
    """Return what a job works on."""
    return run_of(execution).subject


# --- values ---------------------------------------------------------------------------------------


async def read_value(session: AsyncSession, of: Whose, name: str) -> str:
    """Return a value as JSON text.

    Raises:
        DataMissingError: There is none.
    """
    row = await session.get(SessionValue, (*of, name))
    if row is None:
        raise rules.DataMissingError(f"{of[1]!r} has no session data {name!r}.")
    return row.text


async def write_value(session: AsyncSession, of: Whose, name: str, text: bytes) -> None:
    """Store a value in place of what was there, in one step.

    Raises:
        ValueRefusedError: It is none, or too large.
    """
    session_id, job, event, subject = of
    row = SessionValue(
        session_id=session_id,
        job=job,
        event=event,
        subject=subject,
        name=name,
        text=rules.check_value(text),
    )
    await repository.put(session, row, {"text": row.text, "updated_at": row.updated_at})


async def remove_value(session: AsyncSession, of: Whose, name: str) -> None:
    """Remove a value.

    Raises:
        DataMissingError: There is none.
    """
    if not await repository.remove_value(session, of, name):
        raise rules.DataMissingError(f"There is no session data {name!r}.")


# --- files ----------------------------------------------------------------------------------------


def describe_file(row: SessionFile) -> FileInfo:
    """Return what is known of a file."""
    return FileInfo(
        name=row.name,
        size=row.size,
        sha256=row.sha256,
        content_type=row.content_type,
        created_at=row.created_at,
        meta=json.loads(row.meta),
    )


async def get_file(session: AsyncSession, of: Whose, name: str) -> SessionFile:
    """Return a file.

    Raises:
        ArtifactMissingError: There is none.
    """
    row = await session.get(SessionFile, (*of, name))
    if row is None:
        raise rules.ArtifactMissingError(f"{of[1]!r} has no file {name!r}.")
    return row


async def receive(
    wiring: Wiring, execution: JobExecution, upload: str, stream: AsyncIterator[bytes]
) -> StoredBytes:
    """Take bytes that may become a file; sending them again begins anew.

    Raises:
        InsufficientStorageError: There is no room.
    """
    place = folders.upload_place(wiring.lake.root, execution.session_id, upload)
    return await _write(wiring, place, stream)


async def _write(wiring: Wiring, place: Path, stream: AsyncIterator[bytes]) -> StoredBytes:
    """Write a stream to a new file under a name of its own, then give it its name."""
    await asyncio.to_thread(_check_room, wiring, place)
    part = place.with_name(f"{place.name[:100]}.{new_id().hex}.part")
    total, size = sha256(), 0
    file = await asyncio.to_thread(part.open, "xb", 0)
    try:
        async for piece in stream:
            total.update(piece)
            size += len(piece)
            await asyncio.to_thread(file.write, piece)
        await asyncio.to_thread(part.rename, place)
    except OSError as error:
        raise InsufficientStorageError(_FULL) from error
    finally:
        file.close()
        await asyncio.to_thread(part.unlink, missing_ok=True)
    return StoredBytes(size=size, sha256=total.hexdigest())


def _check_room(wiring: Wiring, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if look(place.parent).free < wiring.settings.dicom_min_free_bytes:
        raise InsufficientStorageError(_FULL)


async def store_file(
    wiring: Wiring, execution: JobExecution, name: str, wanted: FileToStore
) -> FileInfo:
    """Let bytes that came be a file, in place of one of the same name.

    Asking again is harmless: the same bytes are the same file.

    Raises:
        ChecksumMismatchError: Other bytes came than were sent.
        NotFoundError: None came under this name.
    """
    root, of = wiring.lake.root, own(execution)
    place = folders.file_place(root, execution.session_id, wanted.upload)
    size = await asyncio.to_thread(_take, root, execution.session_id, wanted, place)
    session_id, job, event, subject = of
    row = SessionFile(
        session_id=session_id,
        job=job,
        event=event,
        subject=subject,
        name=name,
        key=wanted.upload,
        size=size,
        sha256=wanted.sha256,
        content_type=wanted.content_type,
        meta=json.dumps(wanted.meta),
        created_at=utc_now(),
    )
    changed = row.model_dump(
        include={"key", "size", "sha256", "content_type", "meta", "created_at"}
    )
    async with transaction(wiring.sessions) as session:
        before = await session.get(SessionFile, (*of, name))
        old = None if before is None else before.key
        await repository.put(session, row, changed)
    if old is not None and old != wanted.upload:
        gone = folders.file_place(root, execution.session_id, old)
        await asyncio.to_thread(gone.unlink, missing_ok=True)
    return describe_file(row)


def _take(root: Path, session_id: UUID, wanted: FileToStore, place: Path) -> int:
    upload = folders.upload_place(root, session_id, wanted.upload)
    there = place if place.exists() else upload
    if not there.exists():
        raise NotFoundError(f"No bytes came as {wanted.upload}.")
    size, found = folders.checksum(there)
    if found != wanted.sha256:
        raise ChecksumMismatchError("The bytes that came are not those that were sent.")
    if there is upload:
        folders.take_upload(upload, place)
    return size


async def remove_file(wiring: Wiring, execution: JobExecution, name: str) -> None:
    """Remove a file.

    Raises:
        ArtifactMissingError: There is none.
    """
    async with transaction(wiring.sessions) as session:
        row = await get_file(session, own(execution), name)
        key = row.key
        await session.delete(row)
    gone = folders.file_place(wiring.lake.root, execution.session_id, key)
    await asyncio.to_thread(gone.unlink, missing_ok=True)


# --- images ---------------------------------------------------------------------------------------


def step_folders(wiring: Wiring, execution: JobExecution) -> StepFolders:
    """Return the folders of the step that a job is."""
    return StepFolders(wiring.lake.root, execution.run_id, execution.position)


def made_folder(wiring: Wiring, execution: JobExecution) -> Path:
    """Return where the images are that a job hands over, until it has succeeded."""
    return step_folders(wiring, execution).working / execution.id.hex


async def images(wiring: Wiring, execution: JobExecution) -> dict[str, tuple[dict[str, Any], Path]]:
    """Return the images of the patient in this session, by SOP Instance UID."""
    patient = subject_of(execution).patient
    folder = step_folders(wiring, execution).base
    found = await asyncio.to_thread(folders.read_images, folder)
    return {uid: one for uid, one in found.items() if one[0]["patient"] == patient}


async def list_instances(wiring: Wiring, execution: JobExecution) -> list[Instance]:
    """Return the images of the patient in this session; not where they are."""
    found = await images(wiring, execution)
    return [Instance.model_validate({**fields, "location": ""}) for fields, _ in found.values()]


async def image_file(wiring: Wiring, execution: JobExecution, uid: str) -> Path:
    """Return where an image is.

    Raises:
        NotFoundError: It is none of this session.
    """
    found = await images(wiring, execution)
    if uid not in found:
        raise NotFoundError(f"There is no image {uid[:64]} in the session of this job.")
    return found[uid][1]


async def keep(
    wiring: Wiring, execution: JobExecution, uid: str, stream: AsyncIterator[bytes]
) -> StoredBytes:
    """Take an image that a job made; it enters the archive when the run has succeeded.

    Raises:
        UnprocessableError: It is no DICOM file, or has another UID.
        InsufficientStorageError: There is no room.
    """
    place = made_folder(wiring, execution) / f"{uid}.dcm"
    came = place.with_suffix(".came")
    stored = await _write(wiring, came, stream)
    try:
        header = await asyncio.to_thread(read_header, came)
    except NotStorableError as error:
        await asyncio.to_thread(came.unlink)
        raise UnprocessableError(f"The image cannot be kept: {error}", field="body") from error
    if header.sop_instance_uid != uid:
        await asyncio.to_thread(came.unlink)
        raise UnprocessableError(
            f"The image has the SOP Instance UID {header.sop_instance_uid}.", field="uid"
        )
    await asyncio.to_thread(came.rename, place)
    return stored
