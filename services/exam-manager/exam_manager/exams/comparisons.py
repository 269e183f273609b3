"""Comparing two templates, and an exam with the template that it was made from."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from exam_manager.exams.plan_diff import compare
from exam_manager.exams.plans import Plan, get_plan, read_lineage, read_plans
from exam_manager.tasks.deviations import deviations_of
from scanhub_libraries.errors import NotFoundError
from scanhub_libraries.models import (
    ChangeKind,
    ExamDeviations,
    ProtocolChange,
    ProtocolDiff,
    TaskDeviations,
)


async def compare_templates(session: AsyncSession, left: UUID, right: UUID) -> ProtocolDiff:
    """Return how one template differs from another.

    Raises:
        NotFoundError: One of them is not there or is no template.
    """
    plans = await read_plans(session, [left, right])
    for exam_id in (left, right):
        if exam_id not in plans or not plans[exam_id].exam["is_template"]:
            raise NotFoundError(f"There is no exam template {exam_id}.")
    changes = await _changes(session, plans[left], plans[right])
    return ProtocolDiff(left=left, right=right, changes=changes)


async def _changes(session: AsyncSession, left: Plan, right: Plan) -> list[ProtocolChange]:
    ids = {left.exam["protocol_id"], right.exam["protocol_id"]} - {None}
    return compare(left, right, await read_lineage(session, sorted(ids)))


async def read_deviations(session: AsyncSession, exam_id: UUID) -> ExamDeviations:
    """Return where an exam is not what its template says.

    Edited values are known from the tasks themselves; what was added or removed is seen by
    comparing with the template, as long as that exists.
    """
    plan = await get_plan(session, exam_id)
    template_id = plan.exam["template_id"]
    template = (await read_plans(session, [template_id])).get(template_id) if template_id else None
    return ExamDeviations(
        exam_id=exam_id,
        template_id=template_id,
        template_version=plan.exam["template_version"],
        template_exists=template is not None,
        tasks=[
            TaskDeviations(task_id=task["id"], name=task["name"], deviations=found)
            for task in plan.tasks
            if (found := deviations_of(task))
        ],
        parts=_strange_tasks(plan)
        if template is None
        else [change for change in await _changes(session, template, plan) if _is_part(change)],
    )


def _is_part(change: ProtocolChange) -> bool:
    return change.kind is not ChangeKind.CHANGED or change.what == "workflow"


def _strange_tasks(plan: Plan) -> list[ProtocolChange]:
    """Return the tasks that were copied from nothing: all that can be told without the template."""
    names = {row["id"]: row["name"] for row in plan.workflows}
    return [
        ProtocolChange(
            kind=ChangeKind.ADDED,
            what="task",
            name=task["name"],
            workflow=names[task["workflow_id"]],
            right_id=task["id"],
        )
        for task in plan.tasks
        if task["template_id"] is None
    ]
