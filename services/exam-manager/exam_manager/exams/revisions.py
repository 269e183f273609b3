"""Revisions: an exam counts every change of itself and of whatever hangs below it.

The count is raised in the transaction of the change, by the mapper events of the four tables of
the tree, so that no service function can forget it. Whoever writes rows without the unit of work
(copies do) calls `revise`. A reader who knows the revision knows whether a tree it has is current.
"""

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

_EXAM = Exam.__table__  # type: ignore[attr-defined]
_REVISED = "revised"


async def revise(session: AsyncSession, exam_id: UUID | None) -> None:
    """Count a change below an exam that the unit of work did not see."""
    if exam_id is not None:
        connection = await session.connection()
        await connection.execute(_raise(_EXAM.c.id == exam_id))


def _raise(condition: sa.ColumnElement[bool]) -> sa.Update:
    return sa.update(_EXAM).where(condition).values(revision=_EXAM.c.revision + 1)


def _raise_once(
    session: Session, connection: sa.Connection, key: object, condition: sa.ColumnElement[bool]
) -> None:
    """Raise a revision, once in a transaction: what it changes is seen at once or not at all."""
    transaction = session.get_nested_transaction() or session.get_transaction()
    noted, keys = session.info.get(_REVISED, (None, set()))
    if noted is not transaction:
        session.info[_REVISED] = (transaction, keys := set())
    if key not in keys:
        keys.add(key)
        connection.execute(_raise(condition))


def _exams_of(session: Session, item: Any) -> list[tuple[object, sa.ColumnElement[bool]]]:
    """Return which exams a row hangs in, and hung in before: a key and a condition of each."""
    if isinstance(item, Exam):
        return [(item.id, _EXAM.c.id == item.id)]
    if isinstance(item, Workflow):
        return [(exam, _EXAM.c.id == exam) for exam in _values(item, "exam_id")]
    if isinstance(item, Result):
        workflow = sa.select(col(Task.workflow_id)).where(col(Task.id) == item.task_id)
        task = session.identity_map.get(session.identity_key(Task, item.task_id))
        if task is None:
            return [(item.task_id, _EXAM.c.id.in_(_exam_of(workflow.scalar_subquery())))]
        item = task
    found: list[tuple[object, sa.ColumnElement[bool]]] = []
    for workflow_id in _values(item, "workflow_id"):
        known = session.identity_map.get(session.identity_key(Workflow, workflow_id))
        if known is None:
            found.append((workflow_id, _EXAM.c.id.in_(_exam_of(workflow_id))))
        else:
            found += _exams_of(session, known)
    return found


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
            _raise_once(session, connection, key, condition)


def _updated(mapper: Mapper[Any], connection: sa.Connection, item: Any) -> None:
    session = object_session(item)
    if session is not None and session.is_modified(item, include_collections=False):
        _changed(mapper, connection, item)


_TREE: tuple[type[Table], ...] = (Exam, Workflow, Task, Result)
for _table in _TREE:
    sa_event.listen(_table, "before_update", _updated)
    if _table is not Exam:  # a new one has the first revision, of a deleted one nobody asks
        sa_event.listen(_table, "before_insert", _changed)
        sa_event.listen(_table, "before_delete", _changed)
