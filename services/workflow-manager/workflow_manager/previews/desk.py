"""Watches the journal for scans that stream, and has each one followed."""

import asyncio
from contextlib import suppress
from uuid import UUID

from scanhub_libraries.logging import get_logger
from scanhub_libraries.models import JournalEntry
from scanhub_libraries.repeating import SOON_S, Repeating
from workflow_manager.previews import service
from workflow_manager.previews.follower import Follower
from workflow_manager.previews.rules import BEGIN, ENDS, Scan
from workflow_manager.wiring import Wiring

logger = get_logger(__name__)
_RETRY_S = 1.0
_SWEEP_S = 300.0


class PreviewDesk:
    """Has previews made. What began before this process did is not followed: it is a preview."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._followers: dict[UUID, Follower] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._watching: asyncio.Task[None] | None = None
        self._sweep = Repeating(
            "remove old previews", self._remove_old, _SWEEP_S, begin_after=SOON_S
        )

    @property
    def running(self) -> int:
        """How many scans are followed."""
        return len(self._followers)

    async def start(self) -> None:
        """Begin to watch."""
        place = await self._wiring.tail.newest()
        self._watching = asyncio.create_task(self._watch(place), name="preview-desk")
        self._sweep.start()

    async def stop(self) -> None:
        """Stop watching, and end the jobs."""
        await self._sweep.stop()
        tasks = {*self._tasks, *filter(None, [self._watching])}
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, place: int) -> None:
        tail = self._wiring.tail
        while not tail.closed.is_set():  # from then on, waiting for it takes no time
            try:
                for entry in await tail.read(place):
                    place = entry.sequence
                    self._react(entry)
            except Exception as error:  # noqa: BLE001 - watching must go on
                logger.warning("previews wait for the journal", error=repr(error))
                await asyncio.sleep(_RETRY_S)
                continue
            await tail.wait(place, 5.0)

    def _react(self, entry: JournalEntry) -> None:
        if entry.type != BEGIN and entry.type not in ENDS:
            return
        scan = Scan.of(entry)
        if scan is None:
            return
        if entry.type == BEGIN:
            self._begin(scan)
        elif follower := self._followers.get(scan.acquisition_id):
            follower.ended.set()

    def _begin(self, scan: Scan) -> None:
        if scan.acquisition_id in self._followers:
            return
        if len(self._followers) >= self._wiring.settings.previews_at_once:
            logger.warning("too many scans are previewed", task_id=str(scan.task_id))
            return
        follower = self._followers[scan.acquisition_id] = Follower(self._wiring, scan)
        task = asyncio.create_task(follower.run(), name=f"preview {scan.acquisition_id}")
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(scan, done))

    def _ended(self, scan: Scan, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        del self._followers[scan.acquisition_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.warning("a preview failed", task_id=str(scan.task_id), error=repr(error))

    async def _remove_old(self) -> None:
        await service.remove_old(self._wiring.lake, self._wiring.settings.preview_keep_s)
