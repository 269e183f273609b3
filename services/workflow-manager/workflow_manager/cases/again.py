"""Series that were brought on purpose: fetched, uploaded, or played back once more."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import UtcDateTime
from scanhub_libraries.events import Event
from workflow_manager.cases import repository
from workflow_manager.cases.following import route_series
from workflow_manager.cases.habits import BROUGHT
from workflow_manager.cases.rules import CaseTimes
from workflow_manager.dicom.models import DicomSeries
from workflow_manager.dispatch.delivered import forget_all
from workflow_manager.dispatch.models import Dispatch
from workflow_manager.dispatch.rules import ENDED
from workflow_manager.journal.service import append
from workflow_manager.routing_rules.models import AwaitedSeries
from workflow_manager.routing_rules.repository import last_decision

Places = Collection[tuple[str, str]]
"""Study and series."""


async def force_rule(session: AsyncSession, places: Places, rule: str) -> None:
    """Let a rule decide alone of series that are there, before more of them is brought.

    One that is not complete counts as just received: whoever is about to decide on it by the other
    rules finds that it changed.
    """
    table = DicomSeries
    now = utc_now()
    await session.execute(
        sa.update(table)
        .where(_place_in(places), col(table.forced_rule) != rule)
        .values(
            forced_rule=rule,
            last_received_at=sa.case(
                (col(table.complete), col(table.last_received_at)),
                else_=sa.literal(now, UtcDateTime()),
            ),
        )
    )


async def await_series(session: AsyncSession, places: Places, rule: str, until: datetime) -> None:
    """Let a rule decide alone of series that somebody is asked to send, whichever way they come.

    The listener cannot know why they come, and the first of them may be complete before the asking
    has ended.
    """
    table = AwaitedSeries
    gone = _place_in(places, table) | (col(table.until) < utc_now())
    await session.execute(sa.delete(table).where(gone))
    session.add_all(
        table(study_instance_uid=study, series_instance_uid=series, rule=rule, until=until)
        for study, series in sorted(places)
    )
    await session.flush()
    await force_rule(session, places, rule)


async def end_bringing(
    session: AsyncSession,
    places: Places,
    *,
    rule: str,
    since: datetime,
    times: CaseTimes,
    send_again: bool = False,
) -> None:
    """Say that all is there: what is new is complete soon, what is not new is decided on again.

    A series of which nothing was new is left as it is, unless a rule is forced on it or it is to be
    sent again. What was decided since it began is not decided once more: repeating it is harmless.

    Args:
        session: The transaction.
        places: What was brought.
        rule: The forced rule; empty: none.
        since: When it began.
        times: How long studies are waited for.
        send_again: Send also what was sent before.
    """
    await repository.lock_studies(session, [study for study, _ in places])
    events: list[Event] = []
    for series in await _lock(session, places):
        if not series.complete:
            series.closed_at, series.complete_reason = utc_now(), BROUGHT
            continue
        decision = await last_decision(session, series.id)
        known = decision is not None and decision.decided_at >= since
        if known or not (rule or send_again):
            continue
        series.forced_rule = rule
        events += await _decide(session, series, times, send_again=send_again)
    await session.flush()
    await append(session, events)


async def _decide(
    session: AsyncSession, series: DicomSeries, times: CaseTimes, *, send_again: bool
) -> list[Event]:
    """Decide again; for that time, what ended counts as not sent, if it is to be sent again."""
    await session.flush()
    ended = await _ended_dispatches(session, series.id) if send_again else []
    before = [(row, row.instances, row.sent, row.removed_at) for row in ended]
    for row in ended:
        row.instances = row.sent = 0
    counts = await repository.count_instances(session, [series.id])
    instances = counts.get(series.id, 0)
    events = await route_series(session, series, instances=instances, anew=True, times=times)
    for row, count, sent, removed_at in before:
        if row.status in ENDED:  # the decision did not ask for this target
            row.instances, row.sent, row.removed_at = count, sent, removed_at
        else:
            await forget_all(session, row)
    return events


async def _ended_dispatches(session: AsyncSession, series_id: UUID) -> Sequence[Dispatch]:
    query = (
        select(Dispatch)
        .where(Dispatch.series_id == series_id, col(Dispatch.status).in_(ENDED))
        .order_by(col(Dispatch.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(query)).all()


async def _lock(session: AsyncSession, places: Places) -> Sequence[DicomSeries]:
    query = (
        select(DicomSeries)
        .where(_place_in(places))
        .order_by(col(DicomSeries.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(query)).all()


def _place_in(
    places: Places, table: type[DicomSeries] | type[AwaitedSeries] = DicomSeries
) -> sa.ColumnElement[bool]:
    place = sa.tuple_(col(table.study_instance_uid), col(table.series_instance_uid))
    return place.in_(sorted(places))
