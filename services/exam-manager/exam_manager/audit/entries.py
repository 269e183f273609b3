"""From the changes and events of a transaction to the rows of the audit trail."""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlmodel import col

from exam_manager.audit import rules
from exam_manager.audit.told import told
from exam_manager.audit.trail import Change, Key, Place, Places, Told, Trail, moved_from
from exam_manager.exams.models import Exam
from exam_manager.tasks.models import Task
from exam_manager.workflows.models import Workflow
from scanhub_libraries.clock import utc_now
from scanhub_libraries.events import EventType
from scanhub_libraries.ids import new_id

Row = dict[str, Any]
_OVER = {"task": ("workflow", "workflow_id"), "workflow": ("exam", "exam_id")}


def entries_of(
    session: Session,
    trail: Trail,
    *,
    actor: str,
    address: str | None,
    correlation_id: str | None,
) -> list[Row]:
    """Return the rows to write.

    Args:
        session: The transaction; it is asked where records belong that the trail does not tell.
        trail: What happened in it.
        actor: Who did what no event tells of.
        address: Where the request came from.
        correlation_id: Of the request.
    """
    happened = _told(trail)
    now = utc_now()
    places = _places(session, trail, happened)
    rows: list[Row] = []
    for action, who, change in happened:
        place = places.find(change.subject_type, change.subject_id, change.above)
        rows.append(
            {
                "id": new_id(),
                "time": now,
                "actor": who or actor,
                "address": address,
                "correlation_id": correlation_id,
                "action": action,
                "subject_type": change.subject_type,
                "subject_id": change.subject_id,
                "exam_id": place.exam_id,
                "patient_id": place.patient_id,
                "changes": change.changes,
            }
        )
        rows += _where_it_was(rows[-1], change, place, places)
    return _in_order(rows)


def _in_order(rows: list[Row]) -> list[Row]:
    """Give the ids in the order of the entries: within a millisecond a UUIDv7 is random."""
    for row, identifier in zip(rows, sorted(row["id"] for row in rows), strict=True):
        row["id"] = identifier
    return rows


def _told(trail: Trail) -> list[tuple[str, str | None, Change]]:
    """Return action, actor and change of every entry: events first, then what none tells of."""
    open_changes = trail.by_record()
    happened: list[tuple[str, str | None, Change]] = []
    by_event: dict[Key, Change] = {}
    for event in trail.events:
        change = _change_of(event, open_changes)
        if event.type == EventType.TASK_PROGRESS and not change.changes:
            continue
        by_event.setdefault(change.key, change)
        happened.append((event.type, event.actor, change))
    rest = _count_copied(open_changes, by_event)
    happened += [
        (f"{change.subject_type}.{change.kind}", None, change)
        for change in rest
        if change.changes or change.kind == "deleted"
    ]
    return happened


def _change_of(event: Told, open_changes: dict[Key, Change]) -> Change:
    """Return the change that an event tells of; the first event of a record tells all of it."""
    key = (rules.subject_type_of(event.type), event.subject_id)
    change = open_changes.pop(key, None)
    above = {name: event.data[name] for name in event.data if name.endswith("_id")}
    if change is None:
        return Change(*key, "told", told(event.type, event.data), above)
    change.above = {**above, **change.above}
    return change


def _count_copied(open_changes: dict[Key, Change], by_event: dict[Key, Change]) -> list[Change]:
    """Count the rows of a copied tree in the entry of its root; return all other changes."""
    rest: list[Change] = []
    counts: dict[Key, Counter[str]] = {}
    for change in open_changes.values():
        root = _root_of(change, open_changes, by_event) if change.in_bulk else None
        if root is None:
            rest.append(change)
        else:
            counts.setdefault(root, Counter())[f"{change.subject_type}s"] += 1
    for root, counted in counts.items():
        by_event[root].changes |= {name: [None, count] for name, count in counted.items()}
    return rest


def _root_of(
    change: Change, open_changes: dict[Key, Change], by_event: dict[Key, Change]
) -> Key | None:
    while change.subject_type in _OVER:
        over, name = _OVER[change.subject_type]
        key = (over, str(change.above.get(name)))
        if key in by_event:
            return key if by_event[key].in_bulk else None
        above = open_changes.get(key)
        if above is None:
            return None
        change = above
    return None


def _where_it_was(row: Row, change: Change, place: Place, places: Places) -> Iterable[Row]:
    """Yield the entry again for the exam or the patient that the record was taken away from."""
    for before in moved_from(change):
        was = places.find("", "", before)
        exam_id = was.exam_id if was.exam_id != place.exam_id else None
        patient_id = was.patient_id if was.patient_id != place.patient_id else None
        if exam_id is not None or patient_id is not None:
            yield {**row, "id": new_id(), "exam_id": exam_id, "patient_id": patient_id}


def _places(
    session: Session, trail: Trail, happened: list[tuple[str, str | None, Change]]
) -> Places:
    """Return where the records of all entries belong, with one more read where that is not told."""
    places = Places()
    for event in trail.events:
        places.learn(rules.subject_type_of(event.type), event.subject_id, event.data)
    for change in trail.changes:
        places.learn(change.subject_type, change.subject_id, change.above)
    wanted: list[tuple[str, str, Mapping[str, Any]]] = []
    for _, _, change in happened:
        wanted.append((change.subject_type, change.subject_id, change.above))
        wanted += [("", "", before) for before in moved_from(change)]
    unread: dict[str, set[UUID]] = {}
    for one in wanted:
        place = places.find(*one)
        if place.unread is not None:
            unread.setdefault(place.unread[0], set()).add(place.unread[1])
    for below, ids in unread.items():
        _read_places(session, places, below, sorted(ids))
    return places


def _read_places(session: Session, places: Places, below: str, ids: list[UUID]) -> None:
    """Learn where these tasks, workflows or exams belong; what is not there belongs nowhere."""
    known = getattr(places, below)
    known.update(dict.fromkeys(ids))
    query, names = _above(below)
    for batch in range(0, len(ids), 500):
        for identifier, *above in session.execute(query, {"ids": ids[batch : batch + 500]}):
            places.learn(below, identifier, dict(zip(names, above, strict=True)))


@cache
def _above(below: str) -> tuple[Any, tuple[str, ...]]:
    """Return the query for what is above tasks, workflows or exams, and the names of its columns.

    Made once: most changes ask it, and it takes longer to put together than to answer.
    """
    start: Any = {"task": Task, "workflow": Workflow, "exam": Exam}[below]
    columns = {
        "task": (col(Task.id), col(Task.workflow_id), col(Workflow.exam_id), col(Exam.patient_id)),
        "workflow": (col(Workflow.id), col(Workflow.exam_id), col(Exam.patient_id)),
        "exam": (col(Exam.id), col(Exam.patient_id)),
    }[below]
    query: Any = sa.select(*columns).select_from(start)
    if below == "task":
        query = query.outerjoin(Workflow, col(Workflow.id) == col(Task.workflow_id))
    if below != "exam":
        query = query.outerjoin(Exam, col(Exam.id) == col(Workflow.exam_id))
    query = query.where(start.id.in_(sa.bindparam("ids", expanding=True)))
    return query, ("workflow_id", "exam_id", "patient_id")[-len(columns) + 1 :]
