"""Reading exams with everything below them: one statement when they are known, else up to four."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from exam_manager.exams.filters import ExamFilter
from exam_manager.exams.models import Exam
from exam_manager.exams.tree_cache import TreeCache
from exam_manager.exams.tree_json import (
    EXAM_COLUMNS,
    RESULT_COLUMNS,
    TASK_COLUMNS,
    WORKFLOW_COLUMNS,
    render_trees,
)
from exam_manager.paging import Page
from exam_manager.results.models import Result
from exam_manager.searching import search_terms
from exam_manager.tasks.repository import TASK
from exam_manager.workflows.models import Workflow
from scanhub_libraries.database import Sessions, glance, reading
from scanhub_libraries.errors import NotFoundError
from scanhub_libraries.versions import etag

_EXAM = Exam.__table__  # type: ignore[attr-defined]
_WORKFLOW = Workflow.__table__  # type: ignore[attr-defined]
_RESULT = Result.__table__  # type: ignore[attr-defined]
_NEWEST = (_EXAM.c.datetime_created, _EXAM.c.id)
_SELECT = sa.select(*EXAM_COLUMNS)
# Made once: SQLAlchemy then looks a statement up by what it remembers of it.
_THIS = _EXAM.c.id == sa.bindparam("exam_id")
_TAG = sa.select(_EXAM.c.version, _EXAM.c.revision).where(_THIS)
_IN_EXAMS = _WORKFLOW.c.exam_id.in_(sa.bindparam("exam_ids", expanding=True))
_PLACES = (_WORKFLOW.c.position, _WORKFLOW.c.datetime_created, _WORKFLOW.c.id)
_BRANCH = (
    sa.select(
        *(column.label(f"of_exam_{column.name}") for column in EXAM_COLUMNS), *WORKFLOW_COLUMNS
    )
    .select_from(_EXAM.outerjoin(_WORKFLOW, _WORKFLOW.c.exam_id == _EXAM.c.id))
    .where(_THIS)
    .order_by(*_PLACES)
)
"""An exam and its workflows."""
_WORKFLOWS = sa.select(*WORKFLOW_COLUMNS).where(_IN_EXAMS).order_by(*_PLACES)
_TASKS = (
    sa.select(*TASK_COLUMNS)
    .join(_WORKFLOW, _WORKFLOW.c.id == TASK.c.workflow_id)
    .where(_IN_EXAMS)
    .order_by(TASK.c.position, TASK.c.datetime_created, TASK.c.id)
)
_RESULTS = (
    sa.select(*RESULT_COLUMNS)
    .join(TASK, TASK.c.id == _RESULT.c.task_id)
    .join(_WORKFLOW, _WORKFLOW.c.id == TASK.c.workflow_id)
    .where(_IN_EXAMS)
    .order_by(_RESULT.c.datetime_created, _RESULT.c.id)
)
_AT_ONCE = 100
"""Trees read together: 40 kB each, if they are large."""


@dataclass(frozen=True, slots=True)
class Tree:
    """An exam as JSON, and what its tag is made of."""

    exam_id: UUID
    version: int
    revision: int
    json: bytes


async def get_tree(sessions: Sessions, cache: TreeCache, exam_id: UUID) -> Tree:
    """Return an exam with everything below it.

    A tree that is known takes one statement, which looks whether it is still the one.

    Raises:
        NotFoundError: There is no such exam.
    """
    which = {"exam_id": exam_id}
    if exam_id in cache:
        async with glance(sessions) as connection:
            tag = (await connection.execute(_TAG, which)).one_or_none()
        kept = cache.find(exam_id, tag.revision) if tag is not None else None
        if tag is not None and kept is not None:
            return Tree(exam_id, tag.version, tag.revision, kept)
    async with reading(sessions) as session:
        rows = (await session.execute(_BRANCH, which)).mappings().all()
        if not rows:
            raise NotFoundError(f"There is no exam {exam_id}.")
        exam = {column.name: rows[0][f"of_exam_{column.name}"] for column in EXAM_COLUMNS}
        workflows = [row for row in rows if row["id"] is not None]
        json = (await _read(session, [exam], workflows))[exam_id]
    cache.keep(exam_id, exam["revision"], json)
    return Tree(exam_id, exam["version"], exam["revision"], json)


async def get_tag(session: AsyncSession, exam_id: UUID) -> dict[str, str]:
    """Return the tag of an exam that was just changed, as a header."""
    return etag(*(await session.execute(_TAG, {"exam_id": exam_id})).one())


async def list_exams(
    session: AsyncSession,
    cache: TreeCache,
    page: Page[UUID],
    shown: ExamFilter,
    *,
    patient_id: UUID,
) -> list[Tree]:
    """Return the exams of a patient with everything below them, newest first."""
    query = _SELECT.where(_EXAM.c.patient_id == patient_id, *shown.conditions)
    return await read_trees(
        session, cache, await page.select(session, query, _NEWEST, backwards=True)
    )


async def list_templates(
    session: AsyncSession, cache: TreeCache, page: Page[UUID], *, search: str | None
) -> list[Tree]:
    """Return the exam templates with everything below them, newest first."""
    words = (
        _EXAM.c.search_text.like(f"%{term}%", escape="\\") for term in search_terms(search or "")
    )
    query = _SELECT.where(_EXAM.c.is_template, *words)
    return await read_trees(
        session, cache, await page.select(session, query, _NEWEST, backwards=True)
    )


async def read_trees(
    session: AsyncSession,
    cache: TreeCache,
    query: sa.Select[Any],
    values: dict[str, Any] | None = None,
) -> list[Tree]:
    """Return the exams of a query with everything below them.

    Args:
        session: Sees one state of things, so that a tree is that of its revision.
        cache: Trees that are known.
        query: Selects EXAM_COLUMNS.
        values: What the query leaves open.
    """
    rows = (await session.execute(query, values)).mappings().all()
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


async def _read(
    session: AsyncSession, exams: Sequence[Any], workflows: Sequence[Any] | None = None
) -> dict[UUID, bytes]:
    """Return the trees of exams: three statements, or two if the workflows are known."""
    ids = {"exam_ids": [row["id"] for row in exams]}
    queries = (_WORKFLOWS, _TASKS, _RESULTS) if workflows is None else (_TASKS, _RESULTS)
    levels = [_dicts(await session.execute(query, ids)) for query in queries]
    return render_trees(exams, *([] if workflows is None else [workflows]), *levels)


def _dicts(result: sa.Result[Any]) -> list[dict[str, Any]]:
    """Return rows as dictionaries: all of each is used, which mappings of rows are slow at."""
    names = tuple(result.keys())
    return [dict(zip(names, row, strict=True)) for row in result]
