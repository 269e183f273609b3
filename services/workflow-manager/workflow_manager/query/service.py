"""Search the index at a level; the answers are values by keyword, for DICOMweb and for C-FIND."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from workflow_manager.dicom.attributes import COLUMNS, Level
from workflow_manager.query import repository, rules
from workflow_manager.query.matching import Matcher
from workflow_manager.query.rules import Criteria, Match

_ALWAYS_OF_SERIES = ("RequestAttributesSequence",)


async def search(session: AsyncSession, criteria: Criteria) -> Sequence[Match]:
    """Return the answers to a query, always in the same order.

    Raises:
        BadRequestError: A value cannot be read.
    """
    dialect = session.get_bind().dialect.name
    matcher = Matcher(dialect)
    conditions = [matcher.condition(key) for key in criteria.keys]
    wanted = [condition for condition in conditions if condition is not None]
    rows = await repository.find(session, criteria, wanted)
    related = await _related(session, criteria, rows)
    return [_match(criteria, row, related) for row in rows]


async def _related(
    session: AsyncSession, criteria: Criteria, rows: Sequence[sa.Row[Any]]
) -> dict[str, repository.Related]:
    if criteria.level is not Level.STUDY and not (
        criteria.include & set(rules.COMPUTED[Level.STUDY])
    ):
        return {}
    return await repository.related(session, {row.study_instance_uid for row in rows})


def _match(criteria: Criteria, row: sa.Row[Any], related: dict[str, repository.Related]) -> Match:
    """Take from a row what the standard wants of this level, and what was asked for."""
    values: dict[str, Any] = {}
    across = {
        Level.STUDY: True,
        Level.SERIES: criteria.single("StudyInstanceUID") is None,
        Level.INSTANCE: criteria.single("SeriesInstanceUID") is None,
    }
    for attribute in COLUMNS:
        above = rules.LEVELS.index(attribute.level) <= rules.LEVELS.index(criteria.level)
        own = attribute.level is criteria.level or across[criteria.level]
        asked = attribute.keyword in criteria.include or criteria.include_all
        if above and ((own and attribute.standard) or asked):
            values[attribute.keyword] = getattr(row, f"{attribute.level}_{attribute.column}")
    for keyword, (level, column) in rules.UIDS.items():
        if rules.LEVELS.index(level) <= rules.LEVELS.index(criteria.level):
            values[keyword] = getattr(row, column)
    values |= _kept(criteria, row)
    if criteria.level is not Level.STUDY and _asks_for_counts(criteria):
        values["NumberOfSeriesRelatedInstances"] = row.series_instances
    if row.study_instance_uid in related:
        values |= _of_study(related[row.study_instance_uid])
    return Match(
        criteria.level,
        row.study_instance_uid,
        getattr(row, "series_instance_uid", ""),
        getattr(row, "sop_instance_uid", ""),
        values,
    )


def _asks_for_counts(criteria: Criteria) -> bool:
    return (
        criteria.level is Level.SERIES
        or criteria.include_all
        or "NumberOfSeriesRelatedInstances" in criteria.include
    )


def _kept(criteria: Criteria, row: sa.Row[Any]) -> dict[str, Any]:
    """Return what is kept beside the columns and is wanted."""
    found: dict[str, Any] = {}
    wanted = {*criteria.include, "TimezoneOffsetFromUTC"}
    if criteria.level is Level.SERIES:
        wanted |= {*_ALWAYS_OF_SERIES}
    for level in rules.LEVELS[: rules.LEVELS.index(criteria.level) + 1]:
        for keyword, value in (getattr(row, f"{level}_tags") or {}).items():
            if keyword == "SpecificCharacterSet":
                continue  # what is answered is in UTF-8, whatever the image is in
            own = rules.level_of(keyword) is criteria.level
            if keyword in wanted or (criteria.include_all and own):
                found[keyword] = value
    columns = rules.BY_KEYWORD.keys() | rules.UIDS.keys()
    return {keyword: value for keyword, value in found.items() if keyword not in columns}


def _of_study(related: repository.Related) -> dict[str, Any]:
    return {
        rules.MODALITIES: sorted(related.modalities - {""}),
        "NumberOfStudyRelatedSeries": related.series,
        "NumberOfStudyRelatedInstances": related.instances,
    }
