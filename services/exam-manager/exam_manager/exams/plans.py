"""Plans: the rows of whole trees, for what compares, copies and exports them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.exams.models import Exam
from exam_manager.tasks.models import Task
from exam_manager.workflows.models import Workflow
from scanhub_libraries.errors import NotFoundError

Row = Mapping[str, Any]
_EXAM = Exam.__table__  # type: ignore[attr-defined]
_WORKFLOW = Workflow.__table__  # type: ignore[attr-defined]
_TASK = Task.__table__  # type: ignore[attr-defined]


@dataclass
class Plan:
    """An exam or a template with the rows below it, each level in its order."""

    exam: Row
    workflows: list[Row] = field(default_factory=list)
    tasks: list[Row] = field(default_factory=list)

    @cached_property
    def _below(self) -> dict[UUID, list[Row]]:
        found: dict[UUID, list[Row]] = {row["id"]: [] for row in self.workflows}
        for task in self.tasks:
            found[task["workflow_id"]].append(task)
        return found

    def tasks_of(self, workflow: Row) -> list[Row]:
        """Return the tasks of one workflow, once all are read."""
        return self._below[workflow["id"]]


async def read_plans(session: AsyncSession, exam_ids: Sequence[UUID]) -> dict[UUID, Plan]:
    """Return plans by the id of their exam: three statements. What there is not is left out."""
    exams = await _rows(session, sa.select(_EXAM).where(_EXAM.c.id.in_(exam_ids)))
    plans = {row["id"]: Plan(row) for row in exams}
    order = (_WORKFLOW.c.position, _WORKFLOW.c.datetime_created, _WORKFLOW.c.id)
    below = _WORKFLOW.c.exam_id.in_(exam_ids)
    exam_of: dict[UUID, UUID] = {}
    for row in await _rows(session, sa.select(_WORKFLOW).where(below).order_by(*order)):
        exam_of[row["id"]] = row["exam_id"]
        plans[row["exam_id"]].workflows.append(row)
    query = (
        sa.select(_TASK)
        .join(_WORKFLOW, _WORKFLOW.c.id == _TASK.c.workflow_id)
        .where(below)
        .order_by(*order, _TASK.c.position, _TASK.c.datetime_created, _TASK.c.id)
    )
    for row in await _rows(session, query):
        plans[exam_of[row["workflow_id"]]].tasks.append(row)
    return plans


async def _rows(session: AsyncSession, query: sa.Select[Any]) -> list[Row]:
    return [dict(row) for row in (await session.execute(query)).mappings()]


async def get_plan(session: AsyncSession, exam_id: UUID) -> Plan:
    """Return one plan.

    Raises:
        NotFoundError: There is no such exam.
    """
    plan = (await read_plans(session, [exam_id])).get(exam_id)
    if plan is None:
        raise NotFoundError(f"There is no exam {exam_id}.")
    return plan


async def read_lineage(
    session: AsyncSession, protocol_ids: Sequence[UUID]
) -> dict[UUID, UUID | None]:
    """Return of each task of these protocols the task of the version before that it came from."""
    query = (
        sa.select(col(Task.id), col(Task.template_id))
        .join(Workflow, col(Workflow.id) == col(Task.workflow_id))
        .join(Exam, col(Exam.id) == col(Workflow.exam_id))
        .where(col(Exam.protocol_id).in_(protocol_ids))
    )
    return {row[0]: row[1] for row in await session.execute(query)}
