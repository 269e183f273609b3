"""Completes series that were received, and starts what was decided for them."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.events import Event
from workflow_manager.dicom.models import DicomSeries
from workflow_manager.dispatch.service import KIND, QUEUE
from workflow_manager.routing_rules.decisions import route_series
from workflow_manager.routing_rules.repository import count_instances
from workflow_manager.wiring import Wiring


class SeriesRouter:
    """Decides in the transaction that completes a series, and starts sending after it.

    Killed between the two, the sweep of dispatches starts what is missing.
    """

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring

    async def complete_quiet(self, quiet_s: float) -> int:
        """Complete series that got nothing for so long [s]; say how many."""
        attempts: list[str] = []

        async def follow(session: AsyncSession, series: DicomSeries) -> Sequence[Event]:
            instances = await count_instances(session, series.id)
            routed = await route_series(session, series, instances=instances, anew=True)
            attempts.extend(routed.attempts)
            return routed.events

        count = await self._wiring.store.complete_quiet_series(quiet_s, follow)
        for attempt in attempts:
            key, _, target = attempt.partition("@")
            await self._wiring.engine.start(KIND, key, queue=QUEUE, partition=target)
        return count
