"""What happened to an exam as spans of one trace, whose id is that of the exam.

A trace of requests ends with the request; what follows goes on in queues, in other processes, after
a crash. The journal has it all: a span is an event that ends something, and the one that began it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from scanhub_libraries.database import Sessions, reading
from scanhub_libraries.events import Event, EventType
from scanhub_libraries.models import JournalEntry
from workflow_manager.journal.follower import JournalFollower
from workflow_manager.journal.models import JournalEvent
from workflow_manager.journal.service import exam_of, task_of
from workflow_manager.journal.tail import JournalTail

_E = EventType


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a span is called, and what begins it; None: it has no length."""

    name: str
    begins: EventType | None = None
    failed: bool = False


def _ends(name: str, begins: EventType, well: EventType, *badly: EventType) -> dict[str, _Kind]:
    return {
        str(well): _Kind(name, begins),
        **{str(end): _Kind(name, begins, failed=True) for end in badly},
    }


SPANS: Mapping[str, _Kind] = {
    str(_E.EXAM_CREATED): _Kind("exam"),
    **_ends("task", _E.TASK_STARTED, _E.TASK_FINISHED, _E.TASK_FAILED, _E.TASK_CANCELED),
    **_ends(
        "acquisition",
        _E.ACQUISITION_REQUESTED,
        _E.ACQUISITION_FINISHED,
        _E.ACQUISITION_STOPPED,
        _E.ACQUISITION_FAILED,
    ),
    **_ends("run", _E.RUN_QUEUED, _E.RUN_SUCCEEDED, _E.RUN_FAILED, _E.RUN_CANCELED),
    **_ends("series", _E.SERIES_RECEIVED, _E.SERIES_COMPLETE),
    **_ends(
        "modules",
        _E.PROCESSING_QUEUED,
        _E.PROCESSING_FINISHED,
        _E.PROCESSING_FAILED,
        _E.PROCESSING_CANCELED,
    ),
    **_ends("case", _E.CASE_OPENED, _E.CASE_DONE, _E.CASE_FAILED),
    **_ends("dispatch", _E.DISPATCH_QUEUED, _E.DISPATCH_SENT, _E.DISPATCH_FAILED),
}
"""By the event that ends it."""
_TOLD = ("task_id", "case_id", "device_id", "series_instance_uid", "target", "job_id", "attempt")
"""Members of an event that a span has as attributes: ids and names of the configuration."""


@dataclass(frozen=True, slots=True)
class JournalSpan:
    """A span of the trace of an exam, or of a case of images from elsewhere.

    Attributes:
        name: What was done.
        source: Name of the service that did it.
        trace: Id of the exam, or of the case.
        event: Id of the event that ended it; the same event makes the same span.
        began_at: When it began.
        ended_at: When it ended.
        failed: It did not come to a good end.
        attributes: What it is about: ids and no name of a person.
    """

    name: str
    source: str
    trace: UUID
    event: UUID
    began_at: datetime
    ended_at: datetime
    failed: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)


class SpanSink(Protocol):
    """Takes spans; does not wait, and loses them rather than hold anybody up."""

    def take(self, span: JournalSpan) -> None:
        """Take a span."""
        ...


def span_follower(sessions: Sessions, tail: JournalTail, sink: SpanSink) -> JournalFollower:
    """Return what makes spans of the events from now on."""

    async def react(entry: JournalEntry) -> None:
        async with reading(sessions) as session:
            span = await span_of(session, entry)
        if span is not None:
            sink.take(span)

    return JournalFollower("traces", sessions, tail, SPANS, react)


async def span_of(session: AsyncSession, entry: JournalEntry) -> JournalSpan | None:
    """Return the span that an event ends; None: it belongs to no exam and no case."""
    kind = SPANS[entry.type]
    trace = await _trace_of(session, entry)
    if trace is None:
        return None
    began_at = None
    if kind.begins is not None:
        began_at = await session.scalar(
            select(JournalEvent.time)
            .where(
                JournalEvent.subject == entry.subject,
                JournalEvent.type == str(kind.begins),
                col(JournalEvent.sequence) < entry.sequence,
            )
            .order_by(col(JournalEvent.sequence).desc())
            .limit(1)
        )
    told = {name: str(entry.data[name]) for name in _TOLD if entry.data.get(name) is not None}
    return JournalSpan(
        name=kind.name,
        source=entry.source,
        trace=trace,
        event=entry.id,
        began_at=min(began_at or entry.time, entry.time),
        ended_at=entry.time,
        failed=kind.failed,
        attributes={
            "scanhub.event": entry.type,
            "scanhub.sequence": str(entry.sequence),
            **({"scanhub.correlation_id": entry.correlation_id} if entry.correlation_id else {}),
            **{f"scanhub.{name}": value for name, value in told.items()},
        },
    )


async def _trace_of(session: AsyncSession, entry: JournalEntry) -> UUID | None:
    """Return the exam of an event, also where it names the task alone; else the case."""
    event = Event.model_validate(entry)
    if exam := exam_of(event):
        return exam
    if task := task_of(event):
        query = sa.select(col(JournalEvent.exam_id)).where(
            col(JournalEvent.task_id) == task, col(JournalEvent.exam_id).is_not(None)
        )
        found: UUID | None = await session.scalar(query.limit(1))
        if found is not None:
            return found
    case = entry.data.get("case_id") or (entry.subject if entry.type.startswith("case.") else None)
    return UUID(case) if case else None
