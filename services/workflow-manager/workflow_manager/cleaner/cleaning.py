"""What the cleaner does by itself: hourly what is old, at once what the disk needs."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading, transaction
from scanhub_libraries.events import EventType
from scanhub_libraries.logging import get_logger
from scanhub_libraries.measures import Measure
from scanhub_libraries.repeating import SOON_S, Repeating
from scanhub_libraries.threads import to_the_end
from workflow_manager.cleaner import aside, repository
from workflow_manager.cleaner.repository import Candidate
from workflow_manager.cleaner.rules import Fate, Retention, bytes_over, emergency_cutoffs
from workflow_manager.cleaner.service import remove_files, remove_series
from workflow_manager.journal.service import append, own_event
from workflow_manager.kept_aside.models import AsideKind
from workflow_manager.kept_aside.service import forget_removed
from workflow_manager.room import Room, look
from workflow_manager.settings import WorkflowManagerSettings
from workflow_manager.wiring import Wiring

logger = get_logger(__name__)
_LOOK_S = 60.0
_EVERY = timedelta(hours=1)
DAY_S = 86_400.0
_KINDS = {aside.QUARANTINE: AsideKind.QUARANTINE, aside.CONFLICTS: AsideKind.CONFLICT}
_PAGE = 50


def retention_of(settings: WorkflowManagerSettings) -> Retention:
    """Return how long images stay."""
    return Retention(
        settings.clean_sent_days, settings.clean_unsent_days, settings.clean_discarded_days
    )


def aside_days(settings: WorkflowManagerSettings) -> dict[str, float | None]:
    """Return how long files stay that were kept aside."""
    return {
        aside.QUARANTINE: settings.clean_quarantine_days,
        aside.CONFLICTS: settings.clean_conflicts_days,
    }


async def candidates(
    wiring: Wiring, cutoffs: Mapping[Fate, datetime], now: datetime
) -> AsyncIterator[Candidate]:
    """Yield the series that may go, the oldest first; a page at a time, so that memory is flat."""
    after: tuple[datetime, UUID] | None = None
    while True:
        async with reading(wiring.sessions) as session:
            page = await repository.list_candidates(session, cutoffs, now, after=after, limit=_PAGE)
        for candidate in page:
            yield candidate
        if len(page) < _PAGE:
            return
        after = page[-1].place


class Cleaner:
    """Removes what may go, while the service lives.

    Args:
        wiring: What it works with.
        look: Looks at the disk of a folder.
    """

    def __init__(self, wiring: Wiring, look: Callable[[Path], Room] = look) -> None:
        self._wiring = wiring
        self._look = look
        self._due = utc_now()
        self._parts_due = utc_now()
        self._loop = Repeating("cleaning", self.round, _LOOK_S, begin_after=SOON_S)
        self._images: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self.missing = 0
        """What an emergency could not free: nothing more may go [byte]."""

    def start(self) -> None:
        """Begin; what somebody removes by hand wakes it, so that the files go at once."""
        self._wiring.tail.wake_on((EventType.CLEANER_REMOVED,), self._loop.wake)
        self._loop.start()

    async def stop(self) -> None:
        """End; what was begun goes on at the next start."""
        await self._loop.stop()

    async def round(self) -> None:
        """Go on where a crash ended it, free what the disk needs, remove what is old."""
        wiring, now = self._wiring, utc_now()
        await remove_files(wiring.sessions, wiring.lake)
        await self.free_disk()
        settings = wiring.settings
        if now >= self._due and (not settings.clean_offpeak_only or settings.offpeak.is_open(now)):
            await self.clean(now)
            self._due = now + _EVERY
        if now >= self._parts_due:
            parts = partial(aside.remove_parts, wiring.lake.root / "dicom", time.time() - DAY_S)
            await self._tell_of_files(aside.PARTS, await to_the_end(parts))
            self._parts_due = now + timedelta(days=1)

    async def clean(self, now: datetime) -> None:
        """Remove what is older than the settings say."""
        cutoffs = retention_of(self._wiring.settings).cutoffs(now)
        async for candidate in candidates(self._wiring, cutoffs, now):
            await self._remove(candidate, cutoffs, now, emergency=False)
        for name, days in aside_days(self._wiring.settings).items():
            if days is not None:
                folder = self._wiring.lake.root / "dicom" / name
                older_than = now.timestamp() - days * DAY_S
                await self._tell_of_files(name, await to_the_end(aside.remove, folder, older_than))
                before = now - timedelta(days=days)
                kind = _KINDS[name]
                await forget_removed(self._wiring.sessions, self._wiring.lake, kind, before)

    async def free_disk(self) -> None:
        """Remove what is elsewhere too, the oldest first, until the disk has room again."""
        self.missing = await self._over()
        if not self.missing:
            return
        now = utc_now()
        cutoffs = emergency_cutoffs(now)
        async for candidate in candidates(self._wiring, cutoffs, now):
            if await self._remove(candidate, cutoffs, now, emergency=True):
                self.missing = await self._over()
                if not self.missing:
                    return
        logger.error("the disk is full and nothing more may be removed", missing_bytes=self.missing)

    async def _over(self) -> int:
        percent = self._wiring.settings.clean_above_percent
        if percent is None:
            return 0
        room = await asyncio.to_thread(self._look, self._wiring.lake.root)
        return bytes_over(free=room.free, total=room.total, percent=percent)

    async def _remove(
        self,
        candidate: Candidate,
        cutoffs: Mapping[Fate, datetime],
        now: datetime,
        *,
        emergency: bool,
    ) -> bool:
        wiring = self._wiring
        try:
            gone = await remove_series(
                wiring.sessions, candidate, cutoffs, now, emergency=emergency
            )
        except Exception as error:
            uid = candidate.series_instance_uid  # one that cannot go holds up no other
            logger.exception("a series cannot be removed", series=uid, error=repr(error))
            return False
        if gone is None:
            return False
        await remove_files(wiring.sessions, wiring.lake)
        self._images[gone.fate.value] += gone.instances
        self._bytes[gone.fate.value] += gone.size
        return True

    async def _tell_of_files(self, name: str, files: aside.Files) -> None:
        if not files.count:
            return
        self._images[name] += files.count
        self._bytes[name] += files.size
        data = {"files": files.count, "bytes": files.size, "kind": name}
        async with transaction(self._wiring.sessions) as session:
            await append(session, [own_event(EventType.CLEANER_REMOVED, name, data)])

    def measures(self) -> Iterable[Measure]:
        """Return what Prometheus is told."""
        return [
            Measure(
                "scanhub_cleaner_removed_images_total",
                "Images removed since the start, by what became of them",
                self._images,
                label="kind",
                counter=True,
            ),
            Measure(
                "scanhub_cleaner_removed_bytes_total",
                "Their size",
                self._bytes,
                label="kind",
                counter=True,
            ),
            Measure(
                "scanhub_cleaner_missing_bytes",
                "What should be free and cannot be: nothing more may go",
                {"": self.missing},
            ),
        ]
