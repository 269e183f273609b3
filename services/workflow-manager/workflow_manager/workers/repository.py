"""Queries on processes, pauses, and what the queues hold."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from workflow_manager.commitments.models import CommitmentRequest
from workflow_manager.commitments.rules import CommitmentState
from workflow_manager.dispatch.models import Dispatch
from workflow_manager.dispatch.rules import OPEN as DISPATCHING
from workflow_manager.engine.names import QueueName
from workflow_manager.imports.models import ImageImport
from workflow_manager.imports.rules import ImportState
from workflow_manager.notifications.models import Notification
from workflow_manager.notifications.rules import ENDED, NotificationStatus
from workflow_manager.processing.models import ProcessingRun
from workflow_manager.processing.rules import RunState
from workflow_manager.retrieval.models import RetrievalAccession
from workflow_manager.retrieval.rules import OPEN as FETCHING
from workflow_manager.runs.models import Run
from workflow_manager.runs.rules import ENDED as RUN_ENDED
from workflow_manager.runs.rules import RunStatus
from workflow_manager.workers.models import QueuePause, Worker, WorkerDrain

_TELLING = tuple(status for status in NotificationStatus if status not in ENDED)
_COMPUTING = tuple(status for status in RunStatus if status not in RUN_ENDED)
_PROCESSING = (RunState.QUEUED, RunState.RUNNING)
"""What waits for a review waits for a person."""
_OPEN: dict[QueueName, tuple[Any, Sequence[Any]]] = {
    "recon": (col(Run.status), _COMPUTING),
    "modules": (col(ProcessingRun.state), _PROCESSING),
    "dispatch": (col(Dispatch.status), DISPATCHING),
    "notifications": (col(Notification.status), _TELLING),
    "retrieval": (col(RetrievalAccession.state), FETCHING),
    "import": (col(ImageImport.state), (ImportState.RUNNING,)),
    "commitment": (col(CommitmentRequest.state), (CommitmentState.WAITING,)),
}


async def count_open(session: AsyncSession) -> dict[QueueName, int]:
    """Return how much there is in each queue that has not ended, in one statement."""
    counts = [
        sa.select(sa.func.count()).where(state.in_(states)).scalar_subquery().label(name)
        for name, (state, states) in _OPEN.items()
    ]
    row = (await session.execute(sa.select(*counts))).one()
    return dict(zip(_OPEN, row, strict=True))


async def list_pauses(session: AsyncSession) -> dict[str, QueuePause]:
    """Return the queues that are paused."""
    return {row.queue: row for row in (await session.scalars(select(QueuePause))).all()}


async def list_drains(session: AsyncSession) -> dict[tuple[str, datetime], WorkerDrain]:
    """Return the processes that begin nothing more, by name and start."""
    rows = (await session.scalars(select(WorkerDrain))).all()
    return {(row.name, row.started_at): row for row in rows}


async def list_workers(session: AsyncSession) -> Sequence[Worker]:
    """Return the processes that said that they are there, by name."""
    return (await session.scalars(select(Worker).order_by(col(Worker.name)))).all()


async def forget_workers(session: AsyncSession, seen_before: datetime) -> None:
    """Drop processes that gave no sign for long, and drains of those that are not there."""
    await session.execute(sa.delete(Worker).where(col(Worker.seen_at) < seen_before))
    gone = col(WorkerDrain.name).not_in(sa.select(col(Worker.name)))
    await session.execute(sa.delete(WorkerDrain).where(gone))
