"""Store instances: file first, then the index, then the answer. Nothing is ever overwritten."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import Sessions, reading, transaction
from scanhub_libraries.errors import UnavailableError
from scanhub_libraries.events import Event, EventType
from scanhub_libraries.lake import LocalLake
from workflow_manager.dicom import files, repository, rules
from workflow_manager.dicom.models import DicomInstance, DicomSeries
from workflow_manager.dicom.part10 import Header, read_header
from workflow_manager.journal.service import append, own_event

_ATTEMPTS = 10
QUIET_AT_ONCE = 20
"""Series that become complete in one transaction."""
Follow = Callable[[AsyncSession, DicomSeries], Awaitable[Sequence[Event]]]
"""What follows when a series is complete; gives the events to append."""


class Outcome(StrEnum):
    """What became of an instance."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an instance came from."""

    source: str
    """Calling AE title, or the run."""
    task_id: UUID | None = None
    exam_id: UUID | None = None
    receiver_aet: str = ""
    """Called AE title."""
    sender_address: str = ""
    forced_rule: str = ""
    """Rule to use, whatever the others say (mercureForceRule)."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of an instance, and which one it was."""

    outcome: Outcome
    detail: str = ""
    header: Header | None = None


class DicomStore:
    """The node's files and index."""

    def __init__(self, sessions: Sessions, lake: LocalLake) -> None:
        self._sessions = sessions
        self._lake = lake

    async def store_instance(self, source: Path | bytes, origin: Origin) -> Stored:
        """Store one DICOM file; storing it again is counted, nothing more.

        When this returns, the bytes are synced and the index is committed.
        """
        try:
            header = await asyncio.to_thread(read_header, source)
        except rules.NotStorableError as error:
            return await self._quarantine(source, str(error), origin)
        key = rules.instance_key(
            header.study_instance_uid, header.series_instance_uid, header.sop_instance_uid
        )
        for _ in range(_ATTEMPTS):
            known = await self._look_up(header)
            if known == header.sha256:
                return await self._count_duplicate(header)
            if known is not None:
                return await self._keep_aside(source, header, origin)
            with suppress(IntegrityError):  # another association was faster: look again
                await self._put(source, header, key, origin)
                return Stored(Outcome.STORED, header=header)
        raise UnavailableError("The instance could not be indexed: too many writers at once.")

    async def _put(self, source: Path | bytes, header: Header, key: str, origin: Origin) -> None:
        target = self._lake.root / key
        part = await asyncio.to_thread(files.write_part, source, target)
        try:
            async with transaction(self._sessions) as session:
                events = await _index(session, header, key, origin)
                # The row is ours now: no other writer can put a file in this place.
                await asyncio.to_thread(files.put_in_place, part, target)
                await append(session, events)
        finally:
            await asyncio.to_thread(part.unlink, missing_ok=True)

    async def _look_up(self, header: Header) -> str | None:
        async with reading(self._sessions) as session:
            row = await session.get(DicomInstance, header.sop_instance_uid)
            return None if row is None else row.sha256

    async def _count_duplicate(self, header: Header) -> Stored:
        async with transaction(self._sessions) as session:
            row = await session.get(DicomInstance, header.sop_instance_uid, with_for_update=True)
            if row is not None:
                row.duplicates += 1
        return Stored(Outcome.DUPLICATE, header=header)

    async def _keep_aside(self, source: Path | bytes, header: Header, origin: Origin) -> Stored:
        key = rules.conflict_key(header.sop_instance_uid, header.sha256)
        data = await asyncio.to_thread(_bytes, source)
        await asyncio.to_thread(files.write_whole, data, self._lake.root / key)
        detail = (
            f"Another object is stored under SOP Instance UID {header.sop_instance_uid}; "
            "this one was kept aside."
        )
        async with transaction(self._sessions) as session:
            row = await session.get(DicomInstance, header.sop_instance_uid, with_for_update=True)
            if row is not None:
                row.conflicts += 1
            data_of_event = {
                "series_instance_uid": header.series_instance_uid,
                "source": origin.source,
                "key": key,
                "detail": detail,
            }
            event = own_event(EventType.INSTANCE_CONFLICT, header.sop_instance_uid, data_of_event)
            await append(session, [event])
        return Stored(Outcome.CONFLICT, detail, header)

    async def _quarantine(self, source: Path | bytes, reason: str, origin: Origin) -> Stored:
        data = await asyncio.to_thread(_bytes, source)
        sha256 = hashlib.sha256(data).hexdigest()
        key = rules.quarantine_key(sha256)
        await asyncio.to_thread(files.write_whole, data, self._lake.root / key, reason)
        async with transaction(self._sessions) as session:
            event = own_event(
                EventType.INSTANCE_QUARANTINED,
                sha256,
                {"source": origin.source, "key": key, "detail": reason},
            )
            await append(session, [event])
        return Stored(Outcome.QUARANTINED, reason)

    async def complete_quiet_series(self, quiet_s: float, follow: Follow | None = None) -> int:
        """Mark series complete that got nothing for a while; say how many.

        Args:
            quiet_s: How long they got nothing [s].
            follow: What follows for each of them, in the same transaction.
        """
        before = utc_now() - timedelta(seconds=quiet_s)
        async with transaction(self._sessions) as session:
            quiet = await repository.list_quiet_series(session, before, limit=QUIET_AT_ONCE)
            events: list[Event] = []
            for series in quiet:
                events.append(complete(series, "quiet"))
                if follow is not None:
                    events += await follow(session, series)
            if events:
                await append(session, events)
            return len(quiet)


def _bytes(source: Path | bytes) -> bytes:
    return source if isinstance(source, bytes) else source.read_bytes()


async def _index(session: AsyncSession, header: Header, key: str, origin: Origin) -> list[Event]:
    series = await repository.find_series(
        session, header.study_instance_uid, header.series_instance_uid
    )
    events: list[Event] = []
    if series is None:
        series = _new_series(header, origin)
        session.add(series)
        await session.flush()
        uid = header.series_instance_uid
        events.append(own_event(EventType.SERIES_RECEIVED, uid, facts(series)))
    else:
        series.last_received_at = utc_now()
        series.complete = series.complete and origin.task_id is not None
    session.add(
        DicomInstance(
            sop_instance_uid=header.sop_instance_uid,
            series_id=series.id,
            sop_class_uid=header.sop_class_uid,
            transfer_syntax_uid=header.transfer_syntax_uid,
            instance_number=header.number("InstanceNumber"),
            sha256=header.sha256,
            size=header.size,
            key=key,
            tags=header.tags,
        )
    )
    await session.flush()
    return events


def _new_series(header: Header, origin: Origin) -> DicomSeries:
    return DicomSeries(
        study_instance_uid=header.study_instance_uid,
        series_instance_uid=header.series_instance_uid,
        modality=header.text("Modality")[:64],
        series_description=header.text("SeriesDescription"),
        series_number=header.number("SeriesNumber"),
        patient_id=header.text("PatientID"),
        patient_name=header.text("PatientName"),
        study_date=header.text("StudyDate")[:64],
        source=origin.source[:64],
        receiver_aet=origin.receiver_aet[:64],
        sender_address=origin.sender_address[:255],
        forced_rule=origin.forced_rule[:200],
        task_id=origin.task_id,
        exam_id=origin.exam_id,
    )


def facts(series: DicomSeries) -> dict[str, object]:
    """Return what events tell of a series: ids, never a name."""
    return {
        "series_instance_uid": series.series_instance_uid,
        "study_instance_uid": series.study_instance_uid,
        "modality": series.modality,
        "source": series.source,
        "task_id": str(series.task_id) if series.task_id else None,
        "exam_id": str(series.exam_id) if series.exam_id else None,
    }


def complete(series: DicomSeries, reason: str) -> Event:
    """Mark a series complete and return the event that tells so."""
    series.complete, series.complete_reason = True, reason
    return own_event(
        EventType.SERIES_COMPLETE, series.series_instance_uid, {**facts(series), "reason": reason}
    )


async def instance_paths(
    session: AsyncSession, lake: LocalLake, series_instance_uid: str
) -> Sequence[tuple[str, Path]]:
    """Return the files of a series: SOP Instance UID and path."""
    rows = await repository.list_instances(session, series_instance_uid)
    return [(row.sop_instance_uid, lake.root / row.key) for row in rows]
