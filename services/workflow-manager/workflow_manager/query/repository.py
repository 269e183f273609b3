"""The statements of a query."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from workflow_manager.dicom.attributes import COLUMNS, Level
from workflow_manager.dicom.models import DicomInstance, DicomSeries, DicomStudy
from workflow_manager.query.rules import LEVELS, Criteria
from workflow_manager.targets.repository import list_targets

_MODELS: dict[Level, Any] = {
    Level.STUDY: DicomStudy,
    Level.SERIES: DicomSeries,
    Level.INSTANCE: DicomInstance,
}


@dataclass(slots=True)
class Related:
    """What is in a study."""

    modalities: set[str] = field(default_factory=set)
    series: int = 0
    instances: int = 0


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of an instance."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    key: str
    size: int
    number_of_frames: int | None


async def find(
    session: AsyncSession, criteria: Criteria, conditions: Sequence[sa.ColumnElement[bool]]
) -> Sequence[sa.Row[Any]]:
    """Return one page of rows: `<level>_<column>` of the level and those above it."""
    query = sa.select(*_columns(criteria.level)).select_from(DicomStudy)
    query = _joined(query, criteria.level).where(*conditions)
    query = query.order_by(*_order(criteria)).limit(criteria.limit).offset(criteria.offset)
    return (await session.execute(query)).all()


def _columns(level: Level) -> list[Any]:
    levels = LEVELS[: LEVELS.index(level) + 1]
    found: list[Any] = [
        col(getattr(_MODELS[a.level], a.column)).label(f"{a.level}_{a.column}")
        for a in COLUMNS
        if a.level in levels
    ]
    found += [col(_MODELS[one].tags).label(f"{one}_tags") for one in levels]
    found.append(col(DicomStudy.study_instance_uid))
    if level is not Level.STUDY:
        found.append(col(DicomSeries.series_instance_uid))
        count = col(DicomSeries.number_of_series_related_instances)
        found.append(count.label("series_instances"))
    if level is Level.INSTANCE:
        found += [col(DicomInstance.sop_instance_uid), col(DicomInstance.sop_class_uid)]
    return found


def _joined(query: Any, level: Level) -> Any:
    if level is not Level.STUDY:
        query = query.join(
            DicomSeries, col(DicomSeries.study_instance_uid) == DicomStudy.study_instance_uid
        )
    if level is Level.INSTANCE:
        query = query.join(DicomInstance, col(DicomInstance.series_id) == DicomSeries.id)
    return query


def _order(criteria: Criteria) -> list[Any]:
    """Return an order that pages can rely on; studies with the newest first."""
    if criteria.level is Level.STUDY:
        return [
            col(DicomStudy.study_date).desc(),
            col(DicomStudy.study_time).desc(),
            col(DicomStudy.study_instance_uid).desc(),
        ]
    in_study = criteria.single("StudyInstanceUID") is not None
    series = [col(DicomSeries.series_number), col(DicomSeries.series_instance_uid)]
    if criteria.level is Level.SERIES:
        return series if in_study else [col(DicomSeries.id).desc()]
    within = [col(DicomInstance.instance_number), col(DicomInstance.sop_instance_uid)]
    if criteria.single("SeriesInstanceUID") is not None:
        return within
    return [*series, *within] if in_study else [col(DicomInstance.sop_instance_uid)]


async def related(session: AsyncSession, studies: set[str]) -> dict[str, Related]:
    """Return what is in studies."""
    query = sa.select(
        col(DicomSeries.study_instance_uid),
        col(DicomSeries.modality),
        sa.func.count(),
        sa.func.sum(col(DicomSeries.number_of_series_related_instances)),
    )
    query = query.where(col(DicomSeries.study_instance_uid).in_(studies)).group_by(
        col(DicomSeries.study_instance_uid), col(DicomSeries.modality)
    )
    found = {uid: Related() for uid in studies}
    for uid, modality, series, instances in await session.execute(query):
        found[uid].modalities.add(modality)
        found[uid].series += series
        found[uid].instances += int(instances)
    return found


async def find_files(
    session: AsyncSession,
    study: str,
    series: str | None = None,
    instance: str | None = None,
    *,
    limit: int | None = None,
) -> list[StoredFile]:
    """Return the files of a study, a series or an instance, in order."""
    conditions = [col(DicomStudy.study_instance_uid) == study]
    if series is not None:
        conditions.append(col(DicomSeries.series_instance_uid) == series)
    if instance is not None:
        conditions.append(col(DicomInstance.sop_instance_uid) == instance)
    return await find_matching_files(session, conditions, limit=limit)


async def find_matching_files(
    session: AsyncSession,
    conditions: Sequence[sa.ColumnElement[bool]],
    *,
    limit: int | None = None,
) -> list[StoredFile]:
    """Return the files of the instances for which all conditions hold, in order."""
    columns = [
        getattr(DicomSeries if n.startswith(("study", "series")) else DicomInstance, n)
        for n in StoredFile.__dataclass_fields__
    ]
    query = _joined(sa.select(*columns).select_from(DicomStudy), Level.INSTANCE)
    query = (
        query.where(*conditions)
        .order_by(
            col(DicomSeries.series_number),
            col(DicomSeries.series_instance_uid),
            col(DicomInstance.instance_number),
            col(DicomInstance.sop_instance_uid),
        )
        .limit(limit)
    )
    return [StoredFile(*row) for row in await session.execute(query)]


async def find_destination(session: AsyncSession, ae_title: str) -> dict[str, Any] | None:
    """Return where a C-MOVE goes: a target that is configured, and nothing else."""
    for target in await list_targets(session, enabled_only=True):
        where = target.document
        if target.target_type == "dicom" and where.get("aet_target") == ae_title:
            return {"host": where["ip"], "port": where["port"]}
    return None
