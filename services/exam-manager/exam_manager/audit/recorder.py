"""Writes the audit trail: in the transaction of the change, and so that nobody can forget it.

It listens to the sessions of the service. Before each flush it notes what is new, changed and
deleted in the tables below; with the commit it writes one entry for each event of the transaction,
with before and after of the record that the event tells of, and one for each change that no event
tells of. A transaction that is rolled back leaves none.

What a database deletes by itself (the tree below an exam) is read and noted first. What is written
in bulk (a copy) is one entry of the root with counts. A statement that would change or delete rows
of these tables behind the session's back is refused. Reading is not recorded, pure progress
neither; what leaves the house is (disclosures.py).
"""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import event as sa_event
from sqlalchemy.orm import ORMExecuteState, Session, SessionTransaction
from sqlmodel import SQLModel, col
from structlog.contextvars import get_contextvars

from exam_manager.audit import rules
from exam_manager.audit.entries import entries_of
from exam_manager.audit.models import AuditEntry
from exam_manager.audit.trail import Change, Told, Trail
from exam_manager.database import SOURCE
from exam_manager.exams.models import Exam
from exam_manager.patients.models import Patient
from exam_manager.results.models import Result
from exam_manager.sequences.models import Sequence
from exam_manager.tasks.models import Task
from exam_manager.users.models import Account
from exam_manager.workflows.models import Workflow
from scanhub_libraries.database import WITH_COMMIT, Sessions, flush_with_commit
from scanhub_libraries.outbox import pending_events

RECORDED: Final[Mapping[type[SQLModel], str]] = {
    Patient: "patient",
    Exam: "exam",
    Workflow: "workflow",
    Task: "task",
    Result: "result",
    Sequence: "sequence",
    Account: "user",
}
"""The tables whose changes are recorded, by what the trail calls their rows."""
_BY_TABLE: Final = {model.__table__.name: kind for model, kind in RECORDED.items()}  # type: ignore[attr-defined]
_ABOVE: Final = ("task_id", "workflow_id", "exam_id", "patient_id")
_TRAIL: Final = "audit_trail"
_ENTRIES: Final = (
    sa.insert(AuditEntry.__table__).inline().execution_options(**WITH_COMMIT)  # type: ignore[attr-defined]
)


def record_changes(sessions: Sessions) -> None:
    """Let every transaction of these sessions write its audit trail."""
    base = sessions.kw.get("sync_session_class", Session)

    class RecordedSession(base):  # type: ignore[misc, valid-type]
        pass

    sa_event.listen(RecordedSession, "before_flush", _note)
    sa_event.listen(RecordedSession, "do_orm_execute", _note_statement)
    sa_event.listen(RecordedSession, "after_transaction_create", _mark)
    sa_event.listen(RecordedSession, "after_soft_rollback", _take_back)
    sa_event.listen(RecordedSession, "before_commit", _write)
    sessions.configure(sync_session_class=RecordedSession)


def _trail(session: Session) -> Trail:
    trail: Trail = session.info.setdefault(_TRAIL, Trail())
    return trail


# --- what the session writes ----------------------------------------------------------------------


def _note(session: Session, _context: object, _instances: object) -> None:
    """Note what this flush is about to write."""
    trail = _trail(session)
    for row in session.new:
        if type(row) in RECORDED:
            trail.changes.append(_created(RECORDED[type(row)], _values(row)))
    for row in session.dirty:
        if type(row) in RECORDED and (changes := _changed(row)):
            trail.changes.append(_change(row, "updated", changes))
    for row in session.deleted:
        if type(row) in RECORDED:
            kind = RECORDED[type(row)]
            trail.changes.append(_change(row, "deleted", rules.deleted(kind, _values(row))))
            trail.changes += _read_below(session, row)


def _values(row: Any) -> dict[str, Any]:
    """Return the columns of a row that are loaded."""
    loaded = sa.inspect(row).dict
    return {name: loaded[name] for name in _columns(row) if name in loaded}


def _columns(row: Any) -> list[str]:
    return [column.key for column in sa.inspect(row).mapper.column_attrs]


def _changed(row: Any) -> rules.Changes:
    """Return the columns of a row that were set to something else."""
    state, kind, changes = sa.inspect(row), RECORDED[type(row)], {}
    for name in _columns(row):
        if not rules.is_recorded(kind, name):
            continue
        history = state.attrs[name].history
        if history.added:
            before = history.deleted[0] if history.deleted else None
            changes[name] = [rules.plain(before), rules.plain(history.added[0])]
    return {name: pair for name, pair in changes.items() if pair[0] != pair[1]}


def _change(row: Any, what: str, changes: rules.Changes) -> Change:
    kind, values = RECORDED[type(row)], _values(row)
    return Change(kind, _id(kind, values), what, changes, _above(kind, values))


def _created(kind: str, values: Mapping[str, Any], *, in_bulk: bool = False) -> Change:
    later = partial(rules.created, kind, dict(values))
    changes = later if in_bulk else later()
    return Change(kind, _id(kind, values), "created", changes, _above(kind, values), in_bulk)


def _id(kind: str, values: Mapping[str, Any]) -> str:
    return str(values["username" if kind == "user" else "id"])


def _above(kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ids of what a row belongs to; `patient_id` of a patient is something else."""
    if kind == "patient":
        return {}
    return {name: values[name] for name in _ABOVE if name in values}


def _read_below(session: Session, row: Any) -> list[Change]:
    """Return what the database deletes together with a row."""
    found: list[Change] = []
    if isinstance(row, Exam):
        workflows = _read(session, Workflow, col(Workflow.exam_id) == row.id)
        found += workflows
        in_exam = sa.select(col(Workflow.id)).where(col(Workflow.exam_id) == row.id)
        tasks = _read(session, Task, col(Task.workflow_id).in_(in_exam))
    elif isinstance(row, Workflow):
        tasks = _read(session, Task, col(Task.workflow_id) == row.id)
    elif isinstance(row, Task):
        return _read(session, Result, col(Result.task_id) == row.id)
    else:
        return []
    found += tasks
    for start in range(0, len(tasks), 500):
        ids = [UUID(task.subject_id) for task in tasks[start : start + 500]]
        found += _read(session, Result, col(Result.task_id).in_(ids))
    return found


def _read(
    session: Session, model: type[SQLModel], condition: sa.ColumnElement[bool]
) -> list[Change]:
    kind, table = RECORDED[model], model.__table__  # type: ignore[attr-defined]
    rows = map(dict, session.execute(sa.select(table).where(condition)).mappings())
    return [
        Change(kind, _id(kind, row), "deleted", rules.deleted(kind, row), _above(kind, row))
        for row in rows
    ]


# --- what statements write ------------------------------------------------------------------------


def _note_statement(state: ORMExecuteState) -> None:
    """Note rows that are inserted in bulk; refuse changes that nobody could tell of.

    Raises:
        TypeError: A statement writes rows that the trail does not see. It is a mistake in the code.
    """
    if not (state.is_insert or state.is_update or state.is_delete):
        return
    statement: Any = state.statement
    kind = _BY_TABLE.get(statement.table.name)
    if kind is None:
        return
    if state.is_insert and state.parameters:
        given: Any = state.parameters
        rows: Iterable[Mapping[str, Any]] = [given] if isinstance(given, Mapping) else given
        trail = _trail(state.session)
        trail.changes += [_created(kind, row, in_bulk=True) for row in rows]
    elif not state.is_update or _set_by(statement, kind):
        raise TypeError(
            f"Change rows of {statement.table.name} through the session, or insert them as "
            "execute(insert(table), rows): else the audit trail misses it."
        )


def _set_by(statement: Any, kind: str) -> list[str]:
    """Return the recorded columns that an UPDATE sets."""
    columns = list(statement._values or ())  # noqa: SLF001 - there is no other way to ask
    names = [getattr(column, "name", column) for column in columns]
    return [name for name in names if rules.is_recorded(kind, name)]


# --- with the transaction -------------------------------------------------------------------------


def _mark(session: Session, transaction: SessionTransaction) -> None:
    if transaction.nested:
        _trail(session).mark(transaction)


def _take_back(session: Session, previous: SessionTransaction) -> None:
    if previous.nested:
        _trail(session).take_back(previous)
    elif previous.parent is None:
        session.info.pop(_TRAIL, None)


def _write(session: Session) -> None:
    """Write the entries of this transaction, just before it is committed."""
    if session.in_nested_transaction():
        return
    flush_with_commit(session)
    trail: Trail = session.info.pop(_TRAIL, None) or Trail()
    trail.events = [
        Told(event["type"], event["subject"], event["actor"], event["data"])
        for event in pending_events(session)
    ]
    if not (trail.changes or trail.events):
        return
    context = get_contextvars()
    entries = entries_of(
        session,
        trail,
        actor=context.get("actor") or f"service:{SOURCE}",
        address=context.get("address"),
        correlation_id=context.get("correlation_id"),
    )
    if entries:
        session.connection().execute(_ENTRIES, entries)
