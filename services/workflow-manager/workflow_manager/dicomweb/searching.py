"""QIDO-RS (PS3.18 section 10.6): the parameters of a search, and its answers as JSON."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from scanhub_libraries.database import Sessions
from scanhub_libraries.errors import BadRequestError
from workflow_manager.dicom.attributes import Level
from workflow_manager.dicomweb.answers import answers_of
from workflow_manager.query import rules as query
from workflow_manager.query.plan import Plan
from workflow_manager.query.rules import Criteria, Key
from workflow_manager.query.service import Rows, find_rows

MOST = 5000
"""Answers at once; whoever wants more asks for the next page with `offset`."""
_MOST_PARAMETERS = 100
_LONGEST_VALUE = 65_536
_COUNT = re.compile(r"\d{1,12}", re.ASCII)
_OTHERS = frozenset({"accept", "charset"})


@dataclass(slots=True)
class Found:
    """The answers, and what the client has to know about them."""

    body: bytes
    warnings: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Question:
    keys: list[Key] = field(default_factory=list)
    include: set[str] = field(default_factory=set)
    include_all: bool = False
    limit: int = MOST
    offset: int = 0
    fuzzy: bool = False


async def find(
    sessions: Sessions,
    level: Level,
    parameters: Sequence[tuple[str, str]],
    base: str,
    path: dict[str, str],
    *,
    extra: frozenset[str] = frozenset(),
) -> Found:
    """Search at a level.

    Args:
        sessions: Opens the database.
        level: What is searched for.
        parameters: Those of the address, in order.
        base: Address of the DICOMweb service, for RetrieveURL.
        path: UIDs that the address of the resource itself names, by keyword.
        extra: Names of what this installation keeps beside what all do.

    Raises:
        BadRequestError: A parameter cannot be read.
    """
    question = _question(level, parameters, extra)
    keys = [*(Key(keyword, query.checked_uid(uid)) for keyword, uid in path.items())]
    keys += question.keys
    limit = min(question.limit, MOST)
    criteria = Criteria(
        level,
        tuple(keys),
        frozenset(question.include | {key.keyword for key in question.keys}),
        question.include_all,
        limit + 1,
        question.offset,
        extra,
    )

    def write(plan: Plan, rows: Rows) -> tuple[int, bytes]:
        return len(rows), answers_of(plan, rows[:limit], base)

    count, body = await find_rows(sessions, criteria, write)
    warnings = []
    if count > limit and question.limit > limit:
        warnings.append(
            f"There are more results; ask for them with offset={question.offset + limit}."
        )
    if question.fuzzy:
        warnings.append("Fuzzy matching is not supported; names match without case and accents.")
    return Found(body, warnings)


def _question(
    level: Level, parameters: Sequence[tuple[str, str]], extra: frozenset[str]
) -> _Question:
    if len(parameters) > _MOST_PARAMETERS:
        raise BadRequestError(f"At most {_MOST_PARAMETERS} parameters are read.")
    question = _Question()
    for name, value in parameters:
        if len(value) > _LONGEST_VALUE:
            raise BadRequestError(f"{name[:64]} is too long.", field=name[:64])
        if "\x00" in value:
            raise BadRequestError(f"{name[:64]} contains a NUL character.", field=name[:64])
        if not _is_setting(question, name.lower(), value):
            keyword = query.keyword_of(name)
            if not query.can_match(keyword, level, extra):
                raise BadRequestError(
                    f"{keyword} cannot be matched when {level}s are searched for.",
                    field=name[:64],
                )
            question.keys.append(Key(keyword, value))
    return question


def _is_setting(question: _Question, name: str, value: str) -> bool:
    """Read a parameter that is no attribute to match; say whether it was one."""
    match name:
        case "limit":
            question.limit = _count(name, value)
        case "offset":
            question.offset = _count(name, value)
        case "fuzzymatching":
            question.fuzzy = _truth(name, value)
        case "includefield":
            _include(question, value.split(","))
        case _:
            return name in _OTHERS
    return True


def _count(name: str, value: str) -> int:
    if not _COUNT.fullmatch(value):
        raise BadRequestError(f"{name} is a whole number from 0.", field=name)
    return int(value)


def _truth(name: str, value: str) -> bool:
    if value not in {"true", "false"}:
        raise BadRequestError(f"{name} is true or false.", field=name)
    return value == "true"


def _include(question: _Question, names: Iterable[str]) -> None:
    for name in names:
        if name.lower() == "all":
            question.include_all = True
        elif name.strip():
            question.include.add(query.keyword_of(name.strip().split(".")[0]))
