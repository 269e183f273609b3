"""What a case sends: queued in the transaction of the case."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.events import Event
from workflow_manager.cases.models import Case
from workflow_manager.cases.service import add_dispatch
from workflow_manager.dicom.models import DicomSeries
from workflow_manager.dispatch.rules import Priority, highest
from workflow_manager.dispatch.service import dispatch_id_of, queue_dispatches


async def queue_series(
    session: AsyncSession,
    cases: Sequence[Case],
    series: DicomSeries,
    *,
    instances: int,
    targets: Sequence[str],
) -> list[Event]:
    """Queue a series for targets; the cases that ask for it wait for the same dispatches.

    Images that are there already are not sent again: a dispatch knows what it has sent.
    """
    events = await queue_dispatches(
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
    return events
