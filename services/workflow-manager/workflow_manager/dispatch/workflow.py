"""One short durable workflow per attempt; what failed waits in its row, as does its time.

Waiting costs one row: no thread, no slot. Only what is not there yet is sent again.
"""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import TypeGuard
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading, transaction
from scanhub_libraries.errors import ScanHubError
from scanhub_libraries.events import Event, EventType
from scanhub_libraries.logging import get_logger
from workflow_manager.dicom.models import DicomSeries
from workflow_manager.dispatch import commitment
from workflow_manager.dispatch.delivered import confirm, delivered, note
from workflow_manager.dispatch.models import Dispatch
from workflow_manager.dispatch.repository import count_under_way, list_files
from workflow_manager.dispatch.rules import DispatchStatus, backoff_s
from workflow_manager.dispatch.service import ATTEMPTS, end, event_of, get_dispatch, queue_again
from workflow_manager.engine import Answer, WorkflowBody
from workflow_manager.engine.attempts import parse_key
from workflow_manager.journal.service import append
from workflow_manager.senders.port import Committing, Item, Sender, SendReport, Shipment
from workflow_manager.targets.models import Target
from workflow_manager.targets.service import document_of
from workflow_manager.wiring import Wiring

logger = get_logger(__name__)
_NOTE_S = 1.0


class DispatchSteps:
    """The one step of an attempt, with what it works on."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._here: Counter[str] = Counter()
        """Series that this process sends, by target."""

    async def send(self, key: str) -> Answer:
        """Send what is not there yet, and write down what became of it."""
        dispatch_id, attempt = parse_key(key)
        report = self._wiring.sending.setdefault(dispatch_id, SendReport())
        try:
            await self._send(dispatch_id, attempt, report)
        finally:
            self._wiring.sending.pop(dispatch_id, None)
            self._wiring.attempt_ended()
        return {}  # what became of it is in the row

    async def _send(self, dispatch_id: UUID, attempt: int, report: SendReport) -> None:
        async with reading(self._wiring.sessions) as session:
            dispatch = await get_dispatch(session, dispatch_id)
            target = await session.get(Target, dispatch.target)
            series = await session.get(DicomSeries, dispatch.series_id)
            files = await list_files(session, dispatch.series_id)
            there = await delivered(session, dispatch_id)
        if not _is_under_way(dispatch, attempt):  # canceled, or it ended just before a crash
            await self._conclude(dispatch_id, attempt, report, [])
            return
        items = [Item(uid, self._wiring.lake.root / key) for uid, key in files]
        if not items:
            gone = "The images of the series are not here any more: they were removed."
            await self._conclude(dispatch_id, attempt, report, items, final=gone)
            return
        try:
            sender = self._sender(target, dispatch.target)
        except ScanHubError as error:
            await self._conclude(dispatch_id, attempt, report, items, final=error.detail)
            return
        if not sender.whole:
            items = [item for item in items if item.sop_instance_uid not in there]
        shipment = _shipment(dispatch, series, items)
        if any(item.sop_instance_uid not in there for item in items):
            self._here[dispatch.target] += 1
            try:
                await self._watch(sender, shipment, dispatch, attempt, report)
            finally:
                self._here[dispatch.target] -= 1
        if _commits(sender):
            await self._confirm(sender, shipment, attempt, report)
        elif dispatch.stored:
            await self._trust(dispatch_id, attempt)
        await self._conclude(dispatch_id, attempt, report, items, total=len(files))

    async def _trust(self, dispatch_id: UUID, attempt: int) -> None:
        """Let count as sent what the node was to confirm: nobody asks for that any more."""
        async with transaction(self._wiring.sessions) as session:
            dispatch = await get_dispatch(session, dispatch_id, lock=True)
            if dispatch.attempt == attempt:
                await confirm(session, dispatch, list(await delivered(session, dispatch_id)))

    async def _confirm(
        self, sender: Committing, shipment: Shipment, attempt: int, report: SendReport
    ) -> None:
        """Ask the node to confirm what it took, once it took all of it."""
        report.confirmed_within_s = sender.commits_within_s
        async with transaction(self._wiring.sessions) as session:
            dispatch = await get_dispatch(session, shipment.id, lock=True)
            if dispatch.attempt == attempt:
                await _note(session, dispatch, report, confirmed=False)
            report.sent.clear()
            report.noted = 0
            if report.failed or not dispatch.stored or not _is_under_way(dispatch, attempt):
                return
            transaction_uid, references = await commitment.open_request(session, dispatch)
        answer = await sender.commit(shipment, transaction_uid, references)
        if answer.problem is not None:
            report.failed.update((uid, answer.problem) for _, uid in references)
        elif answer.report is not None:
            async with transaction(self._wiring.sessions) as session:
                await commitment.take_report(
                    session,
                    transaction_uid,
                    answer.report.committed,
                    answer.report.failed,
                    delays_s=self._wiring.settings.dispatch_backoff_s,
                )

    def _sender(self, target: Target | None, name: str) -> Sender:
        if target is None or not target.enabled:
            gone = "was deleted" if target is None else "is switched off"
            raise ScanHubError(f"Target {name!r} {gone}.")
        return self._wiring.senders.make(document_of(target, self._wiring.secret_box))

    async def _watch(
        self,
        sender: Sender,
        shipment: Shipment,
        dispatch: Dispatch,
        attempt: int,
        report: SendReport,
    ) -> None:
        """Send, and note now and then how far it is: after a crash it goes on from there."""
        await self._share_out(dispatch.target)
        task = asyncio.create_task(sender.send(shipment, report))
        try:
            while not (await asyncio.wait({task}, timeout=_NOTE_S))[0]:
                await self._note(shipment.id, attempt, report, sender=sender)
                await self._share_out(dispatch.target)
            await task
        except Exception as error:
            logger.exception("sending failed in a way nobody thought of", id=str(shipment.id))
            reason = f"Unexpected error ({type(error).__name__}): the log of the service has more."
            report.fail_rest(shipment.items, reason)
        finally:
            if not task.done():
                report.stop.set()
                task.cancel()

    async def _share_out(self, target: str) -> None:
        """Share the bandwidth limit of a target with other processes, as many series as each sends.

        Looked at once a second: for as long, one that begins and those before it may take more.
        """
        pace = self._wiring.senders.pace_of(target)
        if pace.is_limited:
            async with reading(self._wiring.sessions) as session:
                everywhere = await count_under_way(session, target)
            pace.take_share(self._here[target], everywhere)

    async def _note(
        self, dispatch_id: UUID, attempt: int, report: SendReport, *, sender: Sender
    ) -> None:
        async with reading(self._wiring.sessions) as session:
            dispatch = await get_dispatch(session, dispatch_id)
            if not _is_under_way(dispatch, attempt):
                report.stop.set()
        if sender.whole or len(report.sent) == report.noted:
            return
        async with transaction(self._wiring.sessions) as session:
            dispatch = await get_dispatch(session, dispatch_id, lock=True)
            if dispatch.attempt != attempt:
                return  # it shall be sent again, all of it perhaps
            noted = await _note(session, dispatch, report, confirmed=not _commits(sender))
        report.noted = noted

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
            if dispatch.under_way == attempt:
                dispatch.under_way = None  # the next one may begin
            if dispatch.attempt != attempt:
                return  # it shall be sent again, all of it perhaps
            await _note(session, dispatch, report, confirmed=True)
            if report.confirmed_within_s is not None:
                report.failed.update(await commitment.failures_of(session, dispatch))
            if dispatch.status is not DispatchStatus.SENDING:
                return
            if final is not None:
                event = end(dispatch, DispatchStatus.FAILED, error=final)
            else:
                there = await delivered(session, dispatch_id)
                report.fail_rest(
                    [item for item in items if item.sop_instance_uid not in there],
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
        if not report.failed and not dispatch.stored:
            return end(dispatch, DispatchStatus.SENT)
        delays_s = self._wiring.settings.dispatch_backoff_s
        reason = report.error or commitment.UNCONFIRMED
        wait_s = backoff_s(dispatch.attempt, delays_s, str(dispatch.id))
        if not report.failed and dispatch.attempt <= len(delays_s) + 1:
            wait_s = report.confirmed_within_s
        if wait_s is None:
            return end(dispatch, DispatchStatus.FAILED, error=reason)
        dispatch.status, dispatch.error = DispatchStatus.WAITING, reason
        dispatch.attempt += 1
        dispatch.next_attempt_at = utc_now() + timedelta(seconds=wait_s)
        return event_of(dispatch, EventType.DISPATCH_RETRY)


async def _note(
    session: AsyncSession, dispatch: Dispatch, report: SendReport, *, confirmed: bool
) -> int:
    """Write down what was sent since it was noted last; return how many are noted then."""
    sent = list(report.sent)  # whoever sends goes on meanwhile
    uids, transcoded = sent[report.noted :], report.transcoded
    await note(session, dispatch, uids, confirmed=confirmed, transcoded=transcoded)
    return len(sent)


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


def _is_under_way(dispatch: Dispatch, attempt: int) -> bool:
    return dispatch.status is DispatchStatus.SENDING and dispatch.attempt == attempt


def _commits(sender: Sender) -> TypeGuard[Committing]:
    return isinstance(sender, Committing) and sender.commits_within_s is not None


def dispatch_workflow(do: DispatchSteps) -> WorkflowBody:
    """Return the workflow function of an attempt."""
    return ATTEMPTS.workflow("send", do.send)
