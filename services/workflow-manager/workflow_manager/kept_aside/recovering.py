"""The way back of a file that was kept aside: read again, as if it had just come from its sender.

The image enters the index first; then its row here goes, and its file last. Whenever the service is
killed, doing it again brings it to its end.
"""

import asyncio
from pathlib import Path
from uuid import UUID

from sqlmodel import select

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import Sessions, reading, transaction
from scanhub_libraries.errors import ConflictError, UnprocessableError
from scanhub_libraries.events import EventType
from scanhub_libraries.models.kept_aside import RecoveredOut
from workflow_manager.cases.again import end_bringing
from workflow_manager.cases.times import times_of
from workflow_manager.dicom.entries import Outcome
from workflow_manager.dicom.leftovers import TORN, origin_of
from workflow_manager.dicom.models import DicomInstance
from workflow_manager.dicom.part10 import Header, read_header
from workflow_manager.dicom.rules import NotStorableError
from workflow_manager.journal.service import append, own_event
from workflow_manager.kept_aside import repository
from workflow_manager.kept_aside.models import AsideKind, KeptAside
from workflow_manager.kept_aside.service import get_aside, get_file_key
from workflow_manager.wiring import Wiring


async def recover(wiring: Wiring, aside_id: UUID, *, actor: str) -> RecoveredOut:
    """Put an image that was kept aside into the archive, if nothing speaks against it any more.

    Raises:
        NotFoundError: There is no such file.
        UnprocessableError: It cannot be read.
        ConflictError: It is not whole, or another object has its UID.
    """
    began = utc_now()
    async with reading(wiring.sessions) as session:
        row = await get_aside(session, aside_id)
        path = wiring.lake.path(await get_file_key(session, aside_id))
    header = await _read(row, path)
    await _check_free(wiring.sessions, header)
    origin = await asyncio.to_thread(origin_of, path)
    stored = await wiring.store.store_instance(path, origin)
    if stored.outcome is Outcome.CONFLICT:
        raise ConflictError(stored.detail)
    place = header.study_instance_uid, header.series_instance_uid
    found = RecoveredOut(
        study_instance_uid=place[0],
        series_instance_uid=place[1],
        sop_instance_uid=header.sop_instance_uid,
    )
    async with transaction(wiring.sessions) as session:
        times = times_of(wiring.settings)
        await end_bringing(session, [place], rule="", since=began, times=times)
        await repository.delete(session, [row.key])
        data = {**found.model_dump(mode="json"), "kind": row.kind.value, "key": row.key}
        event_type = EventType.INSTANCE_RECOVERED
        event = own_event(event_type, header.sop_instance_uid, data, actor=actor)
        await append(session, [event])
    await asyncio.to_thread(_remove, path)
    return found


async def _read(row: KeptAside, path: Path) -> Header:
    if row.kind is AsideKind.QUARANTINE and row.detail == TORN:
        raise ConflictError(
            "A power cut took a part of this file: let its sender send the image again."
        )
    try:
        return await asyncio.to_thread(read_header, path)
    except NotStorableError as error:
        raise UnprocessableError(f"It still cannot be read: {error}") from error


async def _check_free(sessions: Sessions, header: Header) -> None:
    uid = header.sop_instance_uid
    async with reading(sessions) as session:
        query = select(DicomInstance.sha256).where(DicomInstance.sop_instance_uid == uid)
        sha256 = await session.scalar(query)
    if sha256 not in {None, header.sha256}:
        raise ConflictError(
            f"Another object is in the archive under SOP Instance UID {uid}: remove its series "
            "first, if that is the wrong one."
        )


def _remove(path: Path) -> None:
    """Remove the file and the note beside it. Blocking."""
    for each in (path, path.with_suffix(".json")):
        each.unlink(missing_ok=True)
