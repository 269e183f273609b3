"""Queries on requests for storage commitment."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer
from sqlmodel import col, select

from workflow_manager.commitments.models import CommitmentRequest
from workflow_manager.commitments.rules import CommitmentState
from workflow_manager.dicom.models import DicomInstance

_UIDS_AT_ONCE = 500


async def find_request(
    session: AsyncSession, peer_aet: str, transaction_uid: str
) -> CommitmentRequest | None:
    """Return a request by what identifies it for its node, locked."""
    query = (
        select(CommitmentRequest)
        .where(
            CommitmentRequest.peer_aet == peer_aet,
            CommitmentRequest.transaction_uid == transaction_uid,
        )
        .with_for_update()
    )
    found: CommitmentRequest | None = await session.scalar(query)
    return found


async def list_requests(
    session: AsyncSession,
    *,
    state: CommitmentState | None,
    before: UUID | None,
    limit: int,
) -> Sequence[CommitmentRequest]:
    """Return requests, newest first.

    Args:
        session: Where to look.
        state: Only those in this one; None: in any.
        before: Only those older than this one.
        limit: How many at most.
    """
    query = select(CommitmentRequest).order_by(col(CommitmentRequest.id).desc()).limit(limit)
    if state is not None:
        query = query.where(CommitmentRequest.state == state)
    if before is not None:
        query = query.where(col(CommitmentRequest.id) < before)
    return (await session.scalars(query)).all()


async def list_waiting(session: AsyncSession) -> Sequence[CommitmentRequest]:
    """Return every request whose node has not heard, the oldest first; without what it is about."""
    query = (
        select(CommitmentRequest)
        .where(CommitmentRequest.state == CommitmentState.WAITING)
        .order_by(col(CommitmentRequest.id))
        .options(defer(CommitmentRequest.instances, raiseload=True))  # type: ignore[arg-type]  # SQLModel types it as the list
    )
    return (await session.scalars(query)).all()


async def forget_ended(session: AsyncSession, before: datetime) -> None:
    """Drop what was reported, or given up, long ago."""
    await session.execute(
        sa.delete(CommitmentRequest).where(col(CommitmentRequest.ended_at) < before)
    )


async def find_instances(
    session: AsyncSession, uids: Sequence[str]
) -> dict[str, tuple[str, str, int]]:
    """Return SOP class, place in the lake and size [byte] of those that are in the index."""
    found: dict[str, tuple[str, str, int]] = {}
    row = DicomInstance
    for start in range(0, len(uids), _UIDS_AT_ONCE):
        part = uids[start : start + _UIDS_AT_ONCE]
        query = select(row.sop_instance_uid, row.sop_class_uid, row.key, row.size).where(
            col(row.sop_instance_uid).in_(part)
        )
        for uid, sop_class, key, size in (await session.execute(query)).all():
            found[uid] = (sop_class, key, size)
    return found
