"""Runs that somebody stopped at another process, and of which the note got lost."""

import sqlalchemy as sa
from sqlmodel import col

from scanhub_libraries.database import reading
from scanhub_libraries.repeating import Repeating
from workflow_manager.processing.models import ProcessingRun
from workflow_manager.runs.models import Run
from workflow_manager.wiring import Wiring

_SELDOM_S = 5.0


class Cancels:
    """Stops what runs here and is to be stopped.

    Args:
        wiring: What this process does, and how it is stopped.
    """

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._looking = Repeating("finding what is stopped", self.look, _SELDOM_S)

    def start(self) -> None:
        """Begin."""
        self._looking.start()

    async def stop(self) -> None:
        """End."""
        await self._looking.stop()

    async def look(self) -> None:
        """Stop what is to be stopped."""
        runs, modules = self._wiring.cancels, self._wiring.processing
        if not runs and not modules:
            return
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
