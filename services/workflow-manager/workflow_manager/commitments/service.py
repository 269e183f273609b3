"""Requests for storage commitment: taken, answered for, told, tried again."""

import os
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from scanhub_libraries.errors import ConflictError, NotFoundError
from scanhub_libraries.events import Event, EventType
from scanhub_libraries.models import CommitmentOut
from scanhub_libraries.models.workflow_manager import CommitmentDetail, CommitmentReference
from workflow_manager.commitments import repository
from workflow_manager.commitments.models import CommitmentRequest
from workflow_manager.commitments.rules import IN_WORDS, CommitmentState, Held, failure_of
from workflow_manager.engine.attempts import Attempt, Attempts, key_of
from workflow_manager.journal.service import append, own_event

ATTEMPTS = Attempts(kind="commitment", queue="commitment")
_KEPT = timedelta(days=90)
"""How long requests that have ended are listed."""
_MOST_REFERENCES = 1000


def attempt_of(row: CommitmentRequest) -> Attempt:
    """Return the attempt that comes next; reports to one node take turns."""
    return Attempt(key_of(row.id, row.attempt), row.peer_aet, row.next_attempt_at)


def event_of(row: CommitmentRequest, event_type: EventType) -> Event:
    """Return the event that tells of a request."""
    data = {
        "peer_aet": row.peer_aet,
        "transaction_uid": row.transaction_uid,
        "instances": len(row.instances),
        "kept": row.kept,
        "attempt": row.attempt,
        "error": row.error,
    }
    return own_event(event_type, row.id, data)


def describe(row: CommitmentRequest) -> CommitmentOut:
    """Return a request as it is told."""
    document = row.model_dump(exclude={"instances", "failed"})
    return CommitmentOut.model_validate({**document, "instances": len(row.instances)})


def describe_whole(row: CommitmentRequest) -> CommitmentDetail:
    """Return a request with what it is about; what we do not keep comes first."""
    references = [
        CommitmentReference(
            sop_class_uid=sop_class,
            sop_instance_uid=uid,
            failure=IN_WORDS[row.failed[uid]] if uid in row.failed else None,
        )
        for sop_class, uid in row.instances
    ]
    references.sort(key=lambda one: one.failure is None)
    told = describe(row).model_dump()
    return CommitmentDetail(**told, references=references[:_MOST_REFERENCES])


async def take_request(
    session: AsyncSession,
    *,
    peer_aet: str,
    own_aet: str,
    address: str,
    transaction_uid: str,
    references: Sequence[Sequence[str]],
) -> CommitmentRequest | None:
    """Write down what a node asks; the same once more is answered once more.

    Returns:
        The request; None: the node used its Transaction UID for another one.
    """
    await repository.forget_ended(session, utc_now() - _KEPT)
    wanted = [list(one) for one in references]
    row = await repository.find_request(session, peer_aet, transaction_uid)
    if row is not None and row.instances != wanted:
        return None
    if row is None:
        row = CommitmentRequest(
            peer_aet=peer_aet,
            own_aet=own_aet,
            address=address,
            transaction_uid=transaction_uid,
            instances=wanted,
        )
        session.add(row)
    else:
        _again(row)
    await session.flush()
    await append(session, [event_of(row, EventType.COMMITMENT_REQUESTED)])
    return row


def _again(row: CommitmentRequest) -> None:
    row.state, row.ended_at, row.next_attempt_at = CommitmentState.WAITING, None, None
    row.attempt += 1


async def get_request(
    session: AsyncSession, request_id: UUID, *, lock: bool = False
) -> CommitmentRequest:
    """Return a request; `lock` to change it."""
    row = await session.get(
        CommitmentRequest, request_id, with_for_update=lock, populate_existing=lock
    )
    if row is None:
        raise NotFoundError(f"There is no request for storage commitment {request_id}.")
    return row


async def judge(
    session: AsyncSession, row: CommitmentRequest
) -> tuple[dict[str, Any], dict[str, tuple[str, int]]]:
    """Return the report as far as the index knows, and the files that have to be looked at.

    Returns:
        The report as `dicom.promising` takes it, all of it kept that the index has; and key and
        size [byte] of the file of each instance that is in the index.
    """
    found = await repository.find_instances(session, [uid for _, uid in row.instances])
    report: dict[str, Any] = {"transaction_uid": row.transaction_uid, "kept": [], "failed": []}
    for sop_class, uid in row.instances:
        held = Held(found[uid][0], is_whole=True) if uid in found else None
        _put(report, sop_class, uid, held)
    return report, {uid: (key, size) for uid, (_, key, size) in found.items()}


def without_broken(report: dict[str, Any], broken: Iterable[str]) -> dict[str, Any]:
    """Return a report that promises nothing of instances whose file is not what it should be."""
    lost = set(broken)
    told: dict[str, Any] = {**report, "kept": [], "failed": list(report["failed"])}
    for sop_class, uid in report["kept"]:
        _put(told, sop_class, uid, Held(sop_class, is_whole=uid not in lost))
    return told


def _put(report: dict[str, Any], sop_class: str, uid: str, held: Held | None) -> None:
    reason = failure_of(sop_class, held)
    if reason is None:
        report["kept"].append((sop_class, uid))
    else:
        report["failed"].append((sop_class, uid, reason))


def broken_files(root: Path, files: dict[str, tuple[str, int]], *, sync: bool) -> list[str]:
    """Return the UIDs of files that are not there, or not as long as they should be. Blocking.

    Args:
        root: Of the lake.
        files: Key and size [byte] by UID.
        sync: Bring each to the disk first: nobody did that when it was received.
    """
    broken, folders = [], set()
    for uid, (key, size) in files.items():
        path = root / key
        try:
            with path.open("rb") as file:
                if os.fstat(file.fileno()).st_size != size:
                    broken.append(uid)
                elif sync:
                    os.fsync(file.fileno())
                    folders.add(path.parent)
        except OSError:
            broken.append(uid)
    for folder in folders:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return broken


async def note_told(
    session: AsyncSession,
    row: CommitmentRequest,
    kept: int,
    failed: Iterable[tuple[str, str, int]],
) -> None:
    """Write down that the node has heard, and what.

    Args:
        session: The transaction.
        row: The request, locked.
        kept: How many instances we keep.
        failed: SOP class, instance and Failure Reason of those that we do not keep.
    """
    row.state, row.kept, row.error = CommitmentState.REPORTED, kept, None
    row.failed = {uid: reason for _, uid, reason in failed}
    row.ended_at, row.next_attempt_at = utc_now(), None
    await session.flush()
    await append(session, [event_of(row, EventType.COMMITMENT_REPORTED)])


async def note_untold(
    session: AsyncSession, row: CommitmentRequest, problem: str, wait_s: float | None
) -> None:
    """Write down that the node did not hear, and when it is tried again.

    Args:
        session: The transaction.
        row: The request, locked.
        problem: Why not.
        wait_s: Until the next attempt [s]; None: that was the last one.
    """
    row.error = problem
    if wait_s is None:
        row.state, row.ended_at, row.next_attempt_at = CommitmentState.FAILED, utc_now(), None
    else:
        row.attempt += 1
        row.next_attempt_at = utc_now() + timedelta(seconds=wait_s)
    await session.flush()
    if wait_s is None:
        await append(session, [event_of(row, EventType.COMMITMENT_FAILED)])


async def try_again(session: AsyncSession, request_id: UUID) -> CommitmentRequest:
    """Report now what waits or failed; raises ConflictError if the node has heard."""
    row = await get_request(session, request_id, lock=True)
    if row.state is CommitmentState.REPORTED:
        raise ConflictError("The node has heard already.")
    _again(row)
    await session.flush()
    await append(session, [event_of(row, EventType.COMMITMENT_REQUESTED)])
    return row
