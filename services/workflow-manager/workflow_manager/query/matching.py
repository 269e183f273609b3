"""Conditions of a query in SQL (PS3.4 C.2.2.2). Values go as parameters, never into the text.

What is asked for is taken apart first: the form of a condition, and its values. Queries of the same
form share a statement, which takes longer to put together than to execute.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import col

from scanhub_libraries.errors import BadRequestError
from workflow_manager.dicom.attributes import SERIES_TAGS, STUDY_TAGS, Attribute, Level
from workflow_manager.dicom.columns import person_key
from workflow_manager.dicom.models import DicomInstance, DicomSeries, DicomStudy
from workflow_manager.query import rules
from workflow_manager.query.rules import Key

Condition = sa.ColumnElement[bool]
_MODELS: dict[Level, Any] = {
    Level.STUDY: DicomStudy,
    Level.SERIES: DicomSeries,
    Level.INSTANCE: DicomInstance,
}
_SEVERAL_GROUPS = "*=*"


class How(StrEnum):
    """How a value is compared."""

    IS = "is"
    IN = "in"
    LIKE = "like"
    FROM = "from"
    TO = "to"


class Form(NamedTuple):
    """A condition without its values."""

    keyword: str
    tests: tuple[How, ...]


class Asked(NamedTuple):
    """The form of a condition, and the values of its tests in their order."""

    form: Form
    values: tuple[Any, ...]


class Matcher:
    """Makes conditions for one kind of database."""

    def __init__(self, dialect: str) -> None:
        self._sqlite = dialect == "sqlite"

    def ask(self, key: Key) -> Asked | None:
        """Return what a key asks for; None: everything matches.

        Raises:
            BadRequestError: The value means nothing, or no text of a database can hold it.
        """
        if not key.value.strip("* \x00"):
            return None
        compared = list(self._compare(key))
        tests, values = tuple(test for test, _ in compared), tuple(value for _, value in compared)
        return Asked(Form(key.keyword, tests), values)

    def _compare(self, key: Key) -> Iterator[tuple[How, Any]]:
        if key.keyword in rules.UIDS:
            found = rules.uids(key)
            yield (How.IS, found[0]) if len(found) == 1 else (How.IN, found)
            return
        if "\x00" in key.value.strip(" \x00"):  # at its ends it pads (PS3.5 section 6.2)
            raise BadRequestError(f"{key.keyword} contains a NUL character.", field=key.keyword)
        attribute = rules.BY_KEYWORD.get(key.keyword)
        if key.keyword == rules.MODALITIES:
            parts = key.value.replace("\\", ",").split(",")
            yield from (self._text(part) for part in parts if part.strip())
        elif attribute is None:
            yield self._text(key.value)
        elif attribute.person:
            yield from self._person(key.value)
        elif attribute.length is None:
            yield How.IS, rules.number(key)
        elif rules.is_span(attribute):
            yield from _span(*rules.span(key))
        else:
            yield self._text(key.value)

    def _text(self, value: str) -> tuple[How, str]:
        """Match text with its case; `*` stands for any characters, `?` for one."""
        value = value.strip(" \x00")
        if "*" not in value and "?" not in value:
            return How.IS, value
        if self._sqlite:
            return How.LIKE, value.replace("[", "[[]")
        for special in "\\%_":
            value = value.replace(special, f"\\{special}")
        return How.LIKE, value.replace("*", "%").replace("?", "_")

    def _person(self, value: str) -> Iterator[tuple[How, str]]:
        """Match all of a name, or one of its groups: alphabetic, ideographic, phonetic."""
        wanted = person_key(value.strip(" \x00"))
        yield self._text(wanted)
        if "=" not in wanted:
            groups = (_SEVERAL_GROUPS, f"{wanted}=*", f"*={wanted}", f"*={wanted}=*")
            yield from map(self._text, groups)

    def condition(self, form: Form, first: int) -> Condition:
        """Return a condition whose values are the parameters from `v<first>` on."""
        names = [f"v{first + number}" for number in range(len(form.tests))]
        if form.keyword == rules.MODALITIES:
            return self._has_modality(form.tests, names)
        attribute = rules.BY_KEYWORD.get(form.keyword)
        column = _column(form.keyword, attribute)
        tests = [
            self._test(test, column, name) for test, name in zip(form.tests, names, strict=True)
        ]
        if attribute is not None and attribute.person and len(tests) > 1:
            whole, several, *of_group = tests
            return sa.or_(whole, sa.and_(several, sa.or_(*of_group)))
        if {How.FROM, How.TO} & set(form.tests):
            tests.append(column != "")
        return sa.and_(*tests)

    def _test(self, test: How, column: Any, name: str) -> Condition:
        value: Any = sa.bindparam(name, expanding=test is How.IN)
        found: Condition
        match test:
            case How.IS:
                found = column == value
            case How.IN:
                found = column.in_(value)
            case How.FROM:
                found = column >= value
            case How.TO:
                found = column <= value
            case _ if self._sqlite:
                found = sa.cast(column, sa.String).op("GLOB")(value)
            case _:
                found = sa.cast(column, sa.String).like(value, escape="\\")
        return found

    def _has_modality(self, tests: Sequence[How], names: Sequence[str]) -> Condition:
        series = sa.orm.aliased(DicomSeries)
        modality = col(series.modality)
        wanted = (self._test(test, modality, name) for test, name in zip(tests, names, strict=True))
        return (
            sa.exists()
            .where(
                col(series.study_instance_uid) == DicomStudy.study_instance_uid,
                sa.or_(sa.false(), *wanted),
            )
            .correlate(DicomStudy)
        )


def _column(keyword: str, attribute: Attribute | None) -> Any:
    """Return what is compared; of what is kept beside the columns all values together."""
    if keyword in rules.UIDS:
        level, name = rules.UIDS[keyword]
        return col(getattr(_MODELS[level], name))
    if attribute is not None:
        key = "_key" if attribute.person else ""
        return col(getattr(_MODELS[attribute.level], f"{attribute.column}{key}"))
    model: Any = DicomInstance
    if keyword in STUDY_TAGS:
        model = DicomStudy
    elif keyword in SERIES_TAGS:
        model = DicomSeries
    return model.tags[keyword].as_string()


def _span(first: str, last: str) -> Iterator[tuple[How, str]]:
    if first == last:
        yield How.IS, first
        return
    if first:
        yield How.FROM, first
    if last:
        yield How.TO, last
