"""Writes records of ScanHub, each with the id it had; what is here already stays as it is."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.exams.models import Exam
from exam_manager.exams.service import insert_exam
from exam_manager.patients.models import Patient
from exam_manager.patients.service import create_patient
from exam_manager.results.models import Result
from exam_manager.sequences.models import Sequence
from exam_manager.takeover.rows import Tree
from exam_manager.tasks.models import Task
from exam_manager.workflows.models import Workflow
from exam_manager.workflows.service import insert_tree
from scanhub_libraries.models import BasePatient


async def is_here(
    session: AsyncSession,
    table: type[Patient | Exam | Workflow | Task | Sequence],
    record_id: UUID | str,
) -> bool:
    """Say whether a record was taken over before."""
    return await session.get(table, record_id) is not None


async def sequence_ids(session: AsyncSession) -> set[str]:
    """Return the ids of all sequences."""
    return set(await session.scalars(sa.select(col(Sequence.id))))


async def take_patient(
    session: AsyncSession, patient_id: UUID, patient: BasePatient, *, created_at: datetime
) -> None:
    """Write a patient.

    Raises:
        ConflictError: Another patient has the hospital's number.
    """
    await create_patient(session, patient, now=created_at, record_id=patient_id)


async def take_tree(session: AsyncSession, tree: Tree) -> None:
    """Write an exam, or a template, with all below it; nothing is started by that."""
    if tree.exam is not None:
        await insert_exam(session, tree.exam)
    await insert_tree(session, tree.workflows, tree.tasks)
    if tree.results:
        await session.execute(sa.insert(Result).execution_options(render_nulls=True), tree.results)
