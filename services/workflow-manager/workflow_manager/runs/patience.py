"""exam-manager is waited for while it is away, and believed when it says no."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading, transaction
from scanhub_libraries.errors import ScanHubError, TooManyRequestsError, UnavailableError
from scanhub_libraries.events import EventType
from scanhub_libraries.logging import get_logger
from workflow_manager.journal.service import append
from workflow_manager.runs.models import Run
from workflow_manager.runs.rules import NOT_BEGUN, RunStatus, overdue_words
from workflow_manager.runs.service import event_of, get_run, is_overdue
from workflow_manager.wiring import Wiring

logger = get_logger(__name__)
T = TypeVar("T")
_DELAYS_S = (0.2, 0.5, 1.0, 2.0, 5.0)
_SERVER_ERRORS = 500


class RunCanceledError(Exception):
    """Somebody stopped the run while it waited."""


class Patience:
    """Calls exam-manager, or somebody else who may be away.

    Args:
        wiring: How long it is waited for, and the runs.
        whom: Who is called, as people call it.
    """

    def __init__(self, wiring: Wiring, whom: str = "exam-manager") -> None:
        self._wiring = wiring
        self._whom = whom

    async def __call__(self, call: Callable[[], Awaitable[T]], run: Run | None = None) -> T:
        """Call; wait while nobody answers, give up when the answer is no.

        Args:
            call: The call; repeating it must be harmless.
            run: Stop waiting when somebody stops this run.
        """
        patience_s = self._wiring.settings.exam_manager_patience_s
        deadline = asyncio.get_running_loop().time() + patience_s
        attempt = 0
        while True:
            try:
                return await call()
            except ScanHubError as error:
                if not is_away(error) or asyncio.get_running_loop().time() > deadline:
                    raise
                if attempt == 0:
                    logger.warning("an answer is waited for", of=self._whom, reason=error.detail)
                    if run is not None:
                        until = utc_now() + timedelta(seconds=patience_s)
                        await self._wait_for(run, f"{self._whom} is away: {error.detail}", until)
            if run is not None:
                await self._check_goes_on(run)
            await asyncio.sleep(_DELAYS_S[min(attempt, len(_DELAYS_S) - 1)])
            attempt += 1

    async def _check_goes_on(self, run: Run) -> None:
        """Let a run wait no longer that somebody stopped, or that is late.

        Raises:
            RunCanceledError: Somebody stopped it.
            UnavailableError: It is late.
        """
        async with reading(self._wiring.sessions) as session:
            row = await get_run(session, run.id)
        if row.cancel_requested:
            raise RunCanceledError
        if is_overdue(row):
            raise UnavailableError(overdue_words(row.deadline_at))

    async def _wait_for(self, run: Run, what: str, until: datetime) -> None:
        """Say what a run waits for that has not begun."""
        async with transaction(self._wiring.sessions) as session:
            row = await get_run(session, run.id, lock=True)
            if row.status in NOT_BEGUN:
                row.status, row.waits_for, row.waits_until = RunStatus.WAITING, what, until
                await session.flush()
                await append(session, [event_of(row, EventType.RUN_WAITING)])


def is_away(error: ScanHubError) -> bool:
    """Say whether an error may be gone the next time."""
    return error.status >= _SERVER_ERRORS or isinstance(error, TooManyRequestsError)
