"""Search the index at a level; the answers are values by keyword, for DICOMweb and for C-FIND."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic_core import from_json
from sqlalchemy.ext.asyncio import AsyncConnection

from scanhub_libraries.database import Sessions, dialect_of, glance, reader_in_threads
from workflow_manager.query import repository, rules
from workflow_manager.query.matching import Asked, Form, How, Matcher
from workflow_manager.query.plan import Plan, plan_of
from workflow_manager.query.repository import StoredFile
from workflow_manager.query.rules import Criteria, Key, Match

Rows = Sequence[Sequence[Any]]
T = TypeVar("T")


async def search(connection: AsyncConnection, criteria: Criteria) -> Sequence[Match]:
    """Return the answers to a query, always in the same order; one statement.

    Raises:
        BadRequestError: A value cannot be read.
    """
    plan, question = _question(criteria, connection.dialect.name)
    rows = await repository.answer(connection, question)
    return [Match(criteria.level, _values(plan, row)) for row in rows]


async def find_rows(sessions: Sessions, criteria: Criteria, make: Callable[[Plan, Rows], T]) -> T:
    """Search; return what is made of the rows, and of the plan that says what is in them.

    Raises:
        BadRequestError: A value cannot be read.
    """
    plan, question = _question(criteria, dialect_of(sessions))
    return await _read(sessions, question, lambda rows: make(plan, rows))


async def find_files(
    sessions: Sessions, uids: Mapping[str, str], make: Callable[[list[StoredFile]], T]
) -> T:
    """Find the files of a study, a series or an instance, in order; return what is made of them.

    Args:
        sessions: Opens the database.
        uids: By their keywords.
        make: Called in a thread; it may block.
    """
    asked = [Asked(Form(keyword, (How.IS,)), (uid,)) for keyword, uid in uids.items()]
    question = repository.to_find_files(dialect_of(sessions), asked)
    return await _read(sessions, question, lambda rows: make([StoredFile(*row) for row in rows]))


async def _read(sessions: Sessions, question: repository.Question, make: Callable[[Rows], T]) -> T:
    """Read, and make something of the rows in a thread: with SQLite in the one that read."""
    reader, reading = reader_in_threads(sessions), repository.reading_of(question)
    if reader is not None and reading is not None:
        return await reader.read(reading.text, reading.parameters, make)
    async with glance(sessions) as connection:
        rows = await repository.answer(connection, question)
    return await asyncio.to_thread(make, rows)


def _question(criteria: Criteria, dialect: str) -> tuple[Plan, repository.Question]:
    plan = plan_of(criteria)
    asked = asked_of(criteria.keys, dialect)
    return plan, repository.to_find(dialect, criteria, plan, asked)


def asked_of(keys: Sequence[Key], dialect: str) -> list[Asked]:
    """Return what keys ask for, but for those that everything matches.

    Raises:
        BadRequestError: A value cannot be read.
    """
    matcher = Matcher(dialect)
    return [asked for asked in map(matcher.ask, keys) if asked is not None]


def _values(plan: Plan, row: Sequence[Any]) -> dict[str, Any]:
    own = len(plan.keywords)
    values = dict(zip(plan.keywords, row, strict=False))
    for document in row[own : own + len(plan.tag_levels)]:
        tags = from_json(document)
        values |= {keyword: tags[keyword] for keyword in plan.kept if keyword in tags}
    if plan.counts_studies:
        modalities, series, instances = row[-3:]
        values[rules.MODALITIES] = rules.modalities(modalities)
        values["NumberOfStudyRelatedSeries"] = series
        values["NumberOfStudyRelatedInstances"] = int(instances or 0)
    return values
