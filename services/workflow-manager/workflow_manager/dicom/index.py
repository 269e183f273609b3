"""How instances enter the index: many at a time, in few statements, whoever else is writing.

The caller holds the transaction. It puts the files in their places inside of it, once it knows what
became of each instance, appends the events as its last statement, and commits.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from scanhub_libraries.events import Event
from workflow_manager.database import Table
from workflow_manager.dicom.attributes import Level
from workflow_manager.dicom.columns import columns_of
from workflow_manager.dicom.entries import (
    Arrival,
    Entered,
    Outcome,
    aside_in_conflict,
    aside_of_other_patient,
    conflict_event,
    in_conflict,
    instance_row,
    other_patient_event,
    received_event,
    series_row,
    study_row,
)
from workflow_manager.dicom.part10 import Header
from workflow_manager.dicom.removed_series import describe_anew, leave_removed
from workflow_manager.kept_aside.service import Aside, keep

_TABLES = Table.metadata.tables


@dataclass(slots=True)
class Batch:
    """What became of all arrivals, in their order, and the events that tell of it."""

    entered: list[Entered]
    events: list[Event] = field(default_factory=list)
    aside: list[Aside] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Place:
    """A series in its study, as the index has it."""

    id: UUID
    patient_id: str
    patient_name_key: str
    other_patient: bool


async def enter(session: AsyncSession, arrivals: Sequence[Arrival]) -> Batch:
    """Put instances into the index.

    The first one under a SOP Instance UID is stored. One with the same content is a duplicate and
    counted; one with other content is in conflict: counted, reported, and to be kept aside.
    Rows are written in the order of their UIDs, so that two writers never wait for each other.

    Args:
        session: A transaction that is not read-only.
        arrivals: Any number; a UID may be among them several times.
    """
    now = utc_now()
    places = await _find_places(session, arrivals)
    missing = {a.place: a for a in reversed(arrivals) if a.place not in places}
    created, described = set[UUID](), set[UUID]()
    if missing:
        described = await describe_anew(session, missing, now)
        created = await _create_series(session, missing, now)
        places |= await _find_places(session, list(missing.values()))
    first = {a.header.sop_instance_uid: a for a in reversed(arrivals)}
    rows = [instance_row(first[uid], places[first[uid].place].id, now) for uid in sorted(first)]
    stored = await _insert_new(session, "dicom_instance", rows, "sop_instance_uid")
    batch = await _judge(session, arrivals, first, stored)
    fresh = [first[uid] for uid in sorted(stored)]
    others = await _count(session, fresh, places, now)
    batch.events += [other_patient_event(one) for one in others]
    await keep(session, batch.aside + [aside_of_other_patient(one) for one in others])
    received = {places[a.place].id: a for a in reversed(fresh)}
    await _forget_empty(session, created - received.keys())
    await leave_removed(session, described - received.keys(), now)
    new = (created | described) & received.keys()
    news = [received_event(received[series]) for series in sorted(new)]
    batch.events[:0] = news
    return batch


async def _find_places(
    session: AsyncSession, arrivals: Sequence[Arrival]
) -> dict[tuple[str, str], _Place]:
    series, study = _TABLES["dicom_series"].c, _TABLES["dicom_study"].c
    wanted = {arrival.place for arrival in arrivals}
    query = (
        sa.select(
            series.study_instance_uid,
            series.series_instance_uid,
            series.id,
            study.patient_id,
            study.patient_name_key,
            series.other_patient,
        )
        .join_from(
            _TABLES["dicom_series"],
            _TABLES["dicom_study"],
            study.study_instance_uid == series.study_instance_uid,
        )
        .where(
            series.series_instance_uid.in_({place[1] for place in wanted}),
            series.removed_at.is_(None),
        )
    )
    found = (await session.execute(query)).all()
    return {(r[0], r[1]): _Place(r[2], r[3], r[4], r[5]) for r in found if (r[0], r[1]) in wanted}


async def _create_series(
    session: AsyncSession, missing: dict[tuple[str, str], Arrival], now: datetime
) -> set[UUID]:
    """Create what another writer has not created meanwhile; return the series that we did."""
    first = {place[0]: missing[place] for place in sorted(missing, reverse=True)}
    studies = [study_row(first[uid], now) for uid in sorted(first)]
    await _insert_new(session, "dicom_study", studies, "study_instance_uid")
    series = [series_row(missing[place], now) for place in sorted(missing)]
    return set(await _insert_new(session, "dicom_series", series, "id"))


async def _insert_new(
    session: AsyncSession, table: str, rows: Sequence[dict[str, Any]], returned: str
) -> list[Any]:
    """Insert rows but those that are there; return a column of the inserted ones."""
    target = _TABLES[table]
    postgres = session.get_bind().dialect.name == "postgresql"
    insert = postgresql.insert(target) if postgres else sqlite.insert(target)
    statement = insert.on_conflict_do_nothing().returning(target.c[returned])
    return list((await session.execute(statement, list(rows))).scalars())


async def _judge(
    session: AsyncSession,
    arrivals: Sequence[Arrival],
    first: dict[str, Arrival],
    stored: Sequence[str],
) -> Batch:
    """Say of each arrival what it is, and count those that are not stored with those that are."""
    new = set(stored)
    known = {uid: (a.header.sha256, a.key) for uid, a in first.items() if uid in new}
    known |= await _look_up(session, sorted(first.keys() - new))
    duplicates, conflicts, batch = Counter[str](), Counter[str](), Batch([])
    for arrival in arrivals:
        uid = arrival.header.sop_instance_uid
        sha256, key = known[uid]
        if uid in new:  # this is the first one
            new.remove(uid)
            batch.entered.append(Entered(Outcome.STORED, key))
        elif sha256 == arrival.header.sha256:
            duplicates[uid] += 1
            batch.entered.append(Entered(Outcome.DUPLICATE, key))
        else:
            conflicts[uid] += 1
            entered = in_conflict(arrival)
            batch.entered.append(entered)
            batch.events.append(conflict_event(arrival, entered))
            batch.aside.append(aside_in_conflict(arrival, entered))
    counts = [
        {"uid": uid, "more_duplicates": duplicates[uid], "more_conflicts": conflicts[uid]}
        for uid in sorted(duplicates.keys() | conflicts.keys())
    ]
    await _count_again(session, counts)
    return batch


async def _look_up(session: AsyncSession, uids: Sequence[str]) -> dict[str, tuple[str, str]]:
    if not uids:
        return {}
    table = _TABLES["dicom_instance"].c
    query = sa.select(table.sop_instance_uid, table.sha256, table.key)
    found = await session.execute(query.where(table.sop_instance_uid.in_(uids)))
    return {row[0]: (row[1], row[2]) for row in found}


async def _count_again(session: AsyncSession, counts: Sequence[dict[str, Any]]) -> None:
    if not counts:
        return
    table = _TABLES["dicom_instance"]
    update = (
        sa.update(table)
        .where(table.c.sop_instance_uid == sa.bindparam("uid"))
        .values(
            duplicates=table.c.duplicates + sa.bindparam("more_duplicates", type_=sa.Integer),
            conflicts=table.c.conflicts + sa.bindparam("more_conflicts", type_=sa.Integer),
        )
    )
    connection = await session.connection()
    await connection.execute(update, list(counts))


async def _count(
    session: AsyncSession,
    fresh: Sequence[Arrival],
    places: dict[tuple[str, str], _Place],
    now: datetime,
) -> list[Arrival]:
    """Tell the series what arrived; return an image of each that has another patient by now."""
    if not fresh:
        return []
    more = Counter(places[arrival.place].id for arrival in fresh)
    ours = {places[a.place].id: a.origin.task_id is not None for a in fresh}
    others = {
        places[a.place].id: a
        for a in reversed(fresh)
        if not places[a.place].other_patient and _other_patient(a.header, places[a.place])
    }
    table = _TABLES["dicom_series"]
    total = table.c.number_of_series_related_instances
    update = (
        sa.update(table)
        .where(table.c.id == sa.bindparam("series"))
        .values(
            number_of_series_related_instances=total + sa.bindparam("more", type_=sa.Integer),
            last_received_at=now,
            closed_at=None,
            removed_at=None,  # it may have been emptied since it was looked for
            # What arrives late opens a series again; our own scans say themselves when they end.
            complete=sa.and_(table.c.complete, sa.bindparam("ours", type_=sa.Boolean)),
            other_patient=sa.or_(table.c.other_patient, sa.bindparam("other", type_=sa.Boolean)),
        )
    )
    connection = await session.connection()
    values = [
        {"series": id_, "more": more[id_], "ours": ours[id_], "other": id_ in others}
        for id_ in sorted(more)
    ]
    await connection.execute(update, values)
    return [others[id_] for id_ in sorted(others)]


def _other_patient(header: Header, place: _Place) -> bool:
    """Say whether an instance names another patient than its study: the ID, or else the name."""
    columns = columns_of(Level.STUDY, header.tags)
    if columns["patient_id"] != place.patient_id:
        return True
    names = columns["patient_name_key"], place.patient_name_key
    return all(names) and names[0] != names[1]


async def _forget_empty(session: AsyncSession, series: set[UUID]) -> None:
    """Take back series that were made for instances which are elsewhere already."""
    if not series:
        return
    table, studies = _TABLES["dicom_series"], _TABLES["dicom_study"]
    gone = await session.execute(
        sa.delete(table).where(table.c.id.in_(series)).returning(table.c.study_instance_uid)
    )
    uid = studies.c.study_instance_uid
    in_it = sa.exists().where(table.c.study_instance_uid == uid)
    await session.execute(sa.delete(studies).where(uid.in_(set(gone.scalars())), sa.not_(in_it)))
