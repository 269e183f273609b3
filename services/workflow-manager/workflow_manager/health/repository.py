"""Counts, each along an index."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from workflow_manager.cases.models import Case
from workflow_manager.cases.rules import ENDED as CASE_ENDED
from workflow_manager.cases.rules import CaseState
from workflow_manager.dicom.models import DicomSeries
from workflow_manager.dispatch.models import Dispatch
from workflow_manager.dispatch.rules import ENDED as DISPATCH_ENDED
from workflow_manager.dispatch.rules import DispatchStatus
from workflow_manager.health.ended import EndedCounts, count_by_state
from workflow_manager.health.rules import Failures, LastTest, QueueFacts, TargetFacts
from workflow_manager.journal.models import JournalOffset
from workflow_manager.journal.repository import last_sequence
from workflow_manager.modules.repository import list_modules
from workflow_manager.notifications.models import Notification
from workflow_manager.notifications.rules import ENDED as TOLD
from workflow_manager.notifications.rules import NotificationStatus
from workflow_manager.processing.models import ProcessingRun
from workflow_manager.processing.rules import MOVING as PROCESSING
from workflow_manager.processing.rules import RunState
from workflow_manager.runs.models import Run
from workflow_manager.runs.rules import RunStatus
from workflow_manager.targets.models import Target

_RUNNING = (RunStatus.QUEUED, RunStatus.WAITING, RunStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class _Queue:
    """Where a queue is, and what its states mean."""

    state: Any
    since: Any
    states: type[StrEnum]
    open: Collection[Any]
    """Something will become of it."""
    done: Collection[Any]
    """Nobody has to look at it, and there is a lot of it."""


_QUEUES: Mapping[str, _Queue] = {
    "runs": _Queue(
        col(Run.status), col(Run.created_at), RunStatus, _RUNNING, (RunStatus.SUCCEEDED,)
    ),
    "processing": _Queue(
        col(ProcessingRun.state),
        col(ProcessingRun.created_at),
        RunState,
        PROCESSING,
        (RunState.SUCCEEDED,),
    ),
    "dispatch": _Queue(
        col(Dispatch.status),
        col(Dispatch.created_at),
        DispatchStatus,
        [status for status in DispatchStatus if status not in DISPATCH_ENDED],
        (DispatchStatus.SENT,),
    ),
    "notifications": _Queue(
        col(Notification.status),
        col(Notification.created_at),
        NotificationStatus,
        [status for status in NotificationStatus if status not in TOLD],
        (NotificationStatus.SENT,),
    ),
    "cases": _Queue(
        col(Case.state),
        col(Case.opened_at),
        CaseState,
        [state for state in CaseState if state not in CASE_ENDED],
        (CaseState.DONE, CaseState.DISCARDED),
    ),
}


async def queues(
    session: AsyncSession, now: datetime, ended: EndedCounts
) -> Mapping[str, QueueFacts]:
    """Return what the queues hold; of what is done, how much that was some time ago."""
    return {name: await _facts(session, name, queue, now, ended) for name, queue in _QUEUES.items()}


async def _facts(
    session: AsyncSession, name: str, queue: _Queue, now: datetime, ended: EndedCounts
) -> QueueFacts:
    others = [state for state in queue.states if state not in queue.done]
    states = {
        **await count_by_state(session, queue.state, others),
        **await ended.of(session, name, queue.state, queue.done),
    }
    first = sa.select(sa.func.min(queue.since)).where(queue.state.in_(queue.open))
    oldest = await session.scalar(first)
    return QueueFacts(
        states=states,
        oldest_s=0.0 if oldest is None else max(0.0, (now - oldest).total_seconds()),
        open=sum(states.get(str(state), 0) for state in queue.open),
    )


async def incomplete_series(session: AsyncSession, now: datetime) -> QueueFacts:
    """Return the series that still get images, and for how long one of them got none."""
    last = sa.func.min(col(DicomSeries.last_received_at))
    query = sa.select(sa.func.count(), last).where(col(DicomSeries.complete).is_(False))
    counted = (await session.execute(query)).one()
    count: int = counted[0]
    oldest: datetime | None = counted[1]
    age = 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())
    return QueueFacts(oldest_s=age, open=count)


async def state_of_targets(session: AsyncSession) -> object:
    """Return what is another when a target was made, changed, deleted or tested."""
    counted = sa.select(
        sa.func.count(), sa.func.sum(col(Target.version)), sa.func.max(col(Target.tested_at))
    )
    return tuple((await session.execute(counted)).one())


async def targets(session: AsyncSession) -> Mapping[str, TargetFacts]:
    """Return how sending to each target goes."""
    open_ = [status for status in DispatchStatus if status not in DISPATCH_ENDED]
    waiting = sa.case((col(Dispatch.status) == DispatchStatus.WAITING, 1), else_=0)
    counted = await session.execute(
        sa.select(col(Dispatch.target), sa.func.count(), sa.func.sum(waiting))
        .where(col(Dispatch.status).in_(open_))
        .group_by(col(Dispatch.target))
    )
    busy = {name: (count, late) for name, count, late in counted.all()}
    known = await session.execute(
        sa.select(
            col(Target.name),
            col(Target.enabled),
            col(Target.tested_at),
            col(Target.test_problem),
            _sent_at(),
        ).order_by(col(Target.name))
    )
    failed = await failures(session)
    return {
        name: TargetFacts(
            enabled=enabled,
            open=busy.get(name, (0, 0))[0],
            waiting=int(busy.get(name, (0, 0))[1]),
            failures=failed.get(name),
            tested=_tested(tested_at, problem, sent_at, failed.get(name)),
        )
        for name, enabled, tested_at, problem, sent_at in known.all()
    }


def _tested(
    at: datetime | None, problem: str, sent_at: datetime | None, failed: Failures | None
) -> LastTest | None:
    """Return the last test of a target, unless something was sent there or failed after it."""
    failed_at = None if failed is None else failed.last_at
    if at is None or any(later is not None and later > at for later in (sent_at, failed_at)):
        return None
    return LastTest(at, problem)


def _sent_at() -> sa.ScalarSelect[Any]:
    """When something was sent to a target the last time."""
    ended_at = col(Dispatch.ended_at)
    return (
        sa.select(sa.func.max(ended_at))
        .where(
            col(Dispatch.target) == col(Target.name),
            col(Dispatch.status) == DispatchStatus.SENT,
            ended_at.is_not(None),
        )
        .correlate(Target)
        .scalar_subquery()
    )


async def failures(session: AsyncSession) -> Mapping[str, Failures]:
    """Return what has failed at each target since something was sent there the last time."""
    ended_at = col(Dispatch.ended_at)
    known = sa.select(
        col(Target.name).label("name"),
        col(Target.updated_at).label("updated_at"),
        _sent_at().label("sent_at"),
    ).subquery()
    counted = await session.execute(
        sa.select(
            known.c.name,
            known.c.updated_at,
            sa.func.count(),
            sa.func.min(ended_at),
            sa.func.max(ended_at),
        )
        .join(
            Dispatch,
            sa.and_(
                col(Dispatch.target) == known.c.name,
                col(Dispatch.status) == DispatchStatus.FAILED,
                ended_at.is_not(None),
                sa.or_(known.c.sent_at.is_(None), ended_at > known.c.sent_at),
            ),
        )
        .group_by(known.c.name, known.c.updated_at)
    )
    found = {}
    for name, updated_at, count, first_at, last_at in counted.all():
        last_error = await _error_of(session, name, last_at)
        mended = updated_at is not None and updated_at > last_at
        found[name] = Failures(count, first_at, last_error, mended, last_at)
    return found


async def _error_of(session: AsyncSession, target: str, ended_at: datetime) -> str:
    """Return why what failed at this time has failed."""
    error = sa.select(col(Dispatch.error)).where(
        col(Dispatch.target) == target,
        col(Dispatch.status) == DispatchStatus.FAILED,
        col(Dispatch.ended_at) == ended_at,
    )
    return await session.scalar(error.limit(1)) or "nobody knows why."


async def needs_containers(session: AsyncSession) -> bool | None:
    """Say whether a module is a container; None: there are no modules."""
    kinds = {row.document.get("runner", "container") for row in await list_modules(session)}
    return "container" in kinds if kinds else None


async def journal(session: AsyncSession) -> tuple[int, Mapping[str, int]]:
    """Return the number of the newest event, and how far behind it each reader is."""
    newest = await last_sequence(session)
    rows = await session.execute(
        sa.select(col(JournalOffset.consumer), col(JournalOffset.sequence))
    )
    return newest, {consumer: max(0, newest - place) for consumer, place in rows.all()}
