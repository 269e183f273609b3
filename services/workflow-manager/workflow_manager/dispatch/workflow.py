"""One short durable workflow per attempt; a failed one starts its successor, later.

Waiting costs one row: no thread, no slot. Only what is not there yet is sent again.
"""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading, transaction
from scanhub_libraries.events import EventType
from scanhub_libraries.logging import get_logger
from workflow_manager.dicom.scu import SendReport, send_series
from workflow_manager.dicom.service import instance_paths
from workflow_manager.dispatch import repository
from workflow_manager.dispatch.models import Dispatch, Target
from workflow_manager.dispatch.rules import ENDED, DispatchStatus, backoff_s
from workflow_manager.dispatch.service import (
    KIND,
    QUEUE,
    end,
    event_of,
    get_dispatch,
    key_of,
    peer_of,
)
from workflow_manager.engine import Steps, WorkflowBody, WorkflowState
from workflow_manager.journal.service import append
from workflow_manager.wiring import Wiring

logger = get_logger(__name__)
Answer = dict[str, Any]


class DispatchSteps:
    """The one step of an attempt, with what it works on."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring

    async def send(self, key: str) -> Answer:
        """Send what is not there yet; say what comes next."""
        dispatch_id, attempt = _parse(key)
        started = await self._begin(dispatch_id, attempt)
        if started is None:
            return {}
        dispatch, target = started
        if target is None or not target.enabled:
            gone = "was deleted" if target is None else "is switched off"
            return await self._fail(dispatch_id, f"Target {dispatch.target!r} {gone}.")
        async with reading(self._wiring.sessions) as session:
            files = await instance_paths(session, self._wiring.lake, dispatch.series_instance_uid)
        missing = [item for item in files if item[0] not in dispatch.sent]
        report = await asyncio.get_running_loop().run_in_executor(
            self._wiring.senders, send_series, missing, peer_of(target, self._wiring.settings)
        )
        return await self._conclude(dispatch_id, attempt, report, total=len(files))

    async def _begin(
        self, dispatch_id: UUID, attempt: int
    ) -> tuple[Dispatch, Target | None] | None:
        async with transaction(self._wiring.sessions) as session:
            dispatch = await get_dispatch(session, dispatch_id, lock=True)
            if dispatch.status in ENDED or dispatch.attempt != attempt:
                return None  # canceled, or somebody asked for the next attempt at once
            dispatch.status, dispatch.next_attempt_at = DispatchStatus.SENDING, None
            target = await session.get(Target, dispatch.target)
            return dispatch, target

    async def _fail(self, dispatch_id: UUID, reason: str) -> Answer:
        async with transaction(self._wiring.sessions) as session:
            dispatch = await get_dispatch(session, dispatch_id, lock=True)
            event = end(dispatch, DispatchStatus.FAILED, error=reason)
            await session.flush()
            await append(session, [event])
        return {}

    async def _conclude(
        self, dispatch_id: UUID, attempt: int, report: SendReport, *, total: int
    ) -> Answer:
        delays = self._wiring.settings.dispatch_backoff_s
        async with transaction(self._wiring.sessions) as session:
            dispatch = await get_dispatch(session, dispatch_id, lock=True)
            dispatch.sent = {**dispatch.sent, **dict.fromkeys(report.sent, attempt)}
            if dispatch.attempt != attempt:
                return {}  # images came meanwhile: the next attempt sends them
            dispatch.instances = total
            dispatch.failures = dict(report.failed)
            if dispatch.status in ENDED:
                return {}
            wait_s = backoff_s(dispatch.attempt, delays, str(dispatch.id))
            if not report.failed:
                event = end(dispatch, DispatchStatus.SENT)
                answer: Answer = {}
            elif wait_s is None:
                event = end(dispatch, DispatchStatus.FAILED, error=report.error)
                answer = {}
            else:
                dispatch.status, dispatch.error = DispatchStatus.WAITING, report.error
                dispatch.attempt += 1
                dispatch.next_attempt_at = utc_now() + timedelta(seconds=wait_s)
                event = event_of(dispatch, EventType.DISPATCH_RETRY)
                answer = {"next": key_of(dispatch), "wait_s": wait_s, "target": dispatch.target}
            await session.flush()
            await append(session, [event])
        return answer


def _parse(key: str) -> tuple[UUID, int]:
    dispatch_id, _, attempt = key.rpartition(":")
    return UUID(dispatch_id), int(attempt)


def dispatch_workflow(do: DispatchSteps) -> WorkflowBody:
    """Return the workflow function of an attempt."""

    def body(steps: Steps, key: str) -> None:
        answer = steps.run("send", do.send, key)
        if "next" in answer:
            steps.start(
                KIND,
                answer["next"],
                queue=QUEUE,
                partition=answer["target"],
                delay_s=answer["wait_s"],
            )

    return body


async def start_missing_dispatches(wiring: Wiring) -> int:
    """Start the attempts that have no workflow: the process died between the two."""
    async with reading(wiring.sessions) as session:
        open_ = await repository.list_open_dispatches(session)
    states = await wiring.engine.states(KIND, [key_of(dispatch) for dispatch in open_])
    started = 0
    for dispatch in open_:
        state = states.get(key_of(dispatch))
        if state is WorkflowState.ACTIVE:
            continue
        if state is None:
            wait_s = 0.0
            if dispatch.next_attempt_at is not None:
                wait_s = max(0.0, (dispatch.next_attempt_at - utc_now()).total_seconds())
            await wiring.engine.start(
                KIND, key_of(dispatch), queue=QUEUE, partition=dispatch.target, delay_s=wait_s
            )
            started += 1
        else:
            await _start_again(wiring, dispatch.id, dispatch.attempt)
    return started


async def _start_again(wiring: Wiring, dispatch_id: UUID, given_up: int) -> None:
    """The engine gave the attempt up: make the next one."""
    async with transaction(wiring.sessions) as session:
        dispatch = await get_dispatch(session, dispatch_id, lock=True)
        if dispatch.status in ENDED or dispatch.attempt != given_up:
            return  # it went on while we looked
        dispatch.attempt += 1
        dispatch.status = DispatchStatus.QUEUED
    logger.warning("an attempt to send was given up", dispatch_id=str(dispatch_id))
    await wiring.engine.start(KIND, key_of(dispatch), queue=QUEUE, partition=dispatch.target)
