"""What a query may ask for, and what its values mean (PS3.4 C.2.2.2). Pure."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.tag import Tag

from scanhub_libraries.errors import BadRequestError
from workflow_manager.dicom.attributes import COLUMNS, SERIES_TAGS, STUDY_TAGS, Attribute, Level
from workflow_manager.dicom.columns import plain_date, plain_time
from workflow_manager.dicom.tags import KEPT_TAGS

MOST_UIDS = 1000
_TAG = re.compile(r"[0-9a-fA-F]{8}", re.ASCII)
_UID = re.compile(r"[0-9.]{1,64}", re.ASCII)
_DATE = re.compile(r"\d{8}", re.ASCII)
_TIME = re.compile(r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?", re.ASCII)
_LAST_MOMENT = "235959.999999"
UIDS = {
    "StudyInstanceUID": (Level.STUDY, "study_instance_uid"),
    "SeriesInstanceUID": (Level.SERIES, "series_instance_uid"),
    "SOPInstanceUID": (Level.INSTANCE, "sop_instance_uid"),
    "SOPClassUID": (Level.INSTANCE, "sop_class_uid"),
}
MODALITIES = "ModalitiesInStudy"
COMPUTED = {
    Level.STUDY: (MODALITIES, "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances"),
    Level.SERIES: ("NumberOfSeriesRelatedInstances",),
    Level.INSTANCE: (),
}
BY_KEYWORD = {attribute.keyword: attribute for attribute in COLUMNS}
LEVELS = (Level.STUDY, Level.SERIES, Level.INSTANCE)
_KEPT = {
    Level.STUDY: frozenset(STUDY_TAGS),
    Level.SERIES: frozenset(SERIES_TAGS) - set(STUDY_TAGS),
    Level.INSTANCE: frozenset(KEPT_TAGS) - set(SERIES_TAGS) - set(STUDY_TAGS),
}


@dataclass(frozen=True, slots=True)
class Key:
    """An attribute and the value that it shall match."""

    keyword: str
    value: str

    @property
    def has_wildcard(self) -> bool:
        """Say whether the value stands for several (PS3.4 C.2.2.2.4)."""
        return "*" in self.value or "?" in self.value


@dataclass(frozen=True, slots=True)
class Criteria:
    """A query: at which level, what shall match, which part of the answers."""

    level: Level
    keys: tuple[Key, ...] = ()
    include: frozenset[str] = frozenset()
    """Keywords that are wanted beside those of the standard."""
    include_all: bool = False
    limit: int = 100
    offset: int = 0
    extra: frozenset[str] = frozenset()
    """Names of what this installation keeps of each image beside what all do."""

    def single(self, keyword: str) -> str | None:
        """Return the one UID that an attribute shall have, if it is one."""
        values = [key.value for key in self.keys if key.keyword == keyword]
        return values[0] if len(values) == 1 and _UID.fullmatch(values[0]) else None


@dataclass(frozen=True, slots=True)
class Match:
    """One answer: the values by keyword; the UIDs of its level and those above are among them."""

    level: Level
    values: Mapping[str, Any]


def keyword_of(name: str) -> str:
    """Return the keyword of an attribute that is named by keyword or by tag (PS3.18 8.3.4.1).

    A private one has none: its tag stands for it.

    Raises:
        BadRequestError: The standard knows no such attribute.
    """
    keyword = keyword_for_tag(int(name, 16)) if _TAG.fullmatch(name) else name
    if not keyword and Tag(int(name, 16)).is_private:
        return name.upper()
    if not keyword or tag_for_keyword(keyword) is None:
        raise BadRequestError(f"{name[:64]!r} is no attribute of DICOM.", field=name[:64])
    return keyword


def level_of(keyword: str, extra: Collection[str] = ()) -> Level | None:
    """Return the level of an attribute that can be matched; None: it is not in the index."""
    if keyword in extra:
        return Level.INSTANCE
    if keyword in UIDS:
        return UIDS[keyword][0]
    if keyword in BY_KEYWORD:
        return BY_KEYWORD[keyword].level
    if keyword == MODALITIES:
        return Level.STUDY
    return next((level for level in LEVELS if keyword in _KEPT[level]), None)


def kept_at(level: Level) -> frozenset[str]:
    """Return the keywords of what is kept beside the columns of a level, and of none above it."""
    return _KEPT[level]


def can_match(keyword: str, level: Level, extra: Collection[str] = ()) -> bool:
    """Say whether a query at a level can be asked for an attribute: of that level or above it."""
    found = level_of(keyword, extra)
    if found is None or LEVELS.index(found) > LEVELS.index(level):
        return False
    return keyword in extra or dictionary_VR(keyword) != "SQ"


def uids(key: Key) -> list[str]:
    """Return the UIDs of a list; DICOMweb has commas between them, DIMSE backslashes.

    Raises:
        BadRequestError: One is none, or there are too many.
    """
    found = [uid.strip(" \x00") for uid in re.split(r"[,\\]", key.value) if uid.strip(" \x00")]
    if len(found) > MOST_UIDS:
        raise BadRequestError(f"{key.keyword} lists more than {MOST_UIDS}.", field=key.keyword)
    for uid in found:
        if not _UID.fullmatch(uid):
            raise BadRequestError(f"{key.keyword}: {uid[:64]!r} is no UID.", field=key.keyword)
    return found


def span(key: Key) -> tuple[str, str]:
    """Return the first and last value of a date or a time; empty: no bound (PS3.4 C.2.2.2.5).

    Raises:
        BadRequestError: It is none.
    """
    first, dash, last = key.value.strip().partition("-")
    if not dash:
        last = first
    if key.keyword.endswith("Date"):
        first, last = plain_date(first.strip()), plain_date(last.strip())
        wanted, example = _DATE, "20260131, 20260101-20260131, 20260101- or -20260131"
    else:
        first, last = first.strip().replace(":", ""), last.strip().replace(":", "")
        wanted, example = _TIME, "0930, 0800-1200, 0800- or -1200"
    if not (first or last) or not all(wanted.fullmatch(text) for text in (first, last) if text):
        raise BadRequestError(
            f"{key.keyword} cannot be read; write {example}.",
            field=key.keyword,
        )
    if wanted is _TIME:
        first = plain_time(first) if first else ""
        last = last + _LAST_MOMENT[len(last) :] if last else ""
    return first, last


def checked_uid(text: str) -> str:
    """Return the one UID that stands in an address: no list of them, and no wildcard.

    Raises:
        BadRequestError: It is none.
    """
    if not _UID.fullmatch(text):
        raise BadRequestError(f"{text[:64]!r} is no UID.")
    return text


def number(key: Key) -> int:
    """Return the number that shall match.

    Raises:
        BadRequestError: It is none.
    """
    try:
        found = int(key.value)
    except ValueError:
        found = 2**63
    if abs(found) >= 2**63:
        raise BadRequestError(f"{key.keyword} is no number.", field=key.keyword)
    return found


def modalities(text: str | None) -> list[str]:
    """Return the modalities of a study from those of its series, with backslashes between them."""
    return sorted(set((text or "").split("\\")) - {""})


def is_span(attribute: Attribute) -> bool:
    """Say whether an attribute is matched as a date or a time."""
    return dictionary_VR(attribute.keyword) in {"DA", "TM"}
