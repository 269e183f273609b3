"""How far a job is: told to the run and to the task."""

import asyncio

from scanhub_libraries.database import transaction
from scanhub_libraries.errors import ScanHubError
from scanhub_libraries.events import EventType
from scanhub_libraries.logging import get_logger
from scanhub_libraries.models import ItemStatus, TaskReport
from workflow_manager.journal.service import append
from workflow_manager.runs.models import Run
from workflow_manager.runs.service import event_of, get_run
from workflow_manager.wiring import Wiring

logger = get_logger(__name__)
_EVERY_S = 0.25


class ProgressReport:
    """Writes progress to the run and the task, not more often than people can see."""

    def __init__(self, wiring: Wiring, run: Run) -> None:
        self._wiring = wiring
        self._run = run
        self._said = -1
        self._said_at = 0.0

    async def __call__(self, percent: int, message: str) -> None:
        """Take what the job says."""
        now = asyncio.get_running_loop().time()
        if percent <= self._said or now - self._said_at < _EVERY_S:
            return
        self._said, self._said_at = percent, now
        async with transaction(self._wiring.sessions) as session:
            run = await get_run(session, self._run.id, lock=True)
            run.progress = min(percent, 99)
            await session.flush()
            await append(session, [event_of(run, EventType.RUN_PROGRESS)])
        report = TaskReport(
            claim_id=self._run.id,
            status=ItemStatus.INPROGRESS,
            progress=min(percent, 99),
            message=message or None,
        )
        try:
            await self._wiring.exam_manager.report_task(self._run.task_id, report)
        except ScanHubError as error:  # progress is a courtesy: the end of the run decides
            logger.info("progress not reported", run_id=str(self._run.id), reason=error.detail)
