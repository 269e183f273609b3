"""Protocols: the versions of one exam template. Released ones are frozen, a new one is a copy."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.database import emit
from exam_manager.exams import rules, service
from exam_manager.exams.models import Exam
from exam_manager.exams.plans import Plan, get_plan
from exam_manager.exams.rules import Act
from exam_manager.exams.standing import standing_of
from exam_manager.tasks.copying import copied_tree
from exam_manager.tasks.holding import hold_trees
from exam_manager.workflows import service as workflows
from scanhub_libraries.errors import ConflictError, NotFoundError, UnprocessableError
from scanhub_libraries.events import EventType
from scanhub_libraries.models import BaseExam, ExamOut
from scanhub_libraries.versions import check_version


async def release_version(
    session: AsyncSession,
    exam_id: UUID,
    *,
    comment: str,
    actor: str,
    if_match: str | None,
    now: datetime,
) -> ExamOut:
    """Release a version: from now on it is frozen. A refusal names every reason."""
    row = await _hold(session, exam_id, Act.RELEASE)
    check_version(if_match, row.version)
    plan = await get_plan(session, exam_id)
    if reasons := rules.release_reasons(plan.workflows, plan.tasks):
        raise UnprocessableError(" ".join(reasons), reasons=reasons)
    row.released_at, row.released_by, row.release_comment = now, actor, comment
    row.version += 1
    emit_protocol(session, EventType.PROTOCOL_RELEASED, row)
    await session.flush()
    return await service.get_exam(session, exam_id)


async def retire_version(
    session: AsyncSession, exam_id: UUID, *, if_match: str | None, now: datetime
) -> ExamOut:
    """Retire a released version: no new exams are made from it, and it stays readable."""
    row = await _hold(session, exam_id, Act.RETIRE)
    check_version(if_match, row.version)
    row.retired_at = now
    row.version += 1
    emit_protocol(session, EventType.PROTOCOL_RETIRED, row)
    await session.flush()
    return await service.get_exam(session, exam_id)


async def revise_version(
    session: AsyncSession, exam_id: UUID, *, creator: str, now: datetime
) -> ExamOut:
    """Make the next version, a draft: a deep copy, in one transaction.

    The database takes a protocol's version number once, so of two at the same moment one is 409.
    """
    source = await _hold(session, exam_id, Act.REVISE)
    newest = await newest_version(session, source.protocol_id)
    if newest is not None:
        check_no_draft(newest)
    plan = await get_plan(session, exam_id)
    body = BaseExam(
        name=source.name,
        description=source.description,
        indication=source.indication,
        comment=source.comment,
        patient_position=source.patient_position,
        is_template=True,
    )
    row = service.new_exam(body, creator=creator, now=now) | {
        "protocol_id": source.protocol_id,
        "protocol_version": (newest.protocol_version or 0) + 1 if newest else 1,
        "template_id": source.id,
        "template_version": source.protocol_version,
    }
    await service.insert_exam(session, row)
    new_workflows, new_tasks = copied_tree(
        plan.workflows,
        plan.tasks,
        exam_id=row["id"],
        is_template=True,
        creator=creator,
        now=now,
    )
    await workflows.insert_tree(session, new_workflows, new_tasks)
    emit_protocol(session, EventType.PROTOCOL_REVISED, Exam(**row))
    return await service.get_exam(session, row["id"])


async def _hold(session: AsyncSession, exam_id: UUID, act: Act) -> Exam:
    """Return a version, held until the end of the transaction, if this may be done with it."""
    await hold_trees(session, exam_ids=[exam_id])
    row = await session.get(Exam, exam_id)
    if row is None:
        raise NotFoundError(f"There is no exam template {exam_id}.")
    rules.check_act(standing_of(row), act)
    return row


async def newest_version(session: AsyncSession, protocol_id: UUID | None) -> Exam | None:
    """Return the newest version of a protocol."""
    query = sa.select(Exam).where(col(Exam.protocol_id) == protocol_id)
    newest = query.order_by(col(Exam.protocol_version).desc()).limit(1)
    return (await session.scalars(newest)).one_or_none()


def check_no_draft(newest: Exam) -> None:
    """Refuse a second draft of one protocol.

    Raises:
        ConflictError: The newest version is a draft.
    """
    if newest.released_at is None:
        raise ConflictError(
            f"Version {newest.protocol_version} is a draft already: edit, release or delete it.",
            exam_id=str(newest.id),
        )


async def get_template(session: AsyncSession, exam_id: UUID, act: Act) -> Plan:
    """Return a template with its tree, if this may be done with it.

    Raises:
        NotFoundError: There is no such exam.
        ConflictError: It is no template.
    """
    plan = await get_plan(session, exam_id)
    rules.check_act(standing_of(Exam(**plan.exam)), act)
    return plan


def emit_protocol(session: AsyncSession, event_type: EventType, version: Exam) -> None:
    """Tell what happened to a version of a protocol."""
    data = {
        "exam_id": str(version.id),
        "protocol_id": str(version.protocol_id),
        "protocol_version": version.protocol_version,
        "name": version.name,
    }
    emit(session, event_type, version.id, data)
