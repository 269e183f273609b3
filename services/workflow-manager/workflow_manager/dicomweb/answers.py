"""Answers of a search as DICOM JSON (PS3.18 annex F), straight from the rows of the index. Pure.

A page has some thousand values. What is the same for all rows of a plan, tags and VRs, their order
and who writes them, is found out once; what is kept beside the columns is the same for many images.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from pydantic_core import from_json

from workflow_manager.dicomweb.json_model import told_as
from workflow_manager.dicomweb.json_text import Write, writer_of
from workflow_manager.query import rules
from workflow_manager.query.plan import Plan

_LEVELS = (
    ("studies", "StudyInstanceUID"),
    ("series", "SeriesInstanceUID"),
    ("instances", "SOPInstanceUID"),
)
_URL = "RetrieveURL"
_SAME = {"SpecificCharacterSet": "ISO_IR 192", "InstanceAvailability": "ONLINE"}
_COUNTS = (rules.MODALITIES, "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances")
"""What comes last in rows of a plan that counts, in this order."""
Place = Callable[[Sequence[Any]], str]
"""Makes the address of an answer, behind that of the service."""


class _Writers(NamedTuple):
    """How the rows of a plan are written."""

    columns: tuple[tuple[int, Write], ...]
    """Numbers of columns and who writes them, in the order of the tags; 0 is the address."""
    tags: tuple[str, ...]
    kept: slice
    """Columns with what is kept beside the others, as JSON."""
    place: Place


def answers_of(plan: Plan, rows: Sequence[Sequence[Any]], base: str) -> bytes:
    """Return the rows of a search as a list in DICOM JSON.

    Args:
        plan: What is in the rows.
        rows: As `query.service.find_rows` gives them.
        base: Address of the DICOMweb service, for RetrieveURL.
    """
    writers = _writers_of(plan)
    return f"[{','.join([_answer(writers, plan.kept, row, base) for row in rows])}]".encode()


def _answer(writers: _Writers, kept: frozenset[str], row: Sequence[Any], base: str) -> str:
    values = (base + writers.place(row), *row)
    texts = [write(values[number]) for number, write in writers.columns]
    others = [text for document in row[writers.kept] for text in _others(document, kept)]
    if others:
        found = dict(zip(writers.tags, texts, strict=True)) | dict(others)
        texts = [found[tag] for tag in sorted(found)]
    return f"{{{','.join(texts)}}}"


@lru_cache(maxsize=512)
def _others(document: str, kept: frozenset[str]) -> tuple[tuple[str, str], ...]:
    """Return what is wanted of a document, as tags and texts."""
    tags = from_json(document)
    known = ((told_as(keyword), tags[keyword]) for keyword in kept if keyword in tags)
    return tuple((place[0], writer_of(*place)(value)) for place, value in known if place[0])


@lru_cache(maxsize=256)
def _writers_of(plan: Plan) -> _Writers:
    first = 1 + len(plan.keywords)
    behind = first + len(plan.tag_levels)
    columns = {_URL: 0, **{keyword: n for n, keyword in enumerate(plan.keywords, start=1)}}
    if plan.counts_studies:
        columns |= {keyword: n for n, keyword in enumerate(_COUNTS, start=behind)}
    known = sorted((told_as(k), k) for k in (*columns, *_SAME))
    return _Writers(
        tuple((columns.get(k, 0), _column_writer(k, place)) for place, k in known),
        tuple(place[0] for place, _ in known),
        slice(first - 1, behind - 1),
        _place_of(plan),
    )


def _column_writer(keyword: str, place: tuple[str, str]) -> Write:
    write = writer_of(*place)
    if keyword in _SAME:
        same = write(_SAME[keyword])
        return lambda _value: same
    if keyword == rules.MODALITIES:
        return lru_cache(maxsize=256)(lambda text: write(rules.modalities(text)))
    if keyword == "NumberOfStudyRelatedInstances":
        return lambda count: write(int(count or 0))
    return write


def _place_of(plan: Plan) -> Place:
    """Return what makes addresses of the level of a plan."""
    of_level = _LEVELS[: rules.LEVELS.index(plan.level) + 1]
    names = "".join(f"/{name}/%s" for name, _ in of_level)
    numbers = [plan.keywords.index(keyword) for _, keyword in of_level]
    uids: Callable[[Sequence[Any]], Any] = itemgetter(*numbers)
    return lambda row: names % uids(row)
