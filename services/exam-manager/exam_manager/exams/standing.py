"""Whether a tree may be edited: a released version of a protocol is frozen, with all below it."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from exam_manager.exams import rules
from exam_manager.exams.models import Exam
from exam_manager.exams.rules import Act
from scanhub_libraries.models import Standing


def standing_of(exam: Exam) -> Standing:
    """Return what an exam is, as far as plans go."""
    return rules.standing(
        is_template=exam.is_template,
        released=exam.released_at is not None,
        retired=exam.retired_at is not None,
    )


async def check_editable(session: AsyncSession, exam_id: UUID | None) -> None:
    """Refuse to edit what hangs below a released version.

    Holds the exam's row, so that it is not released while it is edited.

    Args:
        session: The transaction.
        exam_id: The template above; None: there is none, or it is no template.

    Raises:
        ConflictError: The version is released.
    """
    if exam_id is not None:
        query = _select_standing(exam_id).with_for_update(key_share=True)
        await _check_act(session, query, Act.EDIT)


async def check_copied(session: AsyncSession, exam_id: UUID | None) -> None:
    """Refuse to copy a part of a version that no exams are made from.

    Raises:
        ConflictError: The version is retired.
    """
    if exam_id is not None:
        await _check_act(session, _select_standing(exam_id), Act.COPY)


def _select_standing(exam_id: UUID) -> sa.Select[Any]:
    columns: list[Any] = [col(Exam.is_template), col(Exam.released_at), col(Exam.retired_at)]
    return sa.select(*columns).where(col(Exam.id) == exam_id)


async def _check_act(session: AsyncSession, query: sa.Select[Any], act: Act) -> None:
    found = (await session.execute(query)).one_or_none()
    if found is not None:
        is_template, released_at, retired_at = found
        standing = rules.standing(
            is_template=is_template,
            released=released_at is not None,
            retired=retired_at is not None,
        )
        rules.check_act(standing, act)


def _with_newest_released() -> sa.Select[Any]:
    other = aliased(Exam)
    newest = sa.select(sa.func.max(col(other.protocol_version))).where(
        col(other.protocol_id) == col(Exam.protocol_id),
        col(other.released_at).is_not(None),
        col(other.retired_at).is_(None),
    )
    return sa.select(Exam, newest.scalar_subquery()).where(col(Exam.id) == sa.bindparam("exam_id"))


WITH_NEWEST_RELEASED = _with_newest_released()
"""An exam (`exam_id`) and the newest version of its protocol that exams are made from."""
