"""The bookkeeper's questions to the database; each goes along an index and has an end."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from scanhub_libraries.clock import utc_now
from workflow_manager.bookkeeper.merging import Before
from workflow_manager.bookkeeper.models import (
    MercureFile,
    MercureLog,
    MercureOutput,
    MercureSeries,
    MercureTask,
    MercureTaskEvent,
    MercureTest,
)
from workflow_manager.bookkeeper.rules import like_pattern
from workflow_manager.cases.models import Case
from workflow_manager.dicom.models import DicomStudy

FEW = 100
"""Children of a task, and logs and outputs in one answer."""


async def list_series(
    session: AsyncSession, *, series_uid: str, before: Before | None, limit: int
) -> Sequence[MercureSeries]:
    """Return series, newest first."""
    time, number = col(MercureSeries.time), col(MercureSeries.id)
    query = select(MercureSeries).order_by(time.desc(), number.desc()).limit(limit)
    if series_uid:
        query = query.where(MercureSeries.series_uid == series_uid)
    if before is not None:
        query = query.where(_earlier(before, time, number))
    return (await session.scalars(query)).all()


def _earlier(before: Before, time: Any, tie: Any) -> Any:
    if before.tie is None:
        return time < before.time
    return sa.or_(time < before.time, sa.and_(time == before.time, tie < before.tie))


async def time_of_series(session: AsyncSession, number: int) -> datetime:
    """Return when a series was reported, or the next one that is kept yet."""
    query = select(MercureSeries.time).where(col(MercureSeries.id) >= number)
    found = await session.scalar(query.order_by(col(MercureSeries.id)).limit(1))
    return found or utc_now()


async def time_of_task(session: AsyncSession, task_id: str) -> datetime | None:
    """Return when a task was reported; None: it was not."""
    query = select(MercureTask.time).where(MercureTask.id == task_id)
    found: datetime | None = await session.scalar(query)
    return found


_NEWEST_FIRST = (col(MercureTask.time).desc(), col(MercureTask.id).desc())
_WITH_SERIES = col(MercureSeries.series_uid) == col(MercureTask.series_uid)
_CASE_IDS = sa.select(sa.func.replace(sa.cast(col(Case.id), sa.String), "-", ""))
_NOT_OURS = sa.or_(
    col(MercureTask.id).not_like("________-____-7%"),  # ids of cases are UUIDv7
    sa.func.replace(col(MercureTask.id), "-", "").not_in(_CASE_IDS),
)
"""Tasks that are no cases: what a module reports of the case that it runs for is told with it."""


async def list_tasks(session: AsyncSession, *, before: Before | None, limit: int) -> Sequence[Any]:
    """Return tasks without a parent that are no cases with their series, newest first."""
    query = (
        sa.select(MercureTask, MercureSeries)
        .join(MercureSeries, _WITH_SERIES, isouter=True)
        .where(col(MercureTask.parent_id).is_(None), _NOT_OURS)
        .order_by(*_NEWEST_FIRST)
        .limit(limit)
    )
    if before is not None:
        query = query.where(_earlier(before, col(MercureTask.time), col(MercureTask.id)))
    return (await session.execute(query)).all()


async def list_tests(
    session: AsyncSession, *, before: datetime | None, limit: int
) -> Sequence[MercureTest]:
    """Return self-tests, newest first."""
    query = select(MercureTest).order_by(col(MercureTest.time_begin).desc()).limit(limit)
    if before is not None:
        query = query.where(col(MercureTest.time_begin) < before)
    return (await session.scalars(query)).all()


async def family_of(session: AsyncSession, task_id: str) -> Sequence[MercureTask]:
    """Return a task and the tasks below it."""
    query = select(MercureTask).where(
        sa.or_(col(MercureTask.id) == task_id, col(MercureTask.parent_id) == task_id)
    )
    return (await session.scalars(query.order_by(col(MercureTask.id)).limit(FEW))).all()


def _family_ids(task_id: str) -> Any:
    children = sa.select(col(MercureTask.id)).where(col(MercureTask.parent_id) == task_id)
    return sa.union(sa.select(sa.literal(task_id)), children)


async def list_task_events(
    session: AsyncSession, *, task_id: str, after: int, limit: int
) -> Sequence[MercureTaskEvent]:
    """Return the events of a task and of the tasks below it, in the order of their arrival."""
    query = (
        select(MercureTaskEvent)
        .where(
            col(MercureTaskEvent.task_id).in_(_family_ids(task_id)),
            col(MercureTaskEvent.id) > after,
        )
        .order_by(col(MercureTaskEvent.id))
        .limit(limit)
    )
    return (await session.scalars(query)).all()


async def list_files(
    session: AsyncSession, *, series_uid: str, after: int, limit: int
) -> Sequence[MercureFile]:
    """Return files in the order of their arrival."""
    query = select(MercureFile).where(col(MercureFile.id) > after)
    if series_uid:
        query = query.where(MercureFile.series_uid == series_uid)
    return (await session.scalars(query.order_by(col(MercureFile.id)).limit(limit))).all()


async def list_logs(session: AsyncSession, task_id: str) -> Sequence[MercureLog]:
    """Return what the modules of a task and of those below it wrote."""
    query = select(MercureLog).where(col(MercureLog.task_id).in_(_family_ids(task_id)))
    return (await session.scalars(query.order_by(col(MercureLog.id)).limit(FEW))).all()


async def list_outputs(session: AsyncSession, task_id: str) -> Sequence[MercureOutput]:
    """Return what the modules of a task and of those below it answered."""
    query = select(MercureOutput).where(col(MercureOutput.task_id).in_(_family_ids(task_id)))
    return (await session.scalars(query.order_by(col(MercureOutput.id)).limit(FEW))).all()


async def find_series(session: AsyncSession, series_uid: str) -> MercureSeries | None:
    """Return a series."""
    query = select(MercureSeries).where(MercureSeries.series_uid == series_uid)
    return (await session.scalars(query)).first()


# --- the archive ----------------------------------------------------------------------------------


def _either(task: Any, series: Any) -> Any:
    """Return what the task says, or else its series."""
    return sa.func.coalesce(sa.func.nullif(task, ""), series, "")


_ACC = _either(MercureTask.accession_number, MercureSeries.accession_number)
_MRN = _either(MercureTask.patient_id, MercureSeries.patient_id)
_NAME = _either(MercureTask.patient_name, MercureSeries.patient_name)
_REPORTED = (
    sa.select(
        col(MercureTask.id).label("id"),
        sa.false().label("own"),
        _ACC.label("acc"),
        _MRN.label("mrn"),
        _NAME.label("name"),
        col(MercureTask.uid_type).label("uid_type"),
        col(MercureTask.time).label("time"),
        col(MercureTask.rule).label("rule"),
    )
    .join(MercureSeries, _WITH_SERIES, isouter=True)
    .where(col(MercureTask.parent_id).is_(None), _NOT_OURS)
)
_OURS = sa.select(
    sa.cast(col(Case.id), sa.String),
    sa.true(),
    sa.func.coalesce(col(DicomStudy.accession_number), ""),
    sa.func.coalesce(col(DicomStudy.patient_id), ""),
    sa.func.coalesce(col(DicomStudy.patient_name), ""),
    sa.cast(col(Case.kind), sa.String),
    col(Case.opened_at),
    col(Case.rule),
).join(DicomStudy, col(DicomStudy.study_instance_uid) == col(Case.study_instance_uid), isouter=True)
_ARCHIVE = sa.union_all(_REPORTED, _OURS).subquery()
_COLUMNS = tuple(_ARCHIVE.c[name] for name in ("acc", "mrn", "uid_type", "time", "rule"))
"""Columns of mercure's archive page, by the number that DataTables asks to order by."""
_BY_TIME = 3


async def search_tasks(
    session: AsyncSession,
    *,
    text: str,
    study_only: bool,
    order: int,
    descending: bool,
    start: int,
    length: int,
) -> tuple[Sequence[Any], int, int]:
    """Return a page of the archive, how many there are, and how many of them were meant.

    It has the tasks that were reported, and the cases of this installation.
    """
    archive = sa.select(_ARCHIVE)
    meant = archive
    if study_only:
        meant = meant.where(_ARCHIVE.c.uid_type == "study")
    if text:
        pattern = like_pattern(text)
        begins, has = (f"{pattern}%", f"%{pattern}%")
        meant = meant.where(
            sa.or_(
                _ARCHIVE.c.acc.ilike(begins, escape="\\"),
                _ARCHIVE.c.mrn.ilike(begins, escape="\\"),
                _ARCHIVE.c.name.ilike(has, escape="\\"),
                _ARCHIVE.c.rule.ilike(has, escape="\\"),
            )
        )
    column = _COLUMNS[order] if order < len(_COLUMNS) else _COLUMNS[_BY_TIME]
    first = column.desc() if descending else column.asc()
    newest = (_ARCHIVE.c.time.desc(), _ARCHIVE.c.id.desc())
    page = meant.order_by(first, *newest).offset(start).limit(length)
    rows = (await session.execute(page)).all()
    counts = [
        await session.scalar(sa.select(sa.func.count()).select_from(query.subquery())) or 0
        for query in (archive, meant)
    ]
    return rows, counts[0], counts[1]
