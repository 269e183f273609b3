"""One short durable workflow per attempt; what failed waits in its row, as does its time.

Waiting costs one row: no thread, no slot. Only what is not there yet is sent again.
"""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading, transaction
from scanhub_libraries.errors import ScanHubError
from scanhub_libraries.events import Event, EventType
from scanhub_libraries.logging import get_logger
from workflow_manager.dicom.models import DicomSeries
from workflow_manager.dicom.service import instance_paths
from workflow_manager.dispatch.models import Dispatch
from workflow_manager.dispatch.rules import ENDED, DispatchStatus, backoff_s
from workflow_manager.dispatch.service import end, event_of, get_dispatch, queue_again
from workflow_manager.engine import Steps, WorkflowBody
from workflow_manager.journal.service import append
from workflow_manager.senders.port import Item, Sender, SendReport, Shipment
from workflow_manager.targets.models import Target
from workflow_manager.targets.service import document_of
from workflow_manager.wiring import Wiring

logger = get_logger(__name__)
Answer = dict[str, Any]
_NOTE_S = 1.0


class DispatchSteps:
    """The one step of an attempt, with what it works on."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring

    async def send(self, key: str) -> Answer:
        """Send what is not there yet, and write down what became of it."""
        dispatch_id, attempt = _parse(key)
        report = self._wiring.sending.setdefault(dispatch_id, SendReport())
        try:
            await self._send(dispatch_id, attempt, report)
        finally:
            self._wiring.sending.pop(dispatch_id, None)
        return {}

    async def _send(self, dispatch_id: UUID, attempt: int, report: SendReport) -> None:
        async with reading(self._wiring.sessions) as session:
            dispatch = await get_dispatch(session, dispatch_id)
            if dispatch.status is not DispatchStatus.SENDING or dispatch.attempt != attempt:
                return  # canceled, or it ended just before a crash
            target = await session.get(Target, dispatch.target)
            series = await session.get(DicomSeries, dispatch.series_id)
            files = await instance_paths(session, self._wiring.lake, dispatch.series_instance_uid)
        items = [Item(uid, path) for uid, path in files]
        try:
            sender = self._sender(target, dispatch.target)
        except ScanHubError as error:
            await self._conclude(dispatch_id, attempt, report, items, final=error.detail)
            return
        if not sender.whole:
            items = [item for item in items if item.sop_instance_uid not in dispatch.sent]
        if any(item.sop_instance_uid not in dispatch.sent for item in items):
            await self._watch(sender, _shipment(dispatch, series, items), attempt, report)
        await self._conclude(dispatch_id, attempt, report, items, total=len(files))

    def _sender(self, target: Target | None, name: str) -> Sender:
        if target is None or not target.enabled:
            gone = "was deleted" if target is None else "is switched off"
            raise ScanHubError(f"Target {name!r} {gone}.")
        return self._wiring.senders.make(document_of(target, self._wiring.secret_box))

    async def _watch(
        self, sender: Sender, shipment: Shipment, attempt: int, report: SendReport
    ) -> None:
        """Send, and note now and then how far it is: after a crash it goes on from there."""
        task = asyncio.create_task(sender.send(shipment, report))
        noted = 0
        try:
            while not (await asyncio.wait({task}, timeout=_NOTE_S))[0]:
                noted = await self._note(shipment.id, attempt, report, noted, sender=sender)
            await task
        except Exception as error:
            logger.exception("sending failed in a way nobody thought of", id=str(shipment.id))
            reason = f"Unexpected error ({type(error).__name__}): the log of the service has more."
            report.fail_rest(shipment.items, reason)
        finally:
            if not task.done():
                report.stop.set()
                task.cancel()

    async def _note(
        self, dispatch_id: UUID, attempt: int, report: SendReport, noted: int, *, sender: Sender
    ) -> int:
        async with reading(self._wiring.sessions) as session:
            dispatch = await get_dispatch(session, dispatch_id)
            if dispatch.status is not DispatchStatus.SENDING or dispatch.attempt != attempt:
                report.stop.set()
        sent = list(report.sent)
        if sender.whole or len(sent) == noted:
            return noted
        async with transaction(self._wiring.sessions) as session:
            dispatch = await get_dispatch(session, dispatch_id, lock=True)
            dispatch.sent = {**dispatch.sent, **dict.fromkeys(sent, attempt)}
        return len(sent)

    async def _conclude(
        self,
        dispatch_id: UUID,
        attempt: int,
        report: SendReport,
        items: list[Item],
        *,
        total: int = 0,
        final: str | None = None,
    ) -> None:
        """Write down what became of an attempt.

        Args:
            dispatch_id: Which one.
            attempt: Its number.
            report: What was sent and what was not.
            items: What was to be sent.
            total: How many images the series had when it began.
            final: Why there is no use in trying again.
        """
        async with transaction(self._wiring.sessions) as session:
            dispatch = await get_dispatch(session, dispatch_id, lock=True)
            dispatch.sent = {**dispatch.sent, **dict.fromkeys(report.sent, attempt)}
            if dispatch.status in ENDED or dispatch.attempt != attempt:
                return
            if final is not None:
                event = end(dispatch, DispatchStatus.FAILED, error=final)
            else:
                report.fail_rest(
                    [item for item in items if item.sop_instance_uid not in dispatch.sent],
                    "It was not sent: sending was stopped.",
                )
                event = self._outcome(dispatch, report, total)
            await session.flush()
            await append(session, [event])

    def _outcome(self, dispatch: Dispatch, report: SendReport, total: int) -> Event:
        late = dispatch.instances > total
        dispatch.instances = max(dispatch.instances, total)
        dispatch.failures = dict(report.failed)
        if not report.failed and late:  # images came meanwhile
            queue_again(dispatch)
            return event_of(dispatch, EventType.DISPATCH_QUEUED)
        if not report.failed:
            return end(dispatch, DispatchStatus.SENT)
        wait_s = backoff_s(
            dispatch.attempt, self._wiring.settings.dispatch_backoff_s, str(dispatch.id)
        )
        if wait_s is None:
            return end(dispatch, DispatchStatus.FAILED, error=report.error)
        dispatch.status, dispatch.error = DispatchStatus.WAITING, report.error
        dispatch.attempt += 1
        dispatch.next_attempt_at = utc_now() + timedelta(seconds=wait_s)
        return event_of(dispatch, EventType.DISPATCH_RETRY)


def _shipment(dispatch: Dispatch, series: DicomSeries | None, items: list[Item]) -> Shipment:
    return Shipment(
        id=dispatch.id,
        items=items,
        study_instance_uid=dispatch.study_instance_uid,
        series_instance_uid=dispatch.series_instance_uid,
        patient_id=series.patient_id if series is not None else "",
        study_date=series.study_date if series is not None else "",
        sender_address=series.sender_address if series is not None else "",
        sender_aet=series.source if series is not None and series.task_id is None else "",
        receiver_aet=series.receiver_aet if series is not None else "",
    )


def _parse(key: str) -> tuple[UUID, int]:
    dispatch_id, _, attempt = key.rpartition(":")
    return UUID(dispatch_id), int(attempt)


def dispatch_workflow(do: DispatchSteps) -> WorkflowBody:
    """Return the workflow function of an attempt."""

    def body(steps: Steps, key: str) -> None:
        steps.run("send", do.send, key)

    return body
