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
from workflow_manager.dicom.entries import Arrival, Entered, Origin, Outcome, quarantined
from workflow_manager.dicom.extra_tags import with_extra_tags
from workflow_manager.dicom.index import enter
from workflow_manager.dicom.models import DicomSeries
from workflow_manager.dicom.part10 import Header, read_header
from workflow_manager.journal.service import append, own_event
from workflow_manager.kept_aside.service import keep

_AT_ONCE = 16
"""Files that enter the index together: each transaction takes the event loop some milliseconds."""


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
        (stored,) = await self._store([source], origin)
        return stored

    async def store_instances(self, sources: Sequence[Path], origin: Origin) -> list[Stored]:
        """Store DICOM files, several in one transaction; return what became of each."""
        stored: list[Stored] = []
        for begin in range(0, len(sources), _AT_ONCE):
            stored += await self._store(sources[begin : begin + _AT_ONCE], origin)
        return stored

    async def _store(self, sources: Sequence[Path | bytes], origin: Origin) -> list[Stored]:
        headers = await asyncio.to_thread(self._read_all, sources)
        whole = [
            (source, Arrival(header, origin))
            for source, header in zip(sources, headers, strict=True)
            if isinstance(header, Header)
        ]
        entered = iter(await self._put(whole) if whole else [])
        return [
            next(entered)
            if isinstance(header, Header)
            else await self._quarantine(source, str(header), origin)
            for source, header in zip(sources, headers, strict=True)
        ]

    def _read_all(self, sources: Sequence[Path | bytes]) -> list[Header | rules.NotStorableError]:
        return [self._read(source) for source in sources]

    def _read(self, source: Path | bytes) -> Header | rules.NotStorableError:
        try:
            header = read_header(source)
        except rules.NotStorableError as error:
            return error
        return with_extra_tags(source, header, self._extra_tags) if self._extra_tags else header

    async def _put(self, arrived: Sequence[tuple[Path | bytes, Arrival]]) -> list[Stored]:
        arrivals = [arrival for _, arrival in arrived]
        root, parts = self._lake.root, list[Path]()

        def write_parts() -> None:
            for source, arrival in arrived:
                parts.append(files.write_part(source, root / arrival.key))

        try:
            await asyncio.to_thread(write_parts)
            async with transaction(self._sessions) as session:
                batch = await enter(session, arrivals)
                places = [root / entered.key for entered in batch.entered]
                # The rows are ours now: no other writer can put a file in these places.
                await asyncio.to_thread(_put_in_places, parts, places, batch.entered)
                await append(session, batch.events)
        finally:
            await asyncio.to_thread(files.remove_all, map(str, parts))
        return [
            Stored(entered.outcome, entered.detail, arrival.header)
            for entered, arrival in zip(batch.entered, arrivals, strict=True)
        ]

    async def _quarantine(self, source: Path | bytes, reason: str, origin: Origin) -> Stored:
        data = await asyncio.to_thread(_bytes, source)
        aside, event = quarantined(hashlib.sha256(data).hexdigest(), origin, reason)
        await asyncio.to_thread(files.write_whole, data, self._lake.root / aside.key, reason)
        async with transaction(self._sessions) as session:
            await keep(session, [aside])
            await append(session, [event])
        return Stored(Outcome.QUARANTINED, reason)


def _put_in_places(
    parts: Sequence[Path], places: Sequence[Path], entered: Sequence[Entered]
) -> None:
    """Give files their places; what a power cut took is put back by whoever stores it again."""
    folders = set[Path]()
    for part, place, one in zip(parts, places, entered, strict=True):
        if one.outcome is not Outcome.DUPLICATE or not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)  # set aside: in another folder
            part.rename(place)
            folders.add(place.parent)
    files.sync_folders(folders)


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
