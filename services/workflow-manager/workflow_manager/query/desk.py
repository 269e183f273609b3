"""Answers what listeners ask for their peers: C-FIND, C-MOVE, C-GET (PS3.4 annex C)."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.database import Sessions, reading
from scanhub_libraries.errors import BadRequestError, ScanHubError
from scanhub_libraries.lake import LocalLake
from workflow_manager.dicom.attributes import Level
from workflow_manager.query import repository, rules
from workflow_manager.query.matching import Matcher
from workflow_manager.query.rules import Criteria, Key
from workflow_manager.query.service import search

Json = dict[str, Any]
LEVELS = {
    "PATIENT": Level.STUDY,
    "STUDY": Level.STUDY,
    "SERIES": Level.SERIES,
    "IMAGE": Level.INSTANCE,
}
PAGE = 500
"""Answers on one way between the processes."""
MOST_FILES = 65_535
"""The counters of sub-operations have 16 bits (PS3.7 section E.1)."""
_UNIQUE = {
    "PATIENT": ("PatientID",),
    "STUDY": ("PatientID", "StudyInstanceUID"),
    "SERIES": ("PatientID", "StudyInstanceUID", "SeriesInstanceUID"),
    "IMAGE": ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"),
}


class QueryDesk:
    """What the index says, for peers of the listeners."""

    def __init__(self, sessions: Sessions, lake: LocalLake) -> None:
        self._sessions = sessions
        self._lake = lake

    async def answer(self, question: Json) -> Json:
        """Answer a question; what is wrong with it is said in `problem`."""
        try:
            async with reading(self._sessions) as session:
                if question["what"] == "find":
                    return await _find(session, question)
                return await self._files(session, question)
        except ScanHubError as error:
            return {"problem": error.detail}

    async def _files(self, session: AsyncSession, question: Json) -> Json:
        level = _level(question)
        wanted = _UNIQUE[level]
        keys = [Key(name, value) for name, value in question["keys"] if name in wanted and value]
        own = "PatientID" if level == "PATIENT" else wanted[-1]
        if own not in {key.keyword for key in keys}:
            raise BadRequestError(f"{own} is missing: it says what shall be sent.")
        matcher = Matcher(session.get_bind().dialect.name)
        conditions = [c for c in map(matcher.condition, keys) if c is not None]
        files = await repository.find_matching_files(session, conditions, limit=MOST_FILES)
        answer: Json = {
            "files": [
                {
                    "path": str(self._lake.root / file.key),
                    "sop_class_uid": file.sop_class_uid,
                    "sop_instance_uid": file.sop_instance_uid,
                    "transfer_syntax_uid": file.transfer_syntax_uid,
                }
                for file in files
            ]
        }
        if question["what"] == "move":
            answer["destination"] = await repository.find_destination(
                session, question["destination"]
            )
        return answer


def _level(question: Json) -> str:
    level = str(question["level"])
    if level not in LEVELS or (level == "PATIENT" and question["model"] != "patient"):
        raise BadRequestError(f"{level[:16]!r} is no level of this query.")
    return level


async def _find(session: AsyncSession, question: Json) -> Json:
    name = _level(question)
    level = LEVELS[name]
    given = {keyword: value for keyword, value in question["keys"] if keyword}
    above = {
        Level.SERIES: ("StudyInstanceUID",),
        Level.INSTANCE: ("StudyInstanceUID", "SeriesInstanceUID"),
    }
    for keyword in above.get(level, ()):
        if not given.get(keyword):
            raise BadRequestError(f"{keyword} is missing: a query at this level needs it.")
    keys = [
        Key(keyword, value)
        for keyword, value in given.items()
        if value and rules.can_match(keyword, level)  # others are ignored (PS3.4 C.2.2.1.3)
    ]
    criteria = Criteria(
        level, tuple(keys), frozenset(given), limit=PAGE, offset=int(question["offset"])
    )
    matches = await search(session, criteria)
    known = [keyword for keyword in given if _can_answer(keyword, level)]
    return {"matches": [{k: match.values.get(k) for k in known} for match in matches]}


def _can_answer(keyword: str, level: Level) -> bool:
    computed = any(
        keyword in rules.COMPUTED[one] for one in rules.LEVELS[: rules.LEVELS.index(level) + 1]
    )
    return computed or rules.can_match(keyword, level)
