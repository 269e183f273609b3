"""The statements of a query."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlmodel import col

from workflow_manager.dicom.attributes import Level
from workflow_manager.dicom.models import DicomInstance, DicomSeries, DicomStudy
from workflow_manager.query import rules
from workflow_manager.query.matching import Asked, Form, How, Matcher
from workflow_manager.query.plan import Plan
from workflow_manager.query.rules import Criteria
from workflow_manager.targets.models import Target
from workflow_manager.targets.repository import list_targets

_MODELS: dict[Level, Any] = {
    Level.STUDY: DicomStudy,
    Level.SERIES: DicomSeries,
    Level.INSTANCE: DicomInstance,
}
_NODES = ("dicom", "dicomtls")
"""Types of targets that images can be moved to."""


MOST = 2**31 - 1
"""Files of which nobody said how many he wants."""


class StoredFile(NamedTuple):
    """A file of an instance."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    key: str
    size: int
    number_of_frames: int | None


class Shape(NamedTuple):
    """All of a query but its values: queries of the same shape share a statement."""

    dialect: str
    plan: Plan
    forms: tuple[Form, ...]
    in_study: bool
    """One study is asked for."""
    in_series: bool


class FileShape(NamedTuple):
    """All of a question for files but its values."""

    dialect: str
    forms: tuple[Form, ...]


class Question(NamedTuple):
    """A statement that reads, and its values."""

    make: Callable[[Any], sa.Select[Any]]
    """Makes the statement of a shape, once."""
    shape: Shape | FileShape
    parameters: dict[str, Any]

    @property
    def statement(self) -> sa.Select[Any]:
        """Return the statement."""
        return self.make(self.shape)


class Reading(NamedTuple):
    """A statement of SQLite as it goes to a thread."""

    text: str
    parameters: dict[str, Any]


def to_find(dialect: str, criteria: Criteria, plan: Plan, asked: Sequence[Asked]) -> Question:
    """Return the question for one page of rows.

    The columns of the plan come first, then the kept attributes of its levels as JSON, and last,
    if the plan counts what is in the studies: modalities with backslashes, series, instances.
    """
    in_study = criteria.single("StudyInstanceUID") is not None
    in_series = criteria.single("SeriesInstanceUID") is not None
    forms = tuple(one.form for one in asked)
    shape = Shape(dialect, plan, forms, in_study, in_series)
    page = {"limit": criteria.limit, "offset": criteria.offset}
    return Question(_statement, shape, {**page, **_parameters(asked)})


def to_find_files(dialect: str, asked: Sequence[Asked], *, limit: int = MOST) -> Question:
    """Return the question for the files of the instances that are asked for, in order."""
    shape = FileShape(dialect, tuple(one.form for one in asked))
    return Question(_file_statement, shape, {"limit": limit, **_parameters(asked)})


async def answer(connection: AsyncConnection, question: Question) -> Sequence[Sequence[Any]]:
    """Return the rows that answer a question."""
    found = await connection.execute(question.statement, question.parameters)
    rows: Sequence[Sequence[Any]] = found.all()
    return rows


def reading_of(question: Question) -> Reading | None:
    """Return a question as SQLite itself takes it; None: it has values of unusual kinds."""
    if not all(map(_is_usual, question.shape.forms)):
        return None
    text, own = _text_of(question.make, question.shape)
    return Reading(text, {**own, **question.parameters})


def _is_usual(form: Form) -> bool:
    """Say whether the values of a condition are texts and numbers, and as many each time."""
    known = form.keyword in rules.BY_KEYWORD or form.keyword in rules.UIDS
    return (known or form.keyword == rules.MODALITIES) and How.IN not in form.tests


@lru_cache(maxsize=512)
def _text_of(
    make: Callable[[Any], sa.Select[Any]], shape: "Shape | FileShape"
) -> tuple[str, dict[str, Any]]:
    """Return a statement as text, and those of its parameters that are always the same."""
    count = sum(len(form.tests) for form in shape.forms)
    given = dict.fromkeys(("limit", "offset", *(f"v{number}" for number in range(count))), 0)
    compiled = make(shape).compile(dialect=_SQLITE)
    state = compiled.construct_expanded_state(given)
    own = {name: value for name, value in state.parameters.items() if name not in given}
    return state.statement, own


_SQLITE = sqlite.dialect(paramstyle="named")


@lru_cache(maxsize=512)
def _statement(shape: Shape) -> sa.Select[Any]:
    return (
        _selected(shape.plan)
        .where(*_conditions(shape.dialect, shape.forms))
        .order_by(*_order(shape))
        .limit(sa.bindparam("limit", type_=sa.Integer))
        .offset(sa.bindparam("offset", type_=sa.Integer))
    )


def _selected(plan: Plan) -> sa.Select[Any]:
    columns = [getattr(_MODELS[level], column) for level, column in plan.places]
    # As they are stored: whoever wants one of them reads them.
    columns += [sa.cast(_MODELS[level].tags, sa.Text) for level in plan.tag_levels]
    labelled: list[Any] = [column.label(f"c{number}") for number, column in enumerate(columns)]
    if plan.counts_studies:
        labelled += _of_study()
    query = _joined(sa.select(*labelled).select_from(DicomStudy), plan.level)
    return query.where(*_with_images(plan.level))


def _of_study() -> list[Any]:
    """Return what is in a study; the index of its series has them side by side."""
    series = sa.orm.aliased(DicomSeries)
    instances = col(series.number_of_series_related_instances)
    return [
        sa.select(found)
        .where(col(series.study_instance_uid) == DicomStudy.study_instance_uid, instances > 0)
        .correlate(DicomStudy)
        .scalar_subquery()
        .label(name)
        for name, found in (
            ("modalities", sa.func.aggregate_strings(col(series.modality), "\\")),
            ("series", sa.func.count()),
            ("instances", sa.func.sum(instances)),
        )
    ]


def _joined(query: sa.Select[Any], level: Level) -> sa.Select[Any]:
    if level is not Level.STUDY:
        query = query.join(
            DicomSeries, col(DicomSeries.study_instance_uid) == DicomStudy.study_instance_uid
        )
    if level is Level.INSTANCE:
        query = query.join(DicomInstance, col(DicomInstance.series_id) == DicomSeries.id)
    return query


def _with_images(level: Level) -> list[sa.ColumnElement[bool]]:
    """Return what leaves out studies and series whose images were all removed."""
    some = col(DicomSeries.number_of_series_related_instances) > 0
    of_study = col(DicomSeries.study_instance_uid) == DicomStudy.study_instance_uid
    match level:
        case Level.STUDY:
            return [sa.select(1).where(of_study, some).correlate(DicomStudy).exists()]
        case Level.SERIES:
            return [some]
        case _:
            return []


def _order(shape: Shape) -> list[Any]:
    """Return an order that pages can rely on; studies with the newest first."""
    level = shape.plan.level
    if level is Level.STUDY:
        return [
            col(DicomStudy.study_date).desc(),
            col(DicomStudy.study_time).desc(),
            col(DicomStudy.study_instance_uid).desc(),
        ]
    series = [col(DicomSeries.series_number), col(DicomSeries.series_instance_uid)]
    if level is Level.SERIES:
        return series if shape.in_study else [col(DicomSeries.id).desc()]
    within = [col(DicomInstance.instance_number), col(DicomInstance.sop_instance_uid)]
    if shape.in_series:
        return within
    return [*series, *within] if shape.in_study else [col(DicomInstance.sop_instance_uid)]


@lru_cache(maxsize=128)
def _file_statement(shape: FileShape) -> sa.Select[Any]:
    columns = [
        getattr(DicomSeries if n.startswith(("study", "series")) else DicomInstance, n)
        for n in StoredFile._fields
    ]
    query = _joined(sa.select(*columns).select_from(DicomStudy), Level.INSTANCE)
    found = query.where(*_conditions(shape.dialect, shape.forms))
    return found.limit(sa.bindparam("limit", type_=sa.Integer)).order_by(
        col(DicomSeries.series_number),
        col(DicomSeries.series_instance_uid),
        col(DicomInstance.instance_number),
        col(DicomInstance.sop_instance_uid),
    )


def _conditions(dialect: str, forms: Sequence[Form]) -> Iterator[sa.ColumnElement[bool]]:
    """Yield conditions; their values are the parameters v0, v1 and so on."""
    matcher, first = Matcher(dialect), 0
    for form in forms:
        yield matcher.condition(form, first)
        first += len(form.tests)


def _parameters(asked: Sequence[Asked]) -> dict[str, Any]:
    values = chain.from_iterable(one.values for one in asked)
    return {f"v{number}": value for number, value in enumerate(values)}


async def list_destinations(session: AsyncSession, ae_title: str) -> list[Target]:
    """Return where a C-MOVE may go: DICOM targets that are configured, and nothing else."""
    return [
        target
        for target in await list_targets(session, enabled_only=True)
        if target.target_type in _NODES and target.document.get("aet_target") == ae_title
    ]
