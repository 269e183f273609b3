"""Queries on retrievals."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from workflow_manager.retrieval.models import Retrieval, RetrievalAccession
from workflow_manager.retrieval.rules import OPEN, AccessionState, RetrievalState


async def list_retrievals(
    session: AsyncSession, *, state: RetrievalState | None, after: UUID | None, limit: int
) -> Sequence[Retrieval]:
    """Return retrievals, newest first."""
    query = select(Retrieval).order_by(col(Retrieval.id).desc())
    if state is not None:
        query = query.where(Retrieval.state == state)
    if after is not None:
        query = query.where(col(Retrieval.id) < after)
    return (await session.scalars(query.limit(limit))).all()


async def list_accessions(
    session: AsyncSession,
    retrieval_id: UUID,
    *,
    state: AccessionState | None = None,
    after: int = 0,
    limit: int,
) -> Sequence[RetrievalAccession]:
    """Return accession numbers of a retrieval in their order."""
    query = select(RetrievalAccession).where(
        RetrievalAccession.retrieval_id == retrieval_id, col(RetrievalAccession.number) > after
    )
    if state is not None:
        query = query.where(RetrievalAccession.state == state)
    return (
        await session.scalars(query.order_by(col(RetrievalAccession.number)).limit(limit))
    ).all()


async def count_accessions(
    session: AsyncSession, ids: Sequence[UUID]
) -> dict[UUID, dict[str, tuple[int, int]]]:
    """Return how many accession numbers are in each state, and how many images came for them."""
    table = RetrievalAccession
    query = (
        sa.select(
            col(table.retrieval_id),
            col(table.state),
            sa.func.count(),
            sa.func.sum(col(table.retrieved)),
        )
        .where(col(table.retrieval_id).in_(ids))
        .group_by(col(table.retrieval_id), col(table.state))
    )
    found: dict[UUID, dict[str, tuple[int, int]]] = defaultdict(dict)
    for row in (await session.execute(query)).all():
        found[row[0]][row[1].value] = row[2], int(row[3])
    return found


async def has_open(session: AsyncSession, retrieval_id: UUID) -> bool:
    """Say whether anything of a retrieval waits or is under way."""
    query = select(RetrievalAccession.number).where(
        RetrievalAccession.retrieval_id == retrieval_id, col(RetrievalAccession.state).in_(OPEN)
    )
    return await session.scalar(query.limit(1)) is not None


async def list_running(session: AsyncSession) -> Sequence[tuple[UUID, int, int]]:
    """Return what is being fetched: id of the retrieval, number and attempt."""
    table = RetrievalAccession
    query = select(table.retrieval_id, table.number, table.attempt).where(
        table.state == AccessionState.RUNNING
    )
    return [(row[0], row[1], row[2]) for row in (await session.execute(query)).all()]


async def list_waiting(session: AsyncSession, *, offpeak: bool) -> Sequence[tuple[UUID, str]]:
    """Return the retrievals of which something waits and may begin: id and source, oldest first."""
    waits = sa.exists().where(
        col(RetrievalAccession.retrieval_id) == col(Retrieval.id),
        col(RetrievalAccession.state) == AccessionState.QUEUED,
    )
    query = select(Retrieval.id, Retrieval.source).where(
        Retrieval.state == RetrievalState.RUNNING, waits
    )
    if not offpeak:
        query = query.where(col(Retrieval.offpeak).is_(False))
    rows = await session.execute(query.order_by(col(Retrieval.id)))
    return [(row[0], row[1]) for row in rows.all()]


async def count_running(session: AsyncSession) -> dict[str, int]:
    """Return how many accession numbers are being fetched from each source."""
    query = (
        select(Retrieval.source, sa.func.count())
        .join(RetrievalAccession, col(RetrievalAccession.retrieval_id) == col(Retrieval.id))
        .where(RetrievalAccession.state == AccessionState.RUNNING)
        .group_by(col(Retrieval.source))
    )
    return {row[0]: row[1] for row in (await session.execute(query)).all()}


async def lock_next(session: AsyncSession, retrieval_id: UUID) -> RetrievalAccession | None:
    """Return the next accession number of a retrieval, locked; None: nothing waits."""
    query = (
        select(RetrievalAccession)
        .where(
            RetrievalAccession.retrieval_id == retrieval_id,
            RetrievalAccession.state == AccessionState.QUEUED,
        )
        .order_by(col(RetrievalAccession.number))
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    found: RetrievalAccession | None = await session.scalar(query)
    return found


async def cancel_open(session: AsyncSession, retrieval_id: UUID, now: datetime) -> None:
    """End whatever of a retrieval has not ended."""
    table = RetrievalAccession
    await session.execute(
        sa.update(table)
        .where(col(table.retrieval_id) == retrieval_id, col(table.state).in_(OPEN))
        .values(state=AccessionState.CANCELED, ended_at=now, reason="It was canceled.")
    )


async def queue_unfetched(session: AsyncSession, retrieval_id: UUID) -> None:
    """Let what failed or was canceled wait for its next attempt."""
    table = RetrievalAccession
    ended = (AccessionState.FAILED, AccessionState.CANCELED)
    await session.execute(
        sa.update(table)
        .where(col(table.retrieval_id) == retrieval_id, col(table.state).in_(ended))
        .values(
            state=AccessionState.QUEUED, attempt=col(table.attempt) + 1, reason="", ended_at=None
        )
    )


async def has_other_missing(session: AsyncSession, retrieval_id: UUID, number: int) -> bool:
    """Say whether anything but one accession number waits, is under way, or did not come."""
    table = RetrievalAccession
    query = select(table.number).where(
        table.retrieval_id == retrieval_id,
        table.number != number,
        table.state != AccessionState.DONE,
    )
    return await session.scalar(query.limit(1)) is not None
