"""Runs that somebody stops at another process: the one that computes them has to hear of it."""


import sqlalchemy as sa
from sqlmodel import col

from scanhub_libraries.database import reading
from scanhub_libraries.repeating import Repeating
from workflow_manager.processing.models import ProcessingRun
from workflow_manager.runs.models import Run
from workflow_manager.wiring import Wiring

_SELDOM_S = 10.0
_WHILE_COMPUTING_S = 1.0
"""How often is asked while something runs here that can be stopped [s]."""


class Cancels:
    """Stops what runs here and is to be stopped.

    Args:
        wiring: What this process does, and how it is stopped.
    """

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._looking = Repeating(
            "hearing what is stopped", self.look, _SELDOM_S, due=self._until_due
        )
        wiring.tail.wake_on(("run.", "processing."), self._looking.wake)

    def start(self) -> None:
        """Begin."""
        self._looking.start()

    async def stop(self) -> None:
        """End."""
        await self._looking.stop()

    async def look(self) -> None:
        """Stop what is to be stopped."""
        runs, modules = self._wiring.cancels, self._wiring.processing
        wanted = []
        async with reading(self._wiring.sessions) as session:
            if runs:
                query = sa.select(col(Run.id)).where(
                    col(Run.id).in_([*runs]), col(Run.cancel_requested).is_(True)
                )
                wanted += [runs.get(run_id) for run_id in await session.scalars(query)]
            if modules:
                query = sa.select(col(ProcessingRun.id)).where(
                    col(ProcessingRun.id).in_([*modules]),
                    col(ProcessingRun.cancel_requested_by).is_not(None),
                )
                wanted += [modules.get(run_id) for run_id in await session.scalars(query)]
        for signal in wanted:
            if signal is not None:
                signal.set()

    async def _until_due(self) -> float | None:
        busy = self._wiring.cancels or self._wiring.processing
        return _WHILE_COMPUTING_S if busy else None
