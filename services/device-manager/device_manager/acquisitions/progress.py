"""Progress on its way to exam-manager: only the latest word of each acquisition is kept."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

from device_manager.acquisitions.lease import Lease
from device_manager.acquisitions.rules import AcquisitionState
from scanhub_libraries.clients import ExamManagerClient
from scanhub_libraries.errors import ScanHubError
from scanhub_libraries.logging import get_logger
from scanhub_libraries.models import ItemStatus, ReportOfTask, TaskReports

logger = get_logger(__name__)
_MOST = 100
"""Reports in one request: its transaction holds up other writers for so long."""
_REST = 2.0
_PAUSE_SECONDS = 1.0


class ProgressReporter:
    """Reports progress in the background, so that no link waits for exam-manager.

    What comes while a report is on its way replaces what waits: a fleet that sends more than
    exam-manager takes is reported less often, and never late. All that waits goes in one request.
    Reports of one acquisition keep their order. Errors and ends do not pass here: they are settled
    from the database.
    """

    def __init__(
        self,
        exam_manager: ExamManagerClient,
        claim_lost: Callable[[Lease, str], Awaitable[None]],
        make_sure: Callable[[], Awaitable[None]],
    ) -> None:
        self._exam_manager = exam_manager
        self._claim_lost = claim_lost
        self._make_sure = make_sure
        self._waiting: dict[UUID, tuple[Lease, int]] = {}
        self._under_way: set[UUID] = set()
        self._woken = asyncio.Condition()
        self._worker: asyncio.Task[None] | None = None
        self._away = False

    def start(self) -> None:
        """Begin to report."""
        self._worker = asyncio.create_task(self._work(), name="progress")

    async def stop(self) -> None:
        """Stop reporting; progress that waits is dropped."""
        if self._worker is not None:
            self._worker.cancel()
            with suppress(asyncio.CancelledError):
                await self._worker

    async def put(self, lease: Lease, percent: int) -> None:
        """Keep the latest progress of an acquisition for reporting; never waits for a report."""
        lease.progress = percent
        self._waiting[lease.id] = (lease, percent)
        async with self._woken:
            self._woken.notify()

    def drop(self, acquisition_id: UUID) -> None:
        """Drop what waits: another process reports from here on."""
        self._waiting.pop(acquisition_id, None)

    async def end(self, acquisition_id: UUID) -> None:
        """Drop what waits, and let a report that is on its way arrive before the end does."""
        self._waiting.pop(acquisition_id, None)
        async with self._woken:
            await self._woken.wait_for(lambda: acquisition_id not in self._under_way)

    def _next(self) -> list[tuple[Lease, int]]:
        """Take what waits, oldest first."""
        keys = [key for key in self._waiting if key not in self._under_way][:_MOST]
        return [self._waiting.pop(key) for key in keys]

    async def _work(self) -> None:
        while True:
            async with self._woken:
                await self._woken.wait_for(lambda: bool(self._waiting))
                batch = self._next()
                self._under_way.update(lease.id for lease, _ in batch)
            began = time.monotonic()
            try:
                await self._make_sure()
                await self._report([item for item in batch if item[0].here])
            except Exception:
                logger.exception("reports failed", reports=len(batch))
            finally:
                self._under_way.clear()
                async with self._woken:
                    self._woken.notify_all()
            # Most of the time is for the links: exam-manager may run in this very process.
            await asyncio.sleep(min(_REST * (time.monotonic() - began), _PAUSE_SECONDS))

    async def _report(self, batch: list[tuple[Lease, int]]) -> None:
        if not batch:
            return
        reports = [
            ReportOfTask(
                task_id=lease.task_id,
                claim_id=lease.id,
                status=ItemStatus.PAUSED
                if lease.state is AcquisitionState.PAUSED
                else ItemStatus.INPROGRESS,
                progress=percent,
            )
            for lease, percent in batch
        ]
        try:
            refused = await self._exam_manager.report_tasks(TaskReports(reports=reports))
        except ScanHubError as error:
            if not self._away:
                logger.warning("progress waits: exam-manager does not take it", detail=error.detail)
            self._away = True
            for lease, percent in batch:
                if lease.is_open:
                    self._waiting.setdefault(lease.id, (lease, percent))
            await asyncio.sleep(_PAUSE_SECONDS)
            return
        self._away = False
        reasons = {report.claim_id: report.detail for report in refused}
        for lease, _ in batch:
            if lease.id in reasons and lease.is_open:
                await self._claim_lost(lease, reasons[lease.id])
