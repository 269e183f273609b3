"""Ends of acquisitions on their way to exam-manager: from the database, until they arrive.

What has ended here and is not settled is owed to exam-manager: the release of the task, or its
result. It is paid at once, again and again with a back-off while exam-manager is away, and after a
restart.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
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
_GATHER_SECONDS = 0.2
_LONGEST_GATHERING = 2.0
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
        self._debts: dict[UUID, _Debt] = {}
        self._ahead: dict[UUID, asyncio.Task[bool]] = {}
        """By result: files that exam-manager hears of while they are written down here."""

    async def resume(self, own: ColumnElement[bool], *, before: datetime | None = None) -> None:
        """Go on with what an earlier process owed, as far as it ended before a time."""
        async with reading(self._sessions) as session:
            rows = await repository.list_unsettled(session, own, before=before)
        for row in rows:
            if row.id not in self._debts:
                self.begin(row.id)

    def begin(self, acquisition_id: UUID, result_id: UUID | None = None) -> None:
        """Settle an acquisition that has ended; repeating is harmless.

        Args:
            acquisition_id: Which one.
            result_id: Of a further file: exam-manager may have been told of it ahead.
        """
        ahead = self._ahead.get(result_id) if result_id is not None else None
        debt = self._debts.get(acquisition_id)
        if debt is not None and debt.task is not None and not debt.task.done():
            debt.asked += 1  # a further file may have come since it looked
            debt.ahead.append(ahead)
            return
        debt = self._debts[acquisition_id] = _Debt(ahead=[ahead])
        debt.task = asyncio.create_task(
            self._settle(acquisition_id, debt), name=f"settlement {acquisition_id}"
        )
        debt.task.add_done_callback(partial(self._ended, acquisition_id, debt))

    @asynccontextmanager
    async def telling(
        self, task_id: UUID, result_id: UUID, result: SetResult
    ) -> AsyncIterator[None]:
        """Enter a further file of a task that has finished, while it is written down here.

        Nothing can come between: such an acquisition changes no more. Whatever goes wrong with it
        is met again when the debt is paid, and told then.
        """
        task = self._ahead[result_id] = asyncio.create_task(
            self._enter_ahead(task_id, result_id, result), name=f"result {result_id}"
        )
        try:
            yield
        except BaseException:
            self._ahead.pop(result_id, None)
            await asyncio.wait({task})
            raise

    async def _enter_ahead(self, task_id: UUID, result_id: UUID, result: SetResult) -> bool:
        try:
            await self._add_result(task_id, result_id, result)
        except Exception as error:  # noqa: BLE001 - it is tried again, and told then
            logger.info("a result is entered later", result_id=str(result_id), why=str(error))
            return False
        return True

    async def wait(
        self, acquisition_id: UUID, seconds: float, result_id: UUID | None = None
    ) -> str | None:
        """Wait until exam-manager has heard of it; return what it was refused with, None if not.

        That it has heard is written down afterwards: telling it once more is harmless.

        Args:
            acquisition_id: Which one.
            seconds: The longest wait [s].
            result_id: The file that matters, if it is one.

        Raises:
            TimeoutError: It takes longer; it goes on.
        """
        debt = self._debts.get(acquisition_id)
        if debt is None or debt.task is None:
            return await self._on_record(acquisition_id, result_id)
        task, asked = debt.task, debt.asked
        async with asyncio.timeout(seconds):
            if await _are_entered([self._ahead.get(result_id)] if result_id else []):
                return None
            while debt.heard < asked and not task.done():
                news = asyncio.ensure_future(debt.news.wait())
                try:
                    await asyncio.wait({task, news}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    news.cancel()
        if debt.heard < asked:
            task.result()
        return debt.problem

    async def _on_record(self, acquisition_id: UUID, result_id: UUID | None) -> str | None:
        """Return what was written down when it was settled: whoever asks may come after that."""
        if result_id is None:
            return None
        async with reading(self._sessions) as session:
            row = await session.get(Acquisition, acquisition_id)
        files = row.files if row is not None else []
        same = (file for file in files if file["result_id"] == str(result_id))
        problem = next(same, {}).get(service.PROBLEM)
        return None if problem is None else str(problem)

    async def stop(self) -> None:
        """Stop; what is owed stays in the database."""
        tasks: list[asyncio.Task[Any]] = list(self._ahead.values())
        tasks += [debt.task for debt in self._debts.values() if debt.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, acquisition_id: UUID, debt: "_Debt", _task: "asyncio.Task[None]") -> None:
        if self._debts.get(acquisition_id) is debt:
            del self._debts[acquisition_id]

    async def _settle(self, acquisition_id: UUID, debt: "_Debt") -> None:
        asked = 0
        while asked < debt.asked:
            await _gather(debt)
            asked, debt.ahead = debt.asked, []
            if not await self._settle_once(acquisition_id, debt, asked):
                asked = 0

    async def _settle_once(self, acquisition_id: UUID, debt: "_Debt", asked: int) -> bool:
        """Tell what there is; False if more has come meanwhile."""
        async with reading(self._sessions) as session:
            row = await session.get(Acquisition, acquisition_id)
        if row is None or row.settled_at is not None:
            debt.was_heard(asked, debt.problem)
            return True
        await self._progress.end(acquisition_id)
        problem = await self._tell_until_heard(row)
        if problem is None:
            debt.was_heard(asked, None)
        async with transaction(self._sessions) as session:
            settled = await service.mark_settled(
                session, acquisition_id, files=len(row.files), problem=problem
            )
        debt.was_heard(asked, problem)  # a refusal is told nowhere else: it is on record first
        return settled

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
            ahead = self._ahead.pop(UUID(file["result_id"]), None)
            if file.get(service.ENTERED) or (ahead is not None and await asyncio.shield(ahead)):
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
        await exam_requests.set_result(
            str(result_id), result, token, task_id=task_id, exam_manager=self._exam_manager
        )


@dataclass(eq=False, slots=True)
class _Debt:
    """What exam-manager is owed of one acquisition: asked for so often, and heard so far."""

    ahead: "list[asyncio.Task[bool] | None]"
    """For each time it was asked and not looked: the file that was told ahead; None: there is none.
    """
    asked: int = 1
    heard: int = 0
    problem: str | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    def was_heard(self, asked: int, problem: str | None) -> None:
        """Wake who waits for what was asked for up to now."""
        self.heard, self.problem = asked, problem
        self.news.set()
        self.news = asyncio.Event()


async def _are_entered(ahead: "Sequence[asyncio.Task[bool] | None]") -> bool:
    """Wait for what exam-manager was told ahead; say whether that was all, and it has taken it."""
    tasks = [task for task in ahead if task is not None]
    if len(tasks) < len(ahead) or not tasks:
        return False
    await asyncio.wait(tasks)
    return all(not task.cancelled() and task.result() for task in tasks)


async def _gather(debt: _Debt) -> None:
    """Let further files come while exam-manager has heard of all: one note is enough for many."""
    clock = asyncio.get_running_loop().time
    until, asked = clock() + _LONGEST_GATHERING, 0
    while asked < debt.asked and clock() < until and await _are_entered(debt.ahead):
        asked = debt.asked
        await asyncio.sleep(_GATHER_SECONDS)


def _may_pass(error: ScanHubError) -> bool:
    """Say whether the same request may succeed later."""
    return (
        error.status >= _SERVER_ERROR
        or error.status in _WAIT
        or isinstance(error, UnauthenticatedError)
    )
