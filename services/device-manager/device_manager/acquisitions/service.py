"""Acquisitions in the database: each change of state with its event, in one transaction."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from device_manager.acquisitions import repository
from device_manager.acquisitions.models import Acquisition
from device_manager.acquisitions.rules import OPEN_STATES, AcquisitionState, may_become
from device_manager.calibrations import service as calibrations
from device_manager.database import add_event
from device_manager.nodes.notes import Kind, Note, add_note
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import Sessions, transaction
from scanhub_libraries.errors import ConflictError, NotFoundError
from scanhub_libraries.events import EventType

_REASON_LENGTH = 4000
ENTERED = "entered"
"""Of a file: exam-manager has it, and need not hear of it again when a further one comes."""
PROBLEM = "problem"
"""Of a file: why exam-manager does not take it."""
_TAKEN = (AcquisitionState.ACCEPTED, AcquisitionState.RUNNING)
_EVENTS: dict[AcquisitionState, EventType] = {
    AcquisitionState.REQUESTED: EventType.ACQUISITION_REQUESTED,
    AcquisitionState.ACCEPTED: EventType.ACQUISITION_ACCEPTED,
    AcquisitionState.RUNNING: EventType.ACQUISITION_RUNNING,
    AcquisitionState.PAUSED: EventType.ACQUISITION_PAUSED,
    AcquisitionState.LOST: EventType.ACQUISITION_LOST,
    AcquisitionState.STOPPING: EventType.ACQUISITION_STOPPING,
    AcquisitionState.STOPPED: EventType.ACQUISITION_STOPPED,
    AcquisitionState.FINISHED: EventType.ACQUISITION_FINISHED,
    AcquisitionState.FAILED: EventType.ACQUISITION_FAILED,
}


def _event(session: AsyncSession, row: Acquisition, actor: str | None) -> None:
    data: dict[str, Any] = {
        "acquisition_id": str(row.id),
        "task_id": str(row.task_id),
        "workflow_id": str(row.workflow_id),
        "exam_id": str(row.exam_id) if row.exam_id else None,
        "device_id": str(row.device_id),
        "state": row.state.value,
        "reason": row.reason,
        "error_code": row.error_code,
        "result_id": str(row.result_id) if row.result_id else None,
        "sequence_sha256": row.sequence_sha256,
        "safety": _safety_summary(row),
    }
    add_event(session, _EVENTS[row.state], row.id, data, actor=actor)
    _tell_others(session, row)


def _tell_others(session: AsyncSession, row: Acquisition) -> None:
    """Let the process that holds this lease in memory read it anew."""
    note = Note(
        kind=Kind.LEASE,
        device_id=row.device_id,
        acquisition_id=row.id,
        task_id=row.task_id,
        state=row.state.value,
    )
    add_note(session, note)


def _safety_summary(row: Acquisition) -> dict[str, Any] | None:
    """Return what the journal is told: no number of the patient."""
    if row.safety is None:
        return None
    found, confirmation = row.safety["verdict"], row.safety["confirmation"] or {}
    return {
        "outcome": found["outcome"],
        "operating_mode": found["operating_mode"],
        "codes": [reason["code"] for reason in found["reasons"]],
        "confirmed_by": confirmation.get("confirmed_by"),
        "confirmed_at": confirmation.get("confirmed_at"),
    }


@asynccontextmanager
async def taking(sessions: Sessions) -> AsyncIterator[AsyncSession]:
    """Open a session with the transaction of `request_acquisition`.

    Raises:
        ConflictError: The device was taken meanwhile, which its end tells.
    """
    try:
        async with transaction(sessions) as session:
            yield session
    except IntegrityError:
        reason = "Device is busy: another scan was started on it at the same moment."
        raise ConflictError(reason, reasons=[reason]) from None


def request_acquisition(session: AsyncSession, row: Acquisition) -> None:
    """Write a new acquisition, which takes the device when the transaction is committed."""
    session.add(row)
    _event(session, row, row.requested_by)


async def withdraw(session: AsyncSession, acquisition_id: UUID, reason: str, *, actor: str) -> bool:
    """Remove an acquisition for which no task was claimed; False if it has moved on by itself."""
    row = await repository.lock_acquisition(session, acquisition_id)
    if row is None or row.state is not AcquisitionState.REQUESTED:
        return False
    row.state, row.reason = AcquisitionState.FAILED, reason[:_REASON_LENGTH]
    _event(session, row, actor)
    await session.delete(row)
    await calibrations.scan_ended(session, row)
    return True


async def change_state(
    session: AsyncSession,
    acquisition_id: UUID,
    to: AcquisitionState,
    *,
    reason: str | None = None,
    actor: str | None = None,
    exam_id: UUID | None = None,
    settled: bool = False,
    error_code: str | None = None,
    progress: int | None = None,
    safety: dict[str, Any] | None = None,
) -> AcquisitionState | None:
    """Move an acquisition on, if it may; return the state it is in now, None if there is none.

    Repeating is harmless, and what has ended stays ended: whoever comes first decides.

    Args:
        session: The transaction.
        acquisition_id: Which one.
        to: The new state.
        reason: Why, for a person to read.
        actor: Who did it.
        exam_id: The exam, when it is known by now.
        settled: exam-manager does not need to be told.
        error_code: The device's word for what went wrong.
        progress: How far it has got [%], if that is known.
        safety: What the safety gate found (SafetyRecord), if it is not yet noted.
    """
    row = await repository.lock_acquisition(session, acquisition_id)
    if row is None:
        return None
    if not may_become(row.state, to):
        return row.state
    now = utc_now()
    row.state = to
    row.exam_id = row.exam_id or exam_id
    row.reason = reason[:_REASON_LENGTH] if reason else row.reason
    row.error_code = error_code or row.error_code
    row.progress = row.progress if progress is None else progress
    _note_safety(row, safety)
    row.lost_at = now if to is AcquisitionState.LOST else None
    if to in _TAKEN:
        row.accepted_at = row.accepted_at or now
    if to is AcquisitionState.RUNNING:
        row.started_at = row.started_at or now
    if to not in OPEN_STATES:
        row.ended_at = now
        row.settled_at = now if settled else None
        await calibrations.scan_ended(session, row)
    _event(session, row, actor)
    return row.state


def _note_safety(row: Acquisition, safety: dict[str, Any] | None) -> None:
    if safety is not None and row.safety is None:
        row.safety = safety
        row.sequence_sha256 = safety["verdict"]["basis"]["sequence_sha256"]


async def note_safety(session: AsyncSession, acquisition_id: UUID, safety: dict[str, Any]) -> None:
    """Write what the safety gate found, and who confirmed it."""
    row = await repository.lock_acquisition(session, acquisition_id)
    if row is not None:
        _note_safety(row, safety)


async def note_stop(session: AsyncSession, acquisition_id: UUID, stop_reason: str) -> None:
    """Write down that a stop was sent, before anybody has confirmed it."""
    row = await repository.lock_acquisition(session, acquisition_id)
    if row is not None and row.state in OPEN_STATES:
        row.stop_reason = stop_reason[:_REASON_LENGTH]
        _tell_others(session, row)


async def ask_stop(
    session: AsyncSession, acquisition_id: UUID, stop_reason: str, detail: str, *, actor: str
) -> AcquisitionState | None:
    """Remember that a stop was asked for, until the device has heard it; return the state."""
    row = await repository.lock_acquisition(session, acquisition_id)
    if row is None:
        return None
    row.stop_reason = stop_reason[:_REASON_LENGTH]
    _tell_others(session, row)
    return await change_state(
        session, acquisition_id, AcquisitionState.STOPPING, reason=detail, actor=actor
    )


async def get_acquisition(session: AsyncSession, acquisition_id: UUID) -> Acquisition:
    """Return an acquisition.

    Raises:
        NotFoundError: There is none.
    """
    row = await session.get(Acquisition, acquisition_id)
    if row is None:
        raise NotFoundError("Acquisition not found.")
    return row


async def add_file(
    session: AsyncSession, acquisition_id: UUID, file: dict[str, Any], *, actor: str
) -> AcquisitionState | None:
    """Record a file that is safe in the lake; the first one finishes the acquisition."""
    row = await repository.lock_acquisition(session, acquisition_id)
    if row is None:
        return None
    finished = AcquisitionState.FINISHED
    if row.state is not finished and not may_become(row.state, finished):
        return row.state
    if any(known["filename"] == file["filename"] for known in row.files):
        return row.state
    row.files = [*row.files, file]
    _tell_others(session, row)
    row.settled_at = None
    if row.result_id is None:
        row.result_id = UUID(file["result_id"])
    if row.state is finished:
        return finished
    return await change_state(session, acquisition_id, finished, actor=actor)


async def mark_settled(
    session: AsyncSession, acquisition_id: UUID, *, files: int, problem: str | None = None
) -> bool:
    """Note that exam-manager knows of the end, or has refused to (`problem`).

    False: more than `files` have come meanwhile, and exam-manager has to hear of them too. It need
    not hear again of those that it has.
    """
    row = await repository.lock_acquisition(session, acquisition_id)
    if row is None:
        return True
    row.files = [_as_heard(file, problem) for file in row.files[:files]] + row.files[files:]
    if len(row.files) != files:
        return False
    row.settled_at = utc_now()
    if problem is not None:
        row.reason = f"{row.reason} | {problem}"[:_REASON_LENGTH] if row.reason else problem
    return True


def _as_heard(file: dict[str, Any], problem: str | None) -> dict[str, Any]:
    """Return a file with what exam-manager said of it; what it has taken it does not give back."""
    if problem is None:
        return {key: value for key, value in file.items() if key != PROBLEM} | {ENTERED: True}
    return file if file.get(ENTERED) else {**file, PROBLEM: problem}


async def list_acquisitions(
    session: AsyncSession, *, device_id: UUID | None, task_id: UUID | None, limit: int
) -> Sequence[Acquisition]:
    """Return acquisitions, newest first."""
    return await repository.list_acquisitions(
        session, device_id=device_id, task_id=task_id, limit=limit
    )
