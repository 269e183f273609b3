"""Store instances: file first, then the index, then the answer. Nothing is ever overwritten."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scanhub_libraries.database import Sessions, transaction
from scanhub_libraries.events import Event, EventType
from scanhub_libraries.lake import LocalLake
from workflow_manager.dicom import files, rules
from workflow_manager.dicom.entries import Arrival, Origin, Outcome, quarantined
from workflow_manager.dicom.extra_tags import with_extra_tags
from workflow_manager.dicom.index import enter
from workflow_manager.dicom.models import DicomSeries
from workflow_manager.dicom.part10 import Header, read_header
from workflow_manager.journal.service import append, own_event
from workflow_manager.kept_aside.service import keep


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of an instance, and which one it was."""

    outcome: Outcome
    detail: str = ""
    header: Header | None = None


class DicomStore:
    """The node's files and index."""

    def __init__(self, sessions: Sessions, lake: LocalLake, extra_tags: Sequence[str] = ()) -> None:
        self._sessions = sessions
        self._extra_tags = extra_tags
        self._lake = lake

    async def store_instance(self, source: Path | bytes, origin: Origin) -> Stored:
        """Store one DICOM file; storing it again is counted, nothing more.

        When this returns, the bytes are synced and the index is committed.
        """
        try:
            header = await asyncio.to_thread(self._read, source)
        except rules.NotStorableError as error:
            return await self._quarantine(source, str(error), origin)
        return await self._put(source, Arrival(header, origin))

    def _read(self, source: Path | bytes) -> Header:
        header = read_header(source)
        return with_extra_tags(source, header, self._extra_tags) if self._extra_tags else header

    async def _put(self, source: Path | bytes, arrival: Arrival) -> Stored:
        part = await asyncio.to_thread(files.write_part, source, self._lake.root / arrival.key)
        try:
            async with transaction(self._sessions) as session:
                batch = await enter(session, [arrival])
                (entered,) = batch.entered
                target = self._lake.root / entered.key
                # What a power cut took is put back by whoever stores it again.
                if entered.outcome is not Outcome.DUPLICATE or not target.exists():
                    # The row is ours now: no other writer can put a file in this place.
                    await asyncio.to_thread(files.put_in_place, part, target)
                await append(session, batch.events)
        finally:
            await asyncio.to_thread(part.unlink, missing_ok=True)
        return Stored(entered.outcome, entered.detail, arrival.header)

    async def _quarantine(self, source: Path | bytes, reason: str, origin: Origin) -> Stored:
        data = await asyncio.to_thread(_bytes, source)
        aside, event = quarantined(hashlib.sha256(data).hexdigest(), origin, reason)
        await asyncio.to_thread(files.write_whole, data, self._lake.root / aside.key, reason)
        async with transaction(self._sessions) as session:
            await keep(session, [aside])
            await append(session, [event])
        return Stored(Outcome.QUARANTINED, reason)


def _bytes(source: Path | bytes) -> bytes:
    return source if isinstance(source, bytes) else source.read_bytes()


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
