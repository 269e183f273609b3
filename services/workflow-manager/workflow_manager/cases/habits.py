"""Senders that open association after association: their series wait for the longer quiet time.

Some scanners and programs open an association for each image. When it ends cleanly, the series is
not complete, though it looks so. Whoever is seen doing that once is remembered for a while.
"""

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from scanhub_libraries.clock import utc_now
from scanhub_libraries.logging import get_logger
from workflow_manager.cases.models import HastySender
from workflow_manager.dicom.models import DicomInstance, DicomSeries
from workflow_manager.inserting import insert_new
from workflow_manager.routing_rules.repository import last_decision

logger = get_logger(__name__)
CLOSED = "association closed"
"""Why a series was taken to be complete."""
BROUGHT = "all brought"
"""The same, where a retrieval or an import said so: it says nothing of the habits of a sender."""
_REMEMBERED = timedelta(days=30)


def ends_with_its_association() -> sa.ColumnElement[bool]:
    """Return the condition that the end of the association is the end of a series.

    Not where it turned out otherwise: for this series, or lately for its sender.
    """
    reason = col(DicomSeries.complete_reason)
    hasty = select(HastySender.sender).where(col(HastySender.seen_at) > utc_now() - _REMEMBERED)
    return sa.and_(sa.func.coalesce(reason, "") != CLOSED, _sender_column().not_in(hasty))


def _sender_column() -> sa.ColumnElement[str]:
    source, address = col(DicomSeries.source), col(DicomSeries.sender_address)
    return source.concat("@").concat(address)


async def note_habit(session: AsyncSession, series: DicomSeries, quiet_s: float) -> None:
    """Remember the sender of a series that went on after its association had ended.

    Args:
        session: The transaction that completes the series; its reason is still the last one.
        series: It may have been complete before.
        quiet_s: What came within this time would have been waited for [s].
    """
    if series.complete_reason != CLOSED:
        return
    decision = await last_decision(session, series.id)
    if decision is None:
        return
    came = select(sa.func.min(DicomInstance.received_at)).where(
        col(DicomInstance.series_id) == series.id,
        col(DicomInstance.received_at) > decision.decided_at,
    )
    first = await session.scalar(came)
    if first is None or first > decision.decided_at + timedelta(seconds=quiet_s):
        return  # sent again, hours later: that is no habit
    await _remember(session, f"{series.source}@{series.sender_address}")


async def _remember(session: AsyncSession, sender: str) -> None:
    if await insert_new(session, HastySender(sender=sender), "sender"):
        logger.info("a sender opens association after association", sender=sender)
        return
    table = HastySender
    update = sa.update(table).where(col(table.sender) == sender).values(seen_at=utc_now())
    await session.execute(update)
