"""Progress on its way to exam-manager: only the latest word of each acquisition is kept."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

from device_manager.acquisitions.lease import Lease
from device_manager.acquisitions.rules import AcquisitionState
from scanhub_libraries.clients import ExamManagerClient
from scanhub_libraries.errors import ConflictError, NotFoundError, ScanHubError
from scanhub_libraries.logging import get_logger
from scanhub_libraries.models import ItemStatus, TaskReport

logger = get_logger(__name__)
_WORKERS = 2
_PAUSE_SECONDS = 1.0


class ProgressReporter:
    """Reports progress in the background, so that no link waits for exam-manager.

    What comes while a report is on its way replaces what waits: a fleet that sends more than
    exam-manager takes is reported less often, and never late. Reports of one acquisition keep
    their order. Errors and ends do not pass here: they are settled from the database.
    """

    def __init__(
        self, exam_manager: ExamManagerClient, claim_lost: Callable[[Lease, str], Awaitable[None]]
    ) -> None:
        self._exam_manager = exam_manager
        self._claim_lost = claim_lost
        self._waiting: dict[UUID, tuple[Lease, int]] = {}
        self._under_way: set[UUID] = set()
        self._woken = asyncio.Condition()
        self._workers: list[asyncio.Task[None]] = []
        self._away = False

    def start(self) -> None:
        """Begin to report."""
        self._workers = [
            asyncio.create_task(self._work(), name=f"progress-{number}")
            for number in range(_WORKERS)
        ]

    async def stop(self) -> None:
        """Stop reporting; progress that waits is dropped."""
        for worker in self._workers:
            worker.cancel()
        for worker in self._workers:
            with suppress(asyncio.CancelledError):
                await worker

    async def put(self, lease: Lease, percent: int) -> None:
        """Keep the latest progress of an acquisition for reporting; never waits for a report."""
        lease.progress = percent
        self._waiting[lease.id] = (lease, percent)
        async with self._woken:
            self._woken.notify()

    async def end(self, acquisition_id: UUID) -> None:
        """Drop what waits, and let a report that is on its way arrive before the end does."""
        self._waiting.pop(acquisition_id, None)
        async with self._woken:
            await self._woken.wait_for(lambda: acquisition_id not in self._under_way)

    def _next(self) -> UUID | None:
        return next((key for key in self._waiting if key not in self._under_way), None)

    async def _work(self) -> None:
        while True:
            async with self._woken:
                await self._woken.wait_for(lambda: self._next() is not None)
                key = self._next()
                if key is None:
                    continue
                lease, percent = self._waiting.pop(key)
                self._under_way.add(key)
            began = time.monotonic()
            try:
                await self._report(lease, percent)
            except Exception:
                logger.exception("a report failed", task_id=str(lease.task_id))
            finally:
                self._under_way.discard(key)
                async with self._woken:
                    self._woken.notify_all()
            # Half of the time is for the links: exam-manager may run in this very process.
            await asyncio.sleep(min(time.monotonic() - began, _PAUSE_SECONDS))

    async def _report(self, lease: Lease, percent: int) -> None:
        rests = lease.state is AcquisitionState.PAUSED
        status = ItemStatus.PAUSED if rests else ItemStatus.INPROGRESS
        report = TaskReport(claim_id=lease.id, status=status, progress=percent)
        try:
            await self._exam_manager.report_task(lease.task_id, report)
        except (ConflictError, NotFoundError) as error:
            if lease.is_open:
                await self._claim_lost(lease, error.detail)
        except ScanHubError as error:
            if not self._away:
                logger.warning("progress waits: exam-manager does not take it", detail=error.detail)
            self._away = True
            if lease.is_open:
                self._waiting.setdefault(lease.id, (lease, percent))
            await asyncio.sleep(_PAUSE_SECONDS)
        else:
            self._away = False
