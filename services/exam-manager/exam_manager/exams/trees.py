"""Reading exams with everything below them: one statement when they are known, else four."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from exam_manager.exams.tree_cache import TreeCache
from exam_manager.exams.tree_json import (
    EXAM_COLUMNS,
    RESULT_COLUMNS,
    TASK_COLUMNS,
    WORKFLOW_COLUMNS,
    render_trees,
)
from exam_manager.results.models import Result
from exam_manager.tasks.repository import TASK
from exam_manager.workflows.models import Workflow
from scanhub_libraries.errors import NotFoundError

_WORKFLOW = Workflow.__table__  # type: ignore[attr-defined]
_RESULT = Result.__table__  # type: ignore[attr-defined]
_AT_ONCE = 100
"""Trees read together: 40 kB each, if they are large."""


@dataclass(frozen=True, slots=True)
class Tree:
    """An exam as JSON, and what its tag is made of."""

    exam_id: UUID
    version: int
    revision: int
    json: bytes


async def get_tree(session: AsyncSession, cache: TreeCache, exam_id: UUID) -> Tree:
    """Return an exam with everything below it.

    Raises:
        NotFoundError: There is no such exam.
    """
    found = await read_trees(session, cache, sa.select(*EXAM_COLUMNS).where(_ID == exam_id))
    if not found:
        raise NotFoundError(f"There is no exam {exam_id}.")
    return found[0]


async def read_trees(
    session: AsyncSession, cache: TreeCache, query: sa.Select[Any]
) -> list[Tree]:
    """Return the exams of a query with everything below them.

    Args:
        session: Sees one state of things, so that a tree is that of its revision.
        cache: Trees that are known.
        query: Selects EXAM_COLUMNS.
    """
    rows = (await session.execute(query)).mappings().all()
    trees = {row["id"]: cache.find(row["id"], row["revision"]) for row in rows}
    unknown = [row for row in rows if trees[row["id"]] is None]
    for start in range(0, len(unknown), _AT_ONCE):
        some = unknown[start : start + _AT_ONCE]
        rendered = await _read(session, some)
        trees.update(rendered)
        for row in some:
            cache.keep(row["id"], row["revision"], rendered[row["id"]])
    return [
        Tree(row["id"], row["version"], row["revision"], trees[row["id"]] or b"") for row in rows
    ]


async def _read(session: AsyncSession, exams: Sequence[Any]) -> dict[UUID, bytes]:
    """Return the trees of exams: three statements."""
    in_exams = _WORKFLOW.c.exam_id.in_([row["id"] for row in exams])
    workflows = (
        sa.select(*WORKFLOW_COLUMNS)
        .where(in_exams)
        .order_by(_WORKFLOW.c.position, _WORKFLOW.c.datetime_created, _WORKFLOW.c.id)
    )
    tasks = (
        sa.select(*TASK_COLUMNS)
        .join(_WORKFLOW, _WORKFLOW.c.id == TASK.c.workflow_id)
        .where(in_exams)
        .order_by(TASK.c.position, TASK.c.datetime_created, TASK.c.id)
    )
    results = (
        sa.select(*RESULT_COLUMNS)
        .join(TASK, TASK.c.id == _RESULT.c.task_id)
        .join(_WORKFLOW, _WORKFLOW.c.id == TASK.c.workflow_id)
        .where(in_exams)
        .order_by(_RESULT.c.datetime_created, _RESULT.c.id)
    )
    levels = [
        (await session.execute(query)).mappings().all() for query in (workflows, tasks, results)
    ]
    return render_trees(exams, *levels)


_ID = EXAM_COLUMNS[0]
