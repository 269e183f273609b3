"""What would be removed now, by the same queries that remove."""

import asyncio

from scanhub_libraries.clock import utc_now
from scanhub_libraries.models.cleaner import (
    CleanerOut,
    CleaningPreview,
    RemovableFiles,
    RemovableSeries,
    Retention,
)
from workflow_manager.cleaner import aside
from workflow_manager.cleaner.cleaning import DAY_S, aside_days, candidates, retention_of
from workflow_manager.cleaner.repository import Candidate
from workflow_manager.cleaner.rules import bytes_over, emergency_cutoffs
from workflow_manager.room import look
from workflow_manager.wiring import Wiring


async def describe(wiring: Wiring) -> CleanerOut:
    """Return how long things stay, and how the disk stands at present."""
    settings = wiring.settings
    room = await asyncio.to_thread(look, wiring.lake.root)
    percent = settings.clean_above_percent
    over = 0 if percent is None else bytes_over(free=room.free, total=room.total, percent=percent)
    return CleanerOut(
        retention=Retention(
            sent_days=settings.clean_sent_days,
            unsent_days=settings.clean_unsent_days,
            discarded_days=settings.clean_discarded_days,
            quarantine_days=settings.clean_quarantine_days,
            conflicts_days=settings.clean_conflicts_days,
            offpeak_only=settings.clean_offpeak_only,
            above_percent=percent,
        ),
        free_bytes=room.free,
        total_bytes=room.total,
        over_bytes=over,
    )


async def preview(wiring: Wiring, *, free_bytes: int | None, limit: int) -> CleaningPreview:
    """Return what would be removed.

    Args:
        wiring: What it works with.
        free_bytes: What an emergency would remove to free so much; none: what is old [byte].
        limit: How many series at most.
    """
    now = utc_now()
    emergency = free_bytes is not None
    cutoffs = emergency_cutoffs(now) if emergency else retention_of(wiring.settings).cutoffs(now)
    found: list[Candidate] = []
    size, more = 0, False
    async for candidate in candidates(wiring, cutoffs, now):
        if free_bytes is not None and size >= free_bytes:
            break
        if len(found) == limit:
            more = True
            break
        found.append(candidate)
        size += candidate.size
    return CleaningPreview(
        as_of=now,
        emergency=emergency,
        series=[_told(one) for one in found],
        instances=sum(one.instances for one in found),
        size_bytes=size,
        more=more,
        files=[] if emergency else await _files(wiring, now.timestamp()),
    )


def _told(one: Candidate) -> RemovableSeries:
    return RemovableSeries(
        study_instance_uid=one.study_instance_uid,
        series_instance_uid=one.series_instance_uid,
        fate=one.fate.value,
        instances=one.instances,
        size_bytes=one.size,
        last_received_at=one.last_received_at,
    )


async def _files(wiring: Wiring, now: float) -> list[RemovableFiles]:
    told: list[RemovableFiles] = []
    for name, days in aside_days(wiring.settings).items():
        if days is not None:
            folder = wiring.lake.root / "dicom" / name
            found = await asyncio.to_thread(aside.count, folder, now - days * DAY_S)
            told.append(RemovableFiles(kind=name, files=found.count, size_bytes=found.size))
    return told
