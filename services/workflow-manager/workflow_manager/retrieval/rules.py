"""Lists of accession numbers, and which series of what a source has are wanted. Pure."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from scanhub_libraries.errors import UnprocessableError
from scanhub_libraries.models.retrieval import SeriesFilter

MOST_ACCESSIONS = 10_000
_LONGEST = 64
_SEPARATORS = re.compile(r"[,;\t\r\n]")
_COLUMN = "accession"


class RetrievalState(StrEnum):
    """Where a retrieval stands."""

    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    """Ended; not everything could be fetched."""
    CANCELED = "canceled"


class AccessionState(StrEnum):
    """Where one accession number stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELED = "canceled"


OPEN = (AccessionState.QUEUED, AccessionState.RUNNING)
ENDED = frozenset({RetrievalState.DONE, RetrievalState.FAILED, RetrievalState.CANCELED})


class SourceError(Exception):
    """A source cannot be asked, or does not give what it has: the reason, for a person."""


class UnsupportedMethodError(SourceError):
    """A source does not know this way of fetching; another one may do."""


@dataclass(frozen=True, slots=True)
class FoundSeries:
    """A series that a source has."""

    study_instance_uid: str
    series_instance_uid: str
    modality: str = ""
    series_description: str = ""
    study_date: str = ""
    study_description: str = ""
    instances: int | None = None
    """How many images the source says it has; None: it says nothing."""
    sop_classes: tuple[str, ...] = ()
    """SOP classes of the study, if the source tells them."""

    def document(self) -> dict[str, Any]:
        """Return it as it is kept while it is fetched."""
        return {
            "study_instance_uid": self.study_instance_uid,
            "series_instance_uid": self.series_instance_uid,
            "modality": self.modality[:64],
            "series_description": self.series_description[:1024],
            "study_date": self.study_date[:64],
            "study_description": self.study_description[:1024],
            "instances": self.instances,
            "retrieved": 0,
            "done": False,
            "error": None,
        }


def accession_numbers(numbers: Sequence[str], text: str) -> list[str]:
    """Return the accession numbers of a list and of a text, each once, in their order.

    Raises:
        UnprocessableError: There is none, there are too many, or one cannot be one.
    """
    found = [number.strip() for number in (*numbers, *_in_text(text))]
    unique = list(dict.fromkeys(number for number in found if number))
    if not unique:
        raise UnprocessableError("Give at least one accession number.", field="accession_numbers")
    if len(unique) > MOST_ACCESSIONS:
        raise UnprocessableError(
            f"Give {MOST_ACCESSIONS} accession numbers at most.", field="accession_numbers"
        )
    for place, number in enumerate(unique, 1):
        _check(place, number)
    return unique


def _in_text(text: str) -> list[str]:
    """Return what a text or a CSV file holds; a line of column names says which column counts."""
    lines = text.removeprefix("\ufeff").splitlines()
    if not lines:
        return []
    delimiter = max(",;\t", key=lines[0].count)
    names = [_letters(name) for name in next(csv.reader(lines[:1], delimiter=delimiter), [])]
    column = next((n for n, name in enumerate(names) if name.startswith(_COLUMN)), None)
    if column is None:
        return [word.strip().strip('"') for word in _SEPARATORS.split("\n".join(lines))]
    rows = csv.reader(lines[1:], delimiter=delimiter)
    return [row[column] for row in rows if len(row) > column]


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalpha())


def _check(place: int, number: str) -> None:
    """Refuse what would ask for more than one study, or for none (PS3.4 section C.2.2.2)."""
    if any(letter in number for letter in "*?\\"):
        problem = "has a wildcard or a backslash in it"
    elif not number.isprintable():
        problem = "has a control character in it"
    elif len(number) > _LONGEST:
        problem = f"has more than {_LONGEST} characters"
    else:
        return
    raise UnprocessableError(
        f"Accession number {place} of the list {problem}.", field="accession_numbers"
    )


def select_series(found: Sequence[FoundSeries], wanted: SeriesFilter) -> list[FoundSeries]:
    """Return the series that a filter lets through."""
    return [series for series in found if _is_wanted(series, wanted)]


def _is_wanted(series: FoundSeries, wanted: SeriesFilter) -> bool:
    return (
        (not wanted.modalities or series.modality.strip() in wanted.modalities)
        and _matches(series.study_description, wanted.study_descriptions)
        and _matches(series.series_description, wanted.series_descriptions)
        and _is_between(series.study_date, wanted)
    )


def _matches(text: str, patterns: Sequence[str]) -> bool:
    folded = text.strip().casefold()
    return not patterns or any(
        # A bracket is a bracket here: descriptions have them.
        fnmatchcase(folded, pattern.strip().casefold().replace("[", "[[]"))
        for pattern in patterns
    )


def _is_between(study_date: str, wanted: SeriesFilter) -> bool:
    """Say whether a study is of the days asked for; one without a date is of no day."""
    first, last = wanted.study_date_from, wanted.study_date_to
    day = study_date.replace(".", "").replace("-", "")[:8]
    if first is not None and (not day or day < first.strftime("%Y%m%d")):
        return False
    return last is None or (bool(day) and day <= last.strftime("%Y%m%d"))


def outcome(counts: dict[str, int]) -> RetrievalState:
    """Return the state of a retrieval of which nothing is open any more."""
    if counts.get(AccessionState.FAILED, 0):
        return RetrievalState.FAILED
    if counts.get(AccessionState.CANCELED, 0):
        return RetrievalState.CANCELED
    return RetrievalState.DONE
