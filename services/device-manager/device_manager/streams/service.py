"""Streams in the journal: that one began, and how it ended."""

from sqlalchemy.ext.asyncio import AsyncSession

from device_manager.acquisitions.lease import Lease
from device_manager.database import add_event
from device_manager.devices.service import device_actor
from scanhub_libraries.events import EventType


def _data(lease: Lease) -> dict[str, object]:
    return {
        "acquisition_id": str(lease.id),
        "task_id": str(lease.task_id),
        "workflow_id": str(lease.workflow_id),
        "exam_id": str(lease.exam_id) if lease.exam_id else None,
        "device_id": str(lease.device_id),
    }


def note_began(session: AsyncSession, lease: Lease) -> None:
    """Tell that readouts come while they are acquired."""
    add_event(
        session,
        EventType.STREAM_STARTED,
        lease.id,
        _data(lease),
        actor=device_actor(lease.device_id),
    )


def note_ended(
    session: AsyncSession, lease: Lease, *, size_bytes: int, problem: str | None
) -> None:
    """Tell that no more come; with `problem`, why that was before the end of the scan."""
    add_event(
        session,
        EventType.STREAM_ENDED,
        lease.id,
        {
            **_data(lease),
            "size_bytes": size_bytes,
            "whole": problem is None,
            "reason": problem,
        },
        actor=device_actor(lease.device_id),
    )
