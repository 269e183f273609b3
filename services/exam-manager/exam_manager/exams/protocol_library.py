"""The library: every protocol with its newest and its released version, without trees."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.exams.models import Exam
from exam_manager.exams.standing import standing_of
from exam_manager.paging import Page
from exam_manager.searching import search_terms
from exam_manager.sequences.models import Sequence as SequenceRow
from exam_manager.tasks.models import Task
from exam_manager.workflows.models import Workflow
from scanhub_libraries.errors import NotFoundError
from scanhub_libraries.models import ProtocolOut, ProtocolVersionOut, SequenceName

_EXAM = Exam.__table__  # type: ignore[attr-defined]
_FREE = (_EXAM.c.released_at.is_not(None), _EXAM.c.retired_at.is_(None))
"""Exams may be made from it."""


@dataclass(slots=True)
class _Content:
    tasks: int = 0
    edited: datetime | None = None
    sequences: list[SequenceName] = field(default_factory=list)


async def list_protocols(
    session: AsyncSession, page: Page[UUID], *, search: str | None, released: bool | None
) -> list[ProtocolOut]:
    """Return protocols by name: four statements.

    Args:
        session: The transaction.
        page: Which part; `after` is the newest version's exam_id.
        search: Words in name or description of the newest version.
        released: Only those with a released version, or only those without.
    """
    newest = await _newest(session, page, search=search, released=released)
    protocol_ids = [row.protocol_id for row in newest]
    query = sa.select(Exam).where(_EXAM.c.protocol_id.in_(protocol_ids), *_FREE)
    found = await session.scalars(query.order_by(_EXAM.c.protocol_version))
    usable = {row.protocol_id: row for row in found}
    contents = await _contents(session, [row.id for row in newest])
    return [
        _protocol_out(row, usable.get(row.protocol_id), contents.get(row.id, _Content()))
        for row in newest
    ]


async def _newest(
    session: AsyncSession, page: Page[UUID], *, search: str | None, released: bool | None
) -> Sequence[Exam]:
    last = (
        sa.select(_EXAM.c.protocol_id, sa.func.max(_EXAM.c.protocol_version).label("last"))
        .where(_EXAM.c.protocol_id.is_not(None))
        .group_by(_EXAM.c.protocol_id)
        .subquery()
    )
    is_last = (_EXAM.c.protocol_id == last.c.protocol_id) & (
        _EXAM.c.protocol_version == last.c.last
    )
    query = sa.select(Exam).join(last, is_last)
    for term in search_terms(search or ""):
        query = query.where(_EXAM.c.search_text.like(f"%{term}%", escape="\\"))
    if released is not None:
        usable = _EXAM.c.protocol_id.in_(sa.select(_EXAM.c.protocol_id).where(*_FREE))
        query = query.where(usable if released else ~usable)
    query = await page.select(session, query, (_EXAM.c.search_text, _EXAM.c.id))
    return (await session.scalars(query)).all()


async def _contents(session: AsyncSession, exam_ids: list[UUID]) -> dict[UUID, _Content]:
    edited = sa.func.coalesce(col(Task.datetime_updated), col(Task.datetime_created))
    query = (
        sa.select(col(Workflow.exam_id), sa.func.count(), sa.func.max(edited))
        .join(Task, col(Task.workflow_id) == col(Workflow.id))
        .where(col(Workflow.exam_id).in_(exam_ids))
        .group_by(col(Workflow.exam_id))
    )
    rows = (await session.execute(query)).all()
    contents = {row[0]: _Content(row[1], row[2]) for row in rows if row[0] is not None}
    used = (
        sa.select(col(Workflow.exam_id), col(SequenceRow.id), col(SequenceRow.name))
        .join(Task, col(Task.workflow_id) == col(Workflow.id))
        .join(SequenceRow, col(SequenceRow.id) == col(Task.sequence_id))
        .where(col(Workflow.exam_id).in_(exam_ids))
        .distinct()
        .order_by(col(SequenceRow.name), col(SequenceRow.id))
    )
    for exam_id, sequence_id, name in await session.execute(used):
        if exam_id is not None:
            contents[exam_id].sequences.append(SequenceName(id=sequence_id, name=name))
    return contents


def _protocol_out(newest: Exam, usable: Exam | None, content: _Content) -> ProtocolOut:
    times = (newest.datetime_created, newest.datetime_updated, content.edited)
    return ProtocolOut(
        protocol_id=newest.protocol_id or newest.id,
        name=newest.name,
        description=newest.description,
        newest=version_out(newest),
        released=version_out(usable) if usable else None,
        tasks=content.tasks,
        sequences=content.sequences,
        changed=max(time for time in times if time is not None),
    )


def version_out(row: Exam) -> ProtocolVersionOut:
    """Return a version as the wire has it."""
    return ProtocolVersionOut.model_validate(
        {**row.model_dump(), "exam_id": row.id, "standing": standing_of(row)}
    )


async def list_versions(
    session: AsyncSession, exam_id: UUID, page: Page[UUID]
) -> list[ProtocolVersionOut]:
    """Return every version of the protocol that a template is one of, newest first.

    Raises:
        NotFoundError: There is no such template.
    """
    row = await session.get(Exam, exam_id)
    if row is None or row.protocol_id is None:
        raise NotFoundError(f"There is no exam template {exam_id}.")
    query = sa.select(Exam).where(_EXAM.c.protocol_id == row.protocol_id)
    order = (_EXAM.c.protocol_version, _EXAM.c.id)
    query = await page.select(session, query, order, backwards=True)
    return [version_out(version) for version in await session.scalars(query)]
