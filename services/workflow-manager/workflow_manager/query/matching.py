"""Conditions of a query in SQL (PS3.4 C.2.2.2). Values go as parameters, never into the text."""

from typing import Any

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


class Matcher:
    """Makes conditions for one kind of database."""

    def __init__(self, dialect: str) -> None:
        self._sqlite = dialect == "sqlite"

    def condition(self, key: Key) -> Condition | None:
        """Return the condition of a key; None: everything matches.

        Raises:
            BadRequestError: The value means nothing, or no text of a database can hold it.
        """
        if not key.value.strip("* \x00"):
            return None
        if key.keyword in rules.UIDS:
            level, column = rules.UIDS[key.keyword]
            return col(getattr(_MODELS[level], column)).in_(rules.uids(key))
        if "\x00" in key.value.strip(" \x00"):  # at its ends it pads (PS3.5 section 6.2)
            raise BadRequestError(f"{key.keyword} contains a NUL character.", field=key.keyword)
        if key.keyword == rules.MODALITIES:
            return self._has_modality(key)
        attribute = rules.BY_KEYWORD.get(key.keyword)
        return self._in_tags(key) if attribute is None else self._in_column(attribute, key)

    def _in_column(self, attribute: Attribute, key: Key) -> Condition:
        model = _MODELS[attribute.level]
        column = getattr(model, attribute.column)
        if attribute.person:
            return self._person(getattr(model, f"{attribute.column}_key"), key.value)
        if attribute.length is None:
            found: Condition = column == rules.number(key)
            return found
        if rules.is_span(attribute):
            return _between(column, *rules.span(key))
        return self._text(column, key.value)

    def _text(self, column: Any, value: str) -> Condition:
        """Match text with its case; `*` stands for any characters, `?` for one."""
        value = value.strip(" \x00")
        if "*" not in value and "?" not in value:
            found: Condition = column == value
            return found
        if self._sqlite:
            wild: Condition = sa.cast(column, sa.String).op("GLOB")(value.replace("[", "[[]"))
            return wild
        for special in "\\%_":
            value = value.replace(special, f"\\{special}")
        return sa.cast(column, sa.String).like(
            value.replace("*", "%").replace("?", "_"), escape="\\"
        )

    def _person(self, column: Any, value: str) -> Condition:
        """Match all of a name, or one of its groups: alphabetic, ideographic, phonetic."""
        wanted = person_key(value.strip(" \x00"))
        if "=" in wanted:
            return self._text(column, wanted)
        groups = (f"{wanted}=*", f"*={wanted}", f"*={wanted}=*")
        return sa.or_(
            self._text(column, wanted),
            sa.and_(
                self._text(column, "*=*"), sa.or_(*(self._text(column, one) for one in groups))
            ),
        )

    def _has_modality(self, key: Key) -> Condition:
        series = sa.orm.aliased(DicomSeries)
        wanted = [part for part in key.value.replace("\\", ",").split(",") if part.strip()]
        return (
            sa.exists()
            .where(
                col(series.study_instance_uid) == DicomStudy.study_instance_uid,
                sa.or_(*(self._text(series.modality, part) for part in wanted)),
            )
            .correlate(DicomStudy)
        )

    def _in_tags(self, key: Key) -> Condition:
        """Match what is kept beside the columns; of several values all together."""
        model: Any = DicomInstance
        if key.keyword in STUDY_TAGS:
            model = DicomStudy
        elif key.keyword in SERIES_TAGS:
            model = DicomSeries
        return self._text(model.tags[key.keyword].as_string(), key.value)


def _between(column: Any, first: str, last: str) -> Condition:
    conditions = [col(column) != ""]
    if first == last:
        return col(column) == first
    if first:
        conditions.append(col(column) >= first)
    if last:
        conditions.append(col(column) <= last)
    return sa.and_(*conditions)
