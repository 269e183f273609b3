"""Targets and dispatches: configured, queued, ended. Sending is in workflow.py."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from scanhub_libraries.errors import ConflictError, NotFoundError
from scanhub_libraries.events import Event, EventType
from scanhub_libraries.models import TargetIn, TargetOut, TargetTest
from workflow_manager.dicom.models import DicomSeries
from workflow_manager.dicom.scu import Peer, echo
from workflow_manager.dispatch import repository
from workflow_manager.dispatch.models import Dispatch, Target
from workflow_manager.dispatch.rules import ENDED, Attempt, DispatchStatus
from workflow_manager.journal.service import append, own_event
from workflow_manager.routing_rules.references import check_unnamed
from workflow_manager.settings import WorkflowManagerSettings
from workflow_manager.wiring import Wiring

KIND = "dispatch"
QUEUE = "dispatch"


def peer_of(target: Target, settings: WorkflowManagerSettings) -> Peer:
    """Return how to reach a target."""
    return Peer(
        host=target.ip,
        port=target.port,
        aet_target=target.aet_target,
        aet_source=target.aet_source,
        connect_timeout_s=settings.connect_timeout_s,
        timeout_s=settings.dicom_timeout_s,
    )


# --- targets --------------------------------------------------------------------------------------


async def get_target(session: AsyncSession, name: str) -> Target:
    """Return a target."""
    target = await session.get(Target, name)
    if target is None:
        raise NotFoundError(f"There is no target {name!r}.")
    return target


async def _tell(session: AsyncSession, event_type: EventType, target: Target) -> None:
    data = TargetOut.model_validate(target).model_dump(mode="json", exclude={"comment"})
    await append(session, [own_event(event_type, target.name[:128], data)])


async def create_target(session: AsyncSession, wanted: TargetIn) -> Target:
    """Configure a target."""
    if await session.get(Target, wanted.name) is not None:
        raise ConflictError(f"There is a target {wanted.name!r} already.")
    target = Target(**wanted.model_dump())
    session.add(target)
    await session.flush()
    await _tell(session, EventType.TARGET_CREATED, target)
    return target


async def replace_target(session: AsyncSession, name: str, wanted: TargetIn) -> Target:
    """Change a target; its name stays, dispatches refer to it."""
    target = await get_target(session, name)
    if wanted.name != name:
        raise ConflictError("A target keeps its name: make a new one and delete this one.")
    target.sqlmodel_update(wanted.model_dump())
    target.updated_at = utc_now()
    await session.flush()
    await _tell(session, EventType.TARGET_UPDATED, target)
    return target


async def delete_target(session: AsyncSession, name: str) -> None:
    """Delete a target; what was on its way there ends, with a reason.

    Raises:
        ConflictError: A rule names it.
    """
    target = await get_target(session, name)
    await check_unnamed(session, name)
    reason = f"Target {name!r} was deleted."
    events = [
        end(dispatch, DispatchStatus.CANCELED, error=reason)
        for dispatch in await repository.list_open_dispatches(session, name)
    ]
    await session.delete(target)
    await session.flush()
    await _tell(session, EventType.TARGET_DELETED, target)
    await append(session, events)


async def test_target(wiring: Wiring, target: Target) -> TargetTest:
    """Ask a target whether it is there (C-ECHO)."""
    loop = asyncio.get_running_loop()
    reason = await loop.run_in_executor(wiring.senders, echo, peer_of(target, wiring.settings))
    return TargetTest(ok=reason is None, detail=reason or "The node answered the C-ECHO.")


# --- dispatches -----------------------------------------------------------------------------------


def event_of(dispatch: Dispatch, event_type: EventType) -> Event:
    """Return the event that tells of a dispatch."""
    data: dict[str, Any] = {
        "dispatch_id": str(dispatch.id),
        "target": dispatch.target,
        "series_instance_uid": dispatch.series_instance_uid,
        "task_id": str(dispatch.task_id) if dispatch.task_id else None,
        "exam_id": str(dispatch.exam_id) if dispatch.exam_id else None,
        "status": dispatch.status.value,
        "instances": dispatch.instances,
        "sent": len(dispatch.sent),
        "error": dispatch.error,
        "attempt": dispatch.attempt,
        "next_attempt_at": dispatch.next_attempt_at.isoformat()
        if dispatch.next_attempt_at
        else None,
    }
    return own_event(event_type, dispatch.id, data)


def key_of(dispatch: Dispatch) -> str:
    """Return the key of the workflow of the attempt that comes next."""
    return f"{dispatch.id}:{dispatch.attempt}"


async def queue_dispatches(
    session: AsyncSession,
    series: DicomSeries,
    *,
    instances: int,
    targets: Sequence[str] | None = None,
) -> tuple[list[Attempt], list[Event]]:
    """Queue a complete series for its targets; repeating it is harmless.

    Images that came after the series was sent are sent too: those alone.

    Args:
        session: The transaction.
        series: What is sent.
        instances: How many images it has by now.
        targets: Names of targets; by default every enabled one.

    Returns:
        The attempts to start once this is committed, and the events to append.
    """
    if targets is None:
        enabled = await repository.list_targets(session, enabled_only=True)
        targets = [target.name for target in enabled]
    attempts: list[Attempt] = []
    events: list[Event] = []
    for name in targets:
        dispatch = await session.get(
            Dispatch, dispatch_id_of(series.id, name), with_for_update=True, populate_existing=True
        )
        if dispatch is None:
            dispatch = _new_dispatch(series, name, instances)
            session.add(dispatch)
            events.append(await _first_event(session, dispatch))
        elif instances > dispatch.instances and _queue_late(dispatch, instances):
            events.append(event_of(dispatch, EventType.DISPATCH_QUEUED))
        if dispatch.status not in ENDED:
            attempts.append(Attempt(key_of(dispatch), name))
    await session.flush()
    return attempts, events


def dispatch_id_of(series_id: UUID, target: str) -> UUID:
    """Return the id of what is sent of a series to a target."""
    return uuid5(series_id, target)


def _new_dispatch(series: DicomSeries, target: str, instances: int) -> Dispatch:
    return Dispatch(
        id=dispatch_id_of(series.id, target),
        target=target,
        series_id=series.id,
        series_instance_uid=series.series_instance_uid,
        study_instance_uid=series.study_instance_uid,
        task_id=series.task_id,
        exam_id=series.exam_id,
        instances=instances,
    )


async def _first_event(session: AsyncSession, dispatch: Dispatch) -> Event:
    """Tell of a new dispatch; one whose target is gone has failed, so that it can be sent again."""
    if await session.get(Target, dispatch.target) is not None:
        return event_of(dispatch, EventType.DISPATCH_QUEUED)
    reason = f"There is no target {dispatch.target!r}: configure it, then send again."
    return end(dispatch, DispatchStatus.FAILED, error=reason)


def _queue_late(dispatch: Dispatch, instances: int) -> bool:
    """Note images that came late; say whether that makes another attempt.

    An attempt that waits will find them by itself. One under way has listed its files already. One
    that failed is tried again: the target may be back.
    """
    dispatch.instances = instances
    if dispatch.status in {DispatchStatus.QUEUED, DispatchStatus.WAITING}:
        return False
    dispatch.attempt += 1
    dispatch.status, dispatch.ended_at, dispatch.next_attempt_at = DispatchStatus.QUEUED, None, None
    return True


async def get_dispatch(session: AsyncSession, dispatch_id: UUID, *, lock: bool = False) -> Dispatch:
    """Return a dispatch; `lock` to change it."""
    dispatch = await session.get(
        Dispatch, dispatch_id, with_for_update=lock, populate_existing=lock
    )
    if dispatch is None:
        raise NotFoundError(f"There is no dispatch {dispatch_id}.")
    return dispatch


def end(dispatch: Dispatch, status: DispatchStatus, *, error: str | None = None) -> Event:
    """End a dispatch and return the event that tells so."""
    dispatch.status, dispatch.error, dispatch.ended_at = status, error, utc_now()
    dispatch.next_attempt_at = None
    sent = status is DispatchStatus.SENT
    return event_of(dispatch, EventType.DISPATCH_SENT if sent else EventType.DISPATCH_FAILED)


async def retry_now(wiring: Wiring, session: AsyncSession, dispatch_id: UUID) -> Dispatch:
    """Make the next attempt now, also after the last one."""
    dispatch = await get_dispatch(session, dispatch_id, lock=True)
    if dispatch.status in {DispatchStatus.SENT, DispatchStatus.SENDING}:
        raise ConflictError(f"The series is {dispatch.status.value} already.")
    await get_target(session, dispatch.target)
    dispatch.attempt += 1
    dispatch.status, dispatch.ended_at, dispatch.next_attempt_at = DispatchStatus.QUEUED, None, None
    await session.flush()
    await append(session, [event_of(dispatch, EventType.DISPATCH_QUEUED)])
    await session.commit()
    await wiring.engine.start(KIND, key_of(dispatch), queue=QUEUE, partition=dispatch.target)
    return dispatch
