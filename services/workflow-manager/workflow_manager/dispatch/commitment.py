"""Storage commitment: what a node took counts as sent when it confirms that it keeps it.

A request is a row before it goes out, so a report finds it, whenever it comes and to whichever
process (PS3.4 section J.3). What the node does not commit itself to is sent again, that alone.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from pydicom.uid import generate_uid
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import Sessions, transaction
from scanhub_libraries.events import Event, EventType
from workflow_manager.dicom.models import DicomInstance
from workflow_manager.dispatch.delivered import confirm, confirmed_uids, delivered, take_back
from workflow_manager.dispatch.models import Dispatch, StorageCommitment
from workflow_manager.dispatch.rules import DispatchStatus, backoff_s
from workflow_manager.dispatch.service import end, event_of, queue_again
from workflow_manager.journal.service import append

UNCONFIRMED = "The node took the images and has not confirmed yet that it keeps them."


async def open_request(
    session: AsyncSession, dispatch: Dispatch
) -> tuple[str, list[tuple[str, str]]]:
    """Write down what a node is asked for: all that it took and has not confirmed.

    Returns:
        The identity of the request, and SOP class and SOP Instance UID of each instance.
    """
    await session.execute(
        sa.delete(StorageCommitment).where(
            col(StorageCommitment.dispatch_id) == dispatch.id,
            col(StorageCommitment.answered_at).is_not(None),
        )
    )
    there = await delivered(session, dispatch.id)
    uids = [uid for uid, confirmed in there.items() if not confirmed]
    request = StorageCommitment(
        transaction_uid=str(generate_uid(prefix=None)),
        dispatch_id=dispatch.id,
        attempt=dispatch.attempt,
        instances=uids,
    )
    session.add(request)
    query = select(DicomInstance.sop_instance_uid, DicomInstance.sop_class_uid).where(
        DicomInstance.series_id == dispatch.series_id
    )
    classes = {row[0]: row[1] for row in (await session.execute(query)).all()}
    return request.transaction_uid, [(classes[uid], uid) for uid in uids if uid in classes]


async def failures_of(session: AsyncSession, dispatch: Dispatch) -> dict[str, str]:
    """Return what the node said that it does not keep, of what this attempt asked for."""
    query = select(StorageCommitment.failed).where(
        StorageCommitment.dispatch_id == dispatch.id, StorageCommitment.attempt == dispatch.attempt
    )
    rows = (await session.scalars(query)).all()
    kept = await confirmed_uids(session, dispatch.id)
    return {uid: why for row in rows for uid, why in row.items() if uid not in kept}


async def take_report(
    session: AsyncSession,
    transaction_uid: str,
    committed: Sequence[str],
    failed: Mapping[str, str],
    *,
    delays_s: Sequence[float],
) -> bool:
    """Heed what a node reported; doing it again changes nothing.

    Args:
        session: The transaction.
        transaction_uid: Which request.
        committed: What the node keeps.
        failed: What it does not keep, and why.
        delays_s: Waiting times between attempts [s].

    Returns:
        Whether there is such a request.
    """
    request = await session.get(StorageCommitment, transaction_uid, with_for_update=True)
    if request is None:
        return False
    dispatch = await session.get(
        Dispatch, request.dispatch_id, with_for_update=True, populate_existing=True
    )
    if dispatch is None:
        return False
    there = await delivered(session, dispatch.id)
    open_ = {uid for uid in request.instances if there.get(uid) is False}
    lost = {uid: why for uid, why in failed.items() if uid in open_}
    await confirm(session, dispatch, sorted(open_.intersection(committed).difference(lost)))
    await take_back(session, dispatch, sorted(lost))
    request.failed, request.answered_at = {**request.failed, **lost}, utc_now()
    event = _outcome(dispatch, lost, delays_s)
    await session.flush()
    if event is not None:
        await append(session, [event])
    return True


def _outcome(dispatch: Dispatch, lost: dict[str, str], delays_s: Sequence[float]) -> Event | None:
    """Move a dispatch on that waits; while an attempt is under way, its end does that."""
    if dispatch.status not in {DispatchStatus.WAITING, DispatchStatus.FAILED}:
        return None
    if lost:
        dispatch.failures = {**dispatch.failures, **lost}
        reason = f"{len(lost)} of {dispatch.instances} not kept: {next(iter(lost.values()))}"
        wait_s = backoff_s(dispatch.attempt - 1, delays_s, str(dispatch.id))
        if dispatch.status is DispatchStatus.FAILED or wait_s is None:
            return end(dispatch, DispatchStatus.FAILED, error=reason)
        dispatch.error = reason
        dispatch.next_attempt_at = utc_now() + timedelta(seconds=wait_s)
        return event_of(dispatch, EventType.DISPATCH_RETRY)
    if dispatch.stored or dispatch.failures:
        return None
    if dispatch.sent < dispatch.instances:  # images came meanwhile
        queue_again(dispatch)
        return event_of(dispatch, EventType.DISPATCH_QUEUED)
    return end(dispatch, DispatchStatus.SENT)


class CommitmentDesk:
    """Hears from the listeners what nodes report."""

    def __init__(self, sessions: Sessions, delays_s: Sequence[float]) -> None:
        self._sessions = sessions
        self._delays_s = delays_s

    async def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """Heed a report; say whether the request is known."""
        async with transaction(self._sessions) as session:
            known = await take_report(
                session,
                message["transaction_uid"],
                message["committed"],
                message["failed"],
                delays_s=self._delays_s,
            )
        return {"known": known}
