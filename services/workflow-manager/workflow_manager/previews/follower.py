"""One scan that is previewed: a job reads along, and its images are told as they come."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

from scanhub_libraries.database import transaction
from scanhub_libraries.events import EventType
from scanhub_libraries.lake import stream_key
from scanhub_libraries.logging import get_logger
from workflow_manager.journal.service import append, own_event
from workflow_manager.previews import service
from workflow_manager.previews.rules import Scan
from workflow_manager.programs.job import JobEnd, run_job
from workflow_manager.wiring import Wiring

logger = get_logger(__name__)
_MODULE = "scanhub_jobs.preview"
_TELL_SECONDS = 1.0  # a fast series of images is one event a second: the newest is what is shown


class Follower:
    """Follows the stream of one scan until it ends, or the scan does."""

    def __init__(self, wiring: Wiring, scan: Scan) -> None:
        self.ended = asyncio.Event()
        """Set from outside: the scan has ended, its images come the ordinary way."""
        self._wiring = wiring
        self._scan = scan
        self._newest: dict[str, Any] | None = None
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Make previews, if the scan lasts long enough for them to be first."""
        settings = self._wiring.settings
        with suppress(TimeoutError):
            async with asyncio.timeout(settings.preview_delay_s):
                await self.ended.wait()
                return
        scan, lake = self._scan, self._wiring.lake
        folder = await service.begin(lake, scan.task_id, scan.acquisition_id)
        if folder is None:
            return
        telling = asyncio.create_task(self._keep_telling())
        try:
            end = await self._run_job(folder)
        finally:
            telling.cancel()
            await asyncio.wait({telling})
        await self._tell_newest()
        if end.failure is not None and not end.canceled:
            await self._tell_failure(end.failure)

    async def _run_job(self, folder: Path) -> JobEnd:
        settings = self._wiring.settings
        arguments = [
            *("--input", str(self._wiring.lake.root / stream_key(self._scan.acquisition_id))),
            *("--output", str(folder)),
            *("--most-bytes", str(settings.preview_memory_bytes)),
            *("--keep", str(settings.preview_images)),
        ]
        return await run_job(_MODULE, arguments, self.ended, on_preview=self._made)

    async def _made(self, about: dict[str, Any]) -> None:
        self._newest = about
        self._news.set()

    async def _keep_telling(self) -> None:
        while True:
            await self._news.wait()
            await self._tell_newest()
            await asyncio.sleep(_TELL_SECONDS)

    async def _tell_newest(self) -> None:
        about, self._newest = self._newest, None
        self._news.clear()
        if about is not None:
            await self._tell(EventType.PREVIEW_READY, self._scan.ready(about))

    async def _tell_failure(self, reason: str) -> None:
        logger.warning("no preview of a scan", task_id=str(self._scan.task_id), why=reason)
        await self._tell(EventType.PREVIEW_FAILED, self._scan.failed(reason))

    async def _tell(self, event_type: EventType, data: dict[str, Any]) -> None:
        async with transaction(self._wiring.sessions) as session:
            await append(session, [own_event(event_type, self._scan.task_id, data)])
