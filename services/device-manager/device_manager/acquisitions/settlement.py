"""Ends of acquisitions on their way to exam-manager: from the database, until they arrive.

What has ended here and is not settled is owed to exam-manager: the release of the task, or its
result. It is paid at once, again and again with a back-off while exam-manager is away, and after a
restart.
"""

import asyncio
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement

from device_manager import exam_requests
from device_manager.acquisitions import repository, service
from device_manager.acquisitions.models import Acquisition
from device_manager.acquisitions.progress import ProgressReporter
from device_manager.acquisitions.rules import GATE_CLOSED, AcquisitionState
from device_manager.uploads.rules import result_of
from scanhub_libraries.clients import ExamManagerClient, TokenSource
from scanhub_libraries.database import Sessions, reading, transaction
from scanhub_libraries.errors import ScanHubError, UnauthenticatedError
from scanhub_libraries.logging import get_logger
from scanhub_libraries.models import FinishTask, ItemStatus, ReleaseTask, SetResult

logger = get_logger(__name__)
_RETRY_SECONDS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
_SERVER_ERROR = 500
_WAIT = (429,)


class Settlement:
    """Tells exam-manager how acquisitions ended."""

    def __init__(
        self,
        sessions: Sessions,
        exam_manager: ExamManagerClient,
        service_token: TokenSource,
        progress: ProgressReporter,
    ) -> None:
        self._sessions = sessions
        self._exam_manager = exam_manager
        self._service_token = service_token
        self._progress = progress
        self._running: dict[UUID, asyncio.Task[str | None]] = {}
        self._again: set[UUID] = set()

    async def resume(self, own: ColumnElement[bool], *, before: datetime | None = None) -> None:
        """Go on with what an earlier process owed, as far as it ended before a time."""
        async with reading(self._sessions) as session:
            rows = await repository.list_unsettled(session, own, before=before)
        for row in rows:
            if row.id not in self._running:
                self.begin(row.id)

    def begin(self, acquisition_id: UUID) -> None:
        """Settle an acquisition that has ended; repeating is harmless."""
        task = self._running.get(acquisition_id)
        if task is not None and not task.done():
            self._again.add(acquisition_id)  # a further file may have come since it looked
        else:
            task = asyncio.create_task(
                self._settle(acquisition_id), name=f"settlement {acquisition_id}"
            )
            self._running[acquisition_id] = task
            task.add_done_callback(lambda _: self._running.pop(acquisition_id, None))

    async def wait(self, acquisition_id: UUID, seconds: float) -> str | None:
        """Wait until it is settled; return what exam-manager refused it with, None if it did not.

        Raises:
            TimeoutError: It takes longer; it goes on.
        """
        task = self._running.get(acquisition_id)
        if task is None:
            return None
        async with asyncio.timeout(seconds):
            return await asyncio.shield(task)

    async def stop(self) -> None:
        """Stop; what is owed stays in the database."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _settle(self, acquisition_id: UUID) -> str | None:
        while True:
            self._again.discard(acquisition_id)
            problem = await self._settle_once(acquisition_id)
            if acquisition_id not in self._again:
                return problem

    async def _settle_once(self, acquisition_id: UUID) -> str | None:
        async with reading(self._sessions) as session:
            row = await session.get(Acquisition, acquisition_id)
        if row is None or row.settled_at is not None:
            return None
        await self._progress.end(acquisition_id)
        problem = await self._tell_until_heard(row)
        async with transaction(self._sessions) as session:
            settled = await service.mark_settled(
                session, acquisition_id, files=len(row.files), problem=problem
            )
        if not settled:
            self._again.add(acquisition_id)
        return problem

    async def _tell_until_heard(self, row: Acquisition) -> str | None:
        """Return None when exam-manager has taken it, its words when it never will."""
        attempt = 0
        while True:
            try:
                await self._tell(row)
            except ScanHubError as error:
                if not _may_pass(error):
                    logger.warning(
                        "exam-manager refuses the end of an acquisition",
                        acquisition_id=str(row.id),
                        state=row.state.value,
                        detail=error.detail,
                    )
                    return f"exam-manager: {error.detail}"
                if attempt == 0:
                    logger.warning(
                        "the end of an acquisition waits for exam-manager",
                        acquisition_id=str(row.id),
                        detail=error.detail,
                    )
            except Exception:
                logger.exception("the end of an acquisition waits", acquisition_id=str(row.id))
            else:
                return None
            await asyncio.sleep(_RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS) - 1)])
            attempt += 1

    async def _tell(self, row: Acquisition) -> None:
        if row.state is AcquisitionState.FINISHED and row.result_id is not None:
            await self._finish(row, row.result_id)
            return
        status = ItemStatus.ERROR
        if row.state is AcquisitionState.STOPPED:
            status = ItemStatus.CANCELED
        elif row.error_code == GATE_CLOSED:
            status = ItemStatus.UPDATED  # it was never begun
        release = ReleaseTask(
            claim_id=row.id,
            status=status,
            reason=row.reason or "the scan ended without a reason",
        )
        await self._exam_manager.release_task(row.task_id, release)

    async def _finish(self, row: Acquisition, result_id: UUID) -> None:
        """Enter every new file; the first one ends the task. Repeating is harmless."""
        for file in row.files:
            if file.get(service.ENTERED):
                continue
            result = result_of(row.workflow_id, row.task_id, row.id, row.device_id, file)
            if file["result_id"] == str(result_id):
                finish = FinishTask(claim_id=row.id, result_id=result_id, result=result)
                await self._exam_manager.finish_task(row.task_id, finish)
            else:
                await self._add_result(row.task_id, UUID(file["result_id"]), result)

    async def _add_result(self, task_id: UUID, result_id: UUID, result: SetResult) -> None:
        """Enter a further file of a task that has finished."""
        token = await self._service_token()
        await exam_requests.create_blank_result(
            str(task_id), token, result_id=result_id, exam_manager=self._exam_manager
        )
        await exam_requests.set_result(
            str(result_id), result, token, exam_manager=self._exam_manager
        )


def _may_pass(error: ScanHubError) -> bool:
    """Say whether the same request may succeed later."""
    return (
        error.status >= _SERVER_ERROR
        or error.status in _WAIT
        or isinstance(error, UnauthenticatedError)
    )
