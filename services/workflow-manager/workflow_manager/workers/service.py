"""Queues and who serves them: looked at, paused, let go again."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading
from scanhub_libraries.errors import NotFoundError
from scanhub_libraries.events import Event, EventType
from scanhub_libraries.models.worker import (
    QueueOut,
    QueuePauseOut,
    WorkerDrainOut,
    WorkerOut,
    WorkOut,
)
from workflow_manager.engine import Running
from workflow_manager.engine.names import QUEUE_NAMES, WHAT, QueueName
from workflow_manager.journal.service import append, own_event
from workflow_manager.wiring import Wiring
from workflow_manager.workers import repository
from workflow_manager.workers.models import QueuePause, Worker, WorkerDrain
from workflow_manager.workers.rules import QueueLoad, problem_of, state_of


async def list_workers(wiring: Wiring) -> list[WorkerOut]:
    """Return every process that shares the work, with what it does."""
    running = await wiring.engine.running()
    async with reading(wiring.sessions) as session:
        workers = await _workers(session, wiring)
        drains = await repository.list_drains(session)
    living = await wiring.engine.living({worker.name for worker in workers})
    return [
        _described(
            worker,
            running,
            lives=worker.name in living,
            drain=drains.get((worker.name, worker.started_at)),
        )
        for worker in workers
    ]


async def _workers(session: AsyncSession, wiring: Wiring) -> Sequence[Worker]:
    if wiring.presence.is_alone:
        return [wiring.presence.itself]
    return await repository.list_workers(session)


def _described(
    worker: Worker, running: list[Running], *, lives: bool, drain: WorkerDrain | None
) -> WorkerOut:
    work = sorted((one for one in running if one.executor == worker.name), key=lambda w: w.since)
    state = state_of(lives=lives, drains=worker.drains, seen_at=worker.seen_at, now=utc_now())
    return WorkerOut.model_validate(
        {
            **worker.model_dump(exclude={"drains"}),
            "state": state,
            "drain": drain and WorkerDrainOut.model_validate(drain, from_attributes=True),
            "running": [WorkOut.model_validate(one, from_attributes=True) for one in work],
        }
    )


async def list_queues(wiring: Wiring, workers: Sequence[WorkerOut] | None = None) -> list[QueueOut]:
    """Return every queue, with what it holds, who serves it and whether it is paused.

    Args:
        wiring: Of this process.
        workers: All processes, where they are known.
    """
    workers = await list_workers(wiring) if workers is None else workers
    async with reading(wiring.sessions) as session:
        open_ = await repository.count_open(session)
        pauses = await repository.list_pauses(session)
    return [_queue(name, open_[name], workers, pauses.get(name)) for name in QUEUE_NAMES]


def _queue(
    name: QueueName, open_: int, workers: Sequence[WorkerOut], pause: QueuePause | None
) -> QueueOut:
    load = QueueLoad(
        open=open_,
        running=sum(work.queue == name for worker in workers for work in worker.running),
        served_by=[
            worker.name
            for worker in workers
            if name in worker.queues and worker.state in {"running", "silent"}
        ],
        paused=pause is not None,
        drained=[
            worker.name
            for worker in workers
            if name in worker.queues and worker.state == "draining" and worker.drain
        ],
    )
    return QueueOut(
        name=name,
        description=WHAT[name],
        waiting=load.waiting,
        running=load.running,
        served_by=list(load.served_by),
        paused=None if pause is None else describe_pause(pause),
        problem=problem_of(load),
    )


def describe_pause(row: QueuePause) -> QueuePauseOut:
    """Return a pause as people see it."""
    return QueuePauseOut.model_validate(row, from_attributes=True)


async def pause(session: AsyncSession, queue: str, reason: str, *, actor: str) -> QueuePause:
    """Let no process begin anything of a queue; what runs goes on. Twice changes nothing.

    Raises:
        NotFoundError: There is no such queue.
    """
    _check(queue)
    found = await session.get(QueuePause, queue, with_for_update=True)
    if found is not None:
        return found
    row = QueuePause(queue=queue, reason=reason, paused_by=actor[:256])
    session.add(row)
    await session.flush()
    await append(session, [own_event(EventType.QUEUE_PAUSED, queue, _told(row))])
    return row


async def resume(session: AsyncSession, queue: str) -> None:
    """Go on; resuming what is not paused changes nothing.

    Raises:
        NotFoundError: There is no such queue.
    """
    _check(queue)
    found = await session.get(QueuePause, queue, with_for_update=True)
    if found is not None:
        await session.delete(found)
        await session.flush()
        await append(session, [own_event(EventType.QUEUE_RESUMED, queue, _told(found))])


async def drain(
    session: AsyncSession, wiring: Wiring, name: str, reason: str, *, actor: str
) -> None:
    """Let a process begin nothing more; what it does comes to its end. Twice changes nothing.

    Raises:
        NotFoundError: There is no such process.
    """
    worker = await _worker(session, wiring, name)
    found = await session.get(WorkerDrain, name, with_for_update=True)
    if found is not None and found.started_at == worker.started_at:
        return
    row = WorkerDrain(
        name=name, started_at=worker.started_at, reason=reason, drained_by=actor[:256]
    )
    await session.merge(row)
    await session.flush()
    await append(session, [_drain_event(EventType.WORKER_DRAINED, name, reason)])


async def go_on(session: AsyncSession, wiring: Wiring, name: str) -> None:
    """Let a process begin work again; one that nobody drained does so anyway.

    Raises:
        NotFoundError: There is no such process.
    """
    await _worker(session, wiring, name)
    found = await session.get(WorkerDrain, name, with_for_update=True)
    if found is not None:
        await session.delete(found)
        await session.flush()
        await append(session, [_drain_event(EventType.WORKER_RESUMED, name, found.reason)])


async def _worker(session: AsyncSession, wiring: Wiring, name: str) -> Worker:
    workers = await _workers(session, wiring)
    found = next((worker for worker in workers if worker.name == name), None)
    if found is None:
        known = ", ".join(worker.name for worker in workers)
        raise NotFoundError(f"There is no process {name[:64]!r}: there are {known}.")
    return found


def _drain_event(event_type: EventType, name: str, reason: str) -> Event:
    return own_event(event_type, name, {"worker": name, "reason": reason})


def _told(row: QueuePause) -> dict[str, str]:
    return {"queue": row.queue, "reason": row.reason}


def _check(queue: str) -> None:
    if queue not in QUEUE_NAMES:
        known = ", ".join(QUEUE_NAMES)
        raise NotFoundError(f"There is no queue {queue[:64]!r}: there are {known}.")
