"""What an answer is made of: the columns and kept attributes of a query. Pure.

Queries that ask for the same share a plan: an answer is a row and its keywords, put together.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from workflow_manager.dicom.attributes import COLUMNS, Level
from workflow_manager.query import rules
from workflow_manager.query.rules import LEVELS, Criteria

_ALWAYS_OF_SERIES = frozenset({"RequestAttributesSequence"})
_ALWAYS = frozenset({"TimezoneOffsetFromUTC"})
_SERIES_COUNT = "NumberOfSeriesRelatedInstances"
Place = tuple[Level, str]
"""A column of the table of a level."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What is selected, and under which keywords it is answered; queries that share it have one."""

    level: Level
    keywords: tuple[str, ...]
    places: tuple[Place, ...]
    """Where the values of the keywords are, in their order."""
    tag_levels: tuple[Level, ...]
    """Levels whose kept attributes are read too: the columns that follow."""
    kept: frozenset[str]
    """Keywords that are taken from them."""
    counts_studies: bool
    """What is in the studies is counted."""


def plan_of(criteria: Criteria) -> Plan:
    """Return the plan of a query."""
    found = (criteria.single("StudyInstanceUID"), criteria.single("SeriesInstanceUID"))
    kinds = _Kinds(found[0] is None, found[1] is None, criteria.include_all)
    return _plan(criteria.level, kinds, criteria.include, criteria.extra)


class _Kinds(NamedTuple):
    """What decides on a plan beside names."""

    any_study: bool
    any_series: bool
    include_all: bool


@lru_cache(maxsize=256)
def _plan(level: Level, kinds: _Kinds, include: frozenset[str], extra: frozenset[str]) -> Plan:
    """Take what the standard wants of this level (PS3.18 tables 10.6.3-3 to 10.6.3-5), and more.

    Whoever searches all series, or all instances, is told of their studies too.
    """
    any_study, any_series, include_all = kinds
    levels = LEVELS[: LEVELS.index(level) + 1]
    across = {Level.STUDY: True, Level.SERIES: any_study, Level.INSTANCE: any_series}[level]
    found: dict[str, Place] = {}
    for attribute in COLUMNS:
        own = attribute.standard and (attribute.level is level or across)
        if attribute.level in levels and (own or attribute.keyword in include or include_all):
            found[attribute.keyword] = (attribute.level, attribute.column)
    found |= {k: place for k, place in rules.UIDS.items() if place[0] in levels}
    if level is Level.SERIES or (
        level is Level.INSTANCE and (include_all or _SERIES_COUNT in include)
    ):
        found[_SERIES_COUNT] = (Level.SERIES, "number_of_series_related_instances")
    kept = include | _ALWAYS | (_ALWAYS_OF_SERIES if level is Level.SERIES else frozenset())
    if include_all:
        kept |= rules.kept_at(level) | (extra if level is Level.INSTANCE else frozenset())
    # What is answered is in UTF-8, whatever the image is in.
    kept -= rules.BY_KEYWORD.keys() | rules.UIDS.keys() | {"SpecificCharacterSet"}
    return Plan(
        level,
        tuple(found),
        tuple(found.values()),
        _tag_levels(level, kept, extra),
        kept,
        level is Level.STUDY or not include.isdisjoint(rules.COMPUTED[Level.STUDY]),
    )


def _tag_levels(level: Level, kept: frozenset[str], extra: frozenset[str]) -> tuple[Level, ...]:
    """Return the levels whose kept attributes are needed: what an image has is long to read."""
    wanted = {rules.level_of(keyword, extra) for keyword in kept - _ALWAYS}
    wanted.add(Level.STUDY if level is Level.STUDY else Level.SERIES)
    return tuple(one for one in LEVELS[: LEVELS.index(level) + 1] if one in wanted)
