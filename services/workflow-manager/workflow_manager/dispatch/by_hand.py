"""Series that a person sends to a target, beside what rules send."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from scanhub_libraries.errors import ConflictError, NotFoundError
from scanhub_libraries.events import Event, EventType
from scanhub_libraries.models import SendIn
from workflow_manager.dicom.models import DicomInstance, DicomSeries
from workflow_manager.dispatch.delivered import forget_all
from workflow_manager.dispatch.models import Dispatch
from workflow_manager.dispatch.rules import DispatchStatus, Priority
from workflow_manager.dispatch.service import (
    dispatch_id_of,
    event_of,
    get_dispatch,
    queue_again,
    queue_dispatches,
)
from workflow_manager.journal.service import append
from workflow_manager.targets.service import get_target


async def send_by_hand(session: AsyncSession, wanted: SendIn) -> list[Dispatch]:
    """Queue series of a study for a target, in one transaction.

    What is at the target already is not sent again, unless that is asked for; what failed or was
    canceled there is tried again.

    Raises:
        NotFoundError: There is no such target, study or series.
        ConflictError: The target takes nothing, or a series is not complete.
    """
    target = await get_target(session, wanted.target)
    if not target.enabled or target.document.get("direction") == "pull":
        raise ConflictError(f"Nothing is sent to {target.name!r}: enable it, or choose another.")
    events: list[Event] = []
    dispatches = []
    for series, instances in await _series_of(session, wanted):
        queued = await queue_dispatches(
            session,
            series,
            instances=instances,
            targets=[target.name],
            priority=Priority(wanted.priority),
        )
        dispatch = await get_dispatch(session, dispatch_id_of(series.id, target.name), lock=True)
        events += queued or await _once_more(session, dispatch, again=wanted.again)
        dispatches.append(dispatch)
    await session.flush()
    await append(session, events)
    return dispatches


async def _once_more(session: AsyncSession, dispatch: Dispatch, *, again: bool) -> list[Event]:
    """Try again what ended without success, or all of it if that is asked for."""
    sent = dispatch.status is DispatchStatus.SENT
    ended = dispatch.status in {DispatchStatus.FAILED, DispatchStatus.CANCELED}
    if not ended and not (sent and again):
        return []
    if again:
        await forget_all(session, dispatch)
    queue_again(dispatch)
    return [event_of(dispatch, EventType.DISPATCH_QUEUED)]


async def _series_of(session: AsyncSession, wanted: SendIn) -> Sequence[tuple[DicomSeries, int]]:
    """Return the series to send, with how many images each has."""
    count = (
        select(sa.func.count())
        .where(DicomInstance.series_id == DicomSeries.id)
        .correlate(DicomSeries)
        .scalar_subquery()
    )
    query = sa.select(DicomSeries, count).where(
        col(DicomSeries.study_instance_uid) == wanted.study_instance_uid
    )
    uids = set(wanted.series_instance_uids)
    if uids:
        query = query.where(col(DicomSeries.series_instance_uid).in_(uids))
    rows = (await session.execute(query.order_by(col(DicomSeries.id)))).all()
    if not rows or len(rows) < len(uids):
        raise NotFoundError("The study, or one of the series, is not in the archive.")
    arriving = [row[0].series_instance_uid for row in rows if not row[0].complete]
    if arriving:
        still = "arrives" if len(arriving) == 1 else "arrive"
        raise ConflictError(
            f"{len(arriving)} of {len(rows)} series still {still}: wait, or complete them first.",
            series_instance_uids=arriving[:100],
        )
    return [(row[0], row[1]) for row in rows]
