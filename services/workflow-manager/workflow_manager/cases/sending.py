"""What a case sends: queued in the transaction of the case, started after it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.events import Event
from workflow_manager.cases.models import Case
from workflow_manager.cases.service import add_dispatch
from workflow_manager.dicom.models import DicomSeries
from workflow_manager.dispatch.rules import Attempt, Priority, highest
from workflow_manager.dispatch.service import KIND, QUEUE, dispatch_id_of, queue_dispatches
from workflow_manager.engine import Engine


@dataclass
class Routed:
    """What to start and to tell, once it is committed."""

    attempts: list[Attempt] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def add(self, other: "Routed") -> None:
        """Add what follows beside it."""
        self.attempts += other.attempts
        self.events += other.events


async def queue_series(
    session: AsyncSession,
    cases: Sequence[Case],
    series: DicomSeries,
    *,
    instances: int,
    targets: Sequence[str],
) -> Routed:
    """Queue a series for targets; the cases that ask for it wait for the same dispatches.

    Images that are there already are not sent again: a dispatch knows what it has sent.
    """
    attempts, events = await queue_dispatches(
        session,
        series,
        instances=instances,
        targets=targets,
        priority=highest([Priority(case.priority) for case in cases]),
        case_id=cases[0].id if cases else None,
    )
    for case in cases:
        for target in targets:
            await add_dispatch(session, case, dispatch_id_of(series.id, target))
    return Routed(attempts, events)


async def start_attempts(engine: Engine, attempts: Sequence[Attempt]) -> None:
    """Start sending. Killed before it, the sweep of dispatches starts what is missing."""
    for attempt in attempts:
        await engine.start(KIND, attempt.key, queue=QUEUE, partition=attempt.target)
