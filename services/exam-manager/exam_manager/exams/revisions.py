"""Revisions: an exam counts every change of itself and of whatever hangs below it.

The count is raised in the transaction of the change, by the mapper events of the four tables of
the tree, so that no service function can forget it. Whoever writes rows without the unit of work
(copies do) calls `revise`. A reader who knows the revision knows whether a tree it has is current.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import event as sa_event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapper, Session, object_session
from sqlmodel import col

from exam_manager.database import Table
from exam_manager.exams.models import Exam
from exam_manager.results.models import Result
from exam_manager.tasks.models import Task
from exam_manager.workflows.models import Workflow
from scanhub_libraries.database import WITH_COMMIT

_EXAM = Exam.__table__  # type: ignore[attr-defined]
_NEXT = _EXAM.c.revision + 1
_REVISED = "revised"
Condition = sa.ColumnElement[bool]


async def revise(session: AsyncSession, exam_id: UUID | None) -> None:
    """Count a change below an exam that the unit of work did not see."""
    if exam_id is not None:
        connection = await session.connection()
        await connection.execute(_raise(_EXAM.c.id == exam_id))


def _raise(condition: Condition) -> sa.Update:
    update = sa.update(_EXAM).where(condition).values(revision=_NEXT)
    return update.execution_options(**WITH_COMMIT)  # nobody asks how many it were


def _is_first(session: Session, key: object) -> bool:
    """Say, once in a transaction: what it changes is seen at once or not at all."""
    transaction = session.get_nested_transaction() or session.get_transaction()
    noted, keys = session.info.get(_REVISED, (None, set()))
    if noted is not transaction:
        session.info[_REVISED] = (transaction, keys := set())
    first = key not in keys
    keys.add(key)
    return first


def _exams_of(session: Session, item: Any) -> Iterator[tuple[object, Callable[[], Condition]]]:
    """Yield which exams a row hangs in, and hung in before: a key and the condition of each.

    The condition is made where it is asked for: most changes are not the first below their exam.
    """
    if isinstance(item, Exam):
        yield item.id, partial(_is, item.id)
    elif isinstance(item, Workflow):
        for exam in _values(item, "exam_id"):
            yield exam, partial(_is, exam)
    elif isinstance(item, Result):
        task = session.identity_map.get(session.identity_key(Task, item.task_id))
        if task is not None:
            yield from _exams_of(session, task)
        else:
            workflow = sa.select(col(Task.workflow_id)).where(col(Task.id) == item.task_id)
            yield item.task_id, partial(_in_exam_of, workflow.scalar_subquery())
    else:
        for workflow_id in _values(item, "workflow_id"):
            known = session.identity_map.get(session.identity_key(Workflow, workflow_id))
            if known is not None:
                yield from _exams_of(session, known)
            else:
                yield workflow_id, partial(_in_exam_of, workflow_id)


def _is(exam_id: UUID) -> Condition:
    condition: Condition = _EXAM.c.id == exam_id
    return condition


def _in_exam_of(workflow_id: Any) -> Condition:
    condition: Condition = _EXAM.c.id.in_(_exam_of(workflow_id))
    return condition


def _exam_of(workflow_id: Any) -> sa.Select[Any]:
    return sa.select(col(Workflow.exam_id)).where(col(Workflow.id) == workflow_id)


def _values(item: Any, name: str) -> set[UUID]:
    """Return the value of a reference and the one it had before, if it is changed."""
    history = sa.inspect(item).attrs[name].history
    return {value for value in (getattr(item, name), *history.deleted) if value is not None}


def _changed(_mapper: Mapper[Any], connection: sa.Connection, item: Any) -> None:
    session = object_session(item)
    if session is not None:
        for key, condition in _exams_of(session, item):
            if _is_first(session, key):
                connection.execute(_raise(condition()))


def _updated(mapper: Mapper[Any], connection: sa.Connection, item: Any) -> None:
    session = object_session(item)
    if session is None or not session.is_modified(item, include_collections=False):
        return
    if isinstance(item, Exam):  # with its own UPDATE, which comes before those of what is below
        if _is_first(session, item.id):
            item.revision = _NEXT
    else:
        _changed(mapper, connection, item)


_TREE: tuple[type[Table], ...] = (Exam, Workflow, Task, Result)
for _table in _TREE:
    sa_event.listen(_table, "before_update", _updated)
    if _table is not Exam:  # a new one has the first revision, of a deleted one nobody asks
        sa_event.listen(_table, "before_insert", _changed)
        sa_event.listen(_table, "before_delete", _changed)
