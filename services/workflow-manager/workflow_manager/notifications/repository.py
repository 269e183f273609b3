"""Queries on notifications."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from workflow_manager.cases.models import Case, CaseSeries
from workflow_manager.dicom.models import DicomInstance, DicomSeries
from workflow_manager.notifications.models import Notification
from workflow_manager.notifications.rules import NotificationStatus

_OPEN = (NotificationStatus.QUEUED, NotificationStatus.SENDING, NotificationStatus.WAITING)


async def list_notifications(
    session: AsyncSession,
    *,
    case_id: UUID | None,
    status: NotificationStatus | None,
    after: UUID | None,
    limit: int,
) -> Sequence[Notification]:
    """Return notifications, newest first."""
    query = select(Notification).order_by(
        col(Notification.created_at).desc(), col(Notification.id).desc()
    )
    if case_id is not None:
        query = query.where(Notification.case_id == case_id)
    if status is not None:
        query = query.where(Notification.status == status)
    if after is not None and (last := await session.get(Notification, after)) is not None:
        query = query.where(
            (col(Notification.created_at) < last.created_at)
            | ((col(Notification.created_at) == last.created_at) & (col(Notification.id) < after))
        )
    return (await session.scalars(query.limit(limit))).all()


async def list_open(session: AsyncSession) -> Sequence[Notification]:
    """Return what has not ended."""
    query = select(Notification).where(col(Notification.status).in_(_OPEN))
    return (await session.scalars(query.order_by(col(Notification.created_at)))).all()


async def an_image_of(
    session: AsyncSession, case: Case
) -> tuple[DicomSeries, DicomInstance] | None:
    """Return an image of a case with its series; None when it has none."""
    query = (
        select(DicomSeries, DicomInstance)
        .join(CaseSeries, col(CaseSeries.series_id) == col(DicomSeries.id))
        .join(DicomInstance, col(DicomInstance.series_id) == col(DicomSeries.id))
        .where(CaseSeries.case_id == case.id)
        .limit(1)
    )
    row = (await session.execute(query)).first()
    return None if row is None else (row[0], row[1])
