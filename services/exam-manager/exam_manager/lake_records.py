"""What the database says of things that have files in the lake."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.audit.models import AuditEntry
from exam_manager.results.models import Result
from exam_manager.sequences.models import Sequence
from exam_manager.tasks.models import Task
from exam_manager.workflows.models import Workflow
from scanhub_libraries.events import EventType

_MOST_IDS: Final = 500
_DELETED: Final = (
    EventType.WORKFLOW_DELETED,
    EventType.TASK_DELETED,
    EventType.RESULT_DELETED,
    EventType.SEQUENCE_DELETED,
)


@dataclass(slots=True)
class LakeRecords:
    """What is there, what is claimed, and what was deleted when; by id."""

    known: set[str] = field(default_factory=set)
    claimed: set[str] = field(default_factory=set)
    deleted: dict[str, datetime] = field(default_factory=dict)

    def when_deleted(self, workflow: str, task: str, result: str) -> datetime | None:
        """Return since when a result folder belongs to nothing, if that is recorded."""
        if task in self.known:
            return self.deleted.get(result)
        times = [self.deleted[name] for name in (workflow, task) if name in self.deleted]
        return None if not times else min(times)


async def read_records(
    session: AsyncSession,
    *,
    workflows: Iterable[str] = (),
    tasks: Iterable[str] = (),
    results: Iterable[str] = (),
    sequences: Iterable[str] = (),
) -> LakeRecords:
    """Return what the database says of these ids; names that are no ids are unknown to it."""
    records = LakeRecords()
    asked: dict[Any, list[str]] = {
        Workflow: _ids(workflows),
        Task: _ids(tasks),
        Result: _ids(results),
        Sequence: sorted(sequences),
    }
    for table, ids in asked.items():
        await _read_known(session, records, table, ids)
    missing = [name for ids in asked.values() for name in ids if name not in records.known]
    for batch in _batches(missing):
        query = (
            sa.select(col(AuditEntry.subject_id), sa.func.max(col(AuditEntry.time)))
            .where(col(AuditEntry.subject_id).in_(batch), col(AuditEntry.action).in_(_DELETED))
            .group_by(col(AuditEntry.subject_id))
        )
        for identifier, moment in await session.execute(query):
            records.deleted[identifier] = moment
    return records


async def _read_known(
    session: AsyncSession, records: LakeRecords, table: Any, ids: list[str]
) -> None:
    claimed = col(Task.claim_active) if table is Task else sa.literal(value=False)
    for batch in _batches(ids):
        given = batch if table is Sequence else [UUID(name) for name in batch]
        for identifier, active in await session.execute(
            sa.select(table.id, claimed).where(table.id.in_(given))
        ):
            records.known.add(str(identifier))
            if active:
                records.claimed.add(str(identifier))


async def told_before(session: AsyncSession, folder: str) -> bool:
    """Say whether it was told before that nothing refers to a folder."""
    query = sa.select(col(AuditEntry.id)).where(
        col(AuditEntry.subject_id) == folder,
        col(AuditEntry.action) == EventType.LAKE_ORPHAN_FOUND,
    )
    return await session.scalar(query.limit(1)) is not None


def _ids(names: Iterable[str]) -> list[str]:
    """Return the names that are ids in the form in which we write them."""
    found = []
    for name in names:
        try:
            if str(UUID(name)) == name:
                found.append(name)
        except ValueError:
            continue
    return sorted(found)


def _batches(ids: list[str]) -> Iterable[list[str]]:
    return (ids[start : start + _MOST_IDS] for start in range(0, len(ids), _MOST_IDS))
