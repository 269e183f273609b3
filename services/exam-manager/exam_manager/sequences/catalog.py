"""Finding sequences: lists, versions, the tasks that use them, two side by side."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from exam_manager.exams.models import Exam
from exam_manager.sequences import rules
from exam_manager.sequences.diff import differences
from exam_manager.sequences.models import Sequence
from exam_manager.sequences.service import find_sequence, sequence_out
from exam_manager.tasks.models import Task
from exam_manager.workflows.models import Workflow
from scanhub_libraries.errors import UnprocessableError
from scanhub_libraries.models import (
    MRISequenceOut,
    SequenceDiff,
    SequenceReference,
    SequenceUse,
)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which sequences are asked for."""

    search: str | None = None
    """Words that all stand in name, description, type or tags."""
    sequence_type: str | None = None
    tag: str | None = None
    """In any case."""
    newest: bool = False
    """Only the newest version of each sequence."""


async def list_sequences(
    session: AsyncSession, wanted: Filter, *, after: str | None = None, limit: int | None = None
) -> list[MRISequenceOut]:
    """Return sequences by name, without their files.

    Args:
        session: The transaction.
        wanted: Which ones.
        after: Only what comes after the sequence with this id.
        limit: At most so many.
    """
    name, sequence_id = col(Sequence.name), col(Sequence.id)
    query = sa.select(Sequence).order_by(name, sequence_id).limit(limit)
    for pattern in rules.search_patterns(wanted.search, wanted.tag):
        query = query.where(col(Sequence.search_text).like(pattern, escape="\\"))
    if wanted.sequence_type is not None:
        query = query.where(col(Sequence.sequence_type) == wanted.sequence_type)
    if wanted.newest:
        query = query.where(~_has_newer())
    if after is not None:
        last = await session.scalar(sa.select(name).where(sequence_id == after))
        if last is None:
            raise UnprocessableError(f"after: there is no sequence {after}.", field="after")
        query = query.where((name > last) | ((name == last) & (sequence_id > after)))
    return [sequence_out(row) for row in await session.scalars(query)]


def _has_newer() -> sa.ColumnElement[bool]:
    newer = aliased(Sequence)
    return sa.exists().where(
        col(newer.lineage_id) == col(Sequence.lineage_id),
        col(newer.lineage_version) > col(Sequence.lineage_version),
    )


async def list_versions(session: AsyncSession, sequence_id: str) -> list[MRISequenceOut]:
    """Return all versions of a sequence, newest first, without their files."""
    row = await find_sequence(session, sequence_id)
    query = (
        sa.select(Sequence)
        .where(col(Sequence.lineage_id) == row.lineage_id)
        .order_by(col(Sequence.lineage_version).desc())
    )
    return [sequence_out(version) for version in await session.scalars(query)]


async def list_uses(
    session: AsyncSession,
    sequence_id: str,
    *,
    all_versions: bool = False,
    after: UUID | None = None,
    limit: int | None = None,
) -> list[SequenceUse]:
    """Return the tasks that use a sequence, newest first."""
    row = await find_sequence(session, sequence_id)
    query = (
        sa.select(
            col(Task.id).label("task_id"),
            col(Task.name).label("task_name"),
            *_same(Task, "status", "is_template", "workflow_id", "datetime_created"),
            *_same(Task, "started_at", "finished_at", "sequence_id"),
            col(Workflow.exam_id).label("exam_id"),
            col(Exam.name).label("exam_name"),
            col(Sequence.lineage_version).label("lineage_version"),
        )
        .join(Sequence, col(Sequence.id) == col(Task.sequence_id))
        .outerjoin(Workflow, col(Workflow.id) == col(Task.workflow_id))
        .outerjoin(Exam, col(Exam.id) == col(Workflow.exam_id))
        .order_by(col(Task.id).desc())
        .limit(limit)
    )
    if all_versions:
        query = query.where(col(Sequence.lineage_id) == row.lineage_id)
    else:
        query = query.where(col(Sequence.id) == sequence_id)
    if after is not None:
        query = query.where(col(Task.id) < after)
    found = (await session.execute(query)).mappings()
    return [SequenceUse.model_validate(dict(use)) for use in found]


def _same(table: Any, *names: str) -> list[Any]:
    return [getattr(table, name) for name in names]


async def compare(session: AsyncSession, left_id: str, right_id: str) -> SequenceDiff:
    """Return the facts of two sequences side by side."""
    left = await find_sequence(session, left_id)
    right = await find_sequence(session, right_id)
    left_facts, right_facts = dict(left.facts), dict(right.facts)
    definitions = differences(left_facts.pop("definitions", {}), right_facts.pop("definitions", {}))
    return SequenceDiff(
        left=SequenceReference.model_validate(left),
        right=SequenceReference.model_validate(right),
        same_content=left.sha256 == right.sha256,
        facts=differences(left_facts, right_facts),
        definitions=definitions,
    )
