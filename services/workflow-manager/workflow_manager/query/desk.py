"""Answers what listeners ask for their peers: C-FIND, C-MOVE, C-GET (PS3.4 annex C)."""

from collections.abc import Collection
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from scanhub_libraries.database import Sessions, reading
from scanhub_libraries.errors import BadRequestError, ScanHubError
from scanhub_libraries.lake import LocalLake
from scanhub_libraries.logging import get_logger
from scanhub_libraries.models.target import DicomTarget, DicomTlsTarget
from workflow_manager.dicom.attributes import Level
from workflow_manager.query import repository, rules
from workflow_manager.query.rules import Criteria, Key
from workflow_manager.query.service import asked_of, search
from workflow_manager.senders.dicom import SENDER, tls_of
from workflow_manager.targets.secret_box import SecretBox
from workflow_manager.targets.service import document_of

logger = get_logger(__name__)
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

    def __init__(
        self,
        sessions: Sessions,
        lake: LocalLake,
        secret_box: SecretBox,
        extra_tags: Collection[str] = (),
    ) -> None:
        self._sessions = sessions
        self._secret_box = secret_box
        self._lake = lake
        self._extra = frozenset(extra_tags)

    async def answer(self, question: Json) -> Json:
        """Answer a question; what is wrong with it is said in `problem`."""
        try:
            async with reading(self._sessions) as session:
                if question["what"] == "find":
                    return await _find(await session.connection(), question, self._extra)
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
        connection = await session.connection()
        asked = asked_of(keys, connection.dialect.name)
        to_find = repository.to_find_files(connection.dialect.name, asked, limit=MOST_FILES + 1)
        rows = await repository.answer(connection, to_find)
        if len(rows) > MOST_FILES:
            raise BadRequestError(f"These are more than {MOST_FILES} images: ask for each series.")
        answer: Json = {
            "files": [
                {
                    "path": str(self._lake.root / file.key),
                    "sop_class_uid": file.sop_class_uid,
                    "sop_instance_uid": file.sop_instance_uid,
                    "transfer_syntax_uid": file.transfer_syntax_uid,
                }
                for file in (repository.StoredFile(*row) for row in rows)
            ]
        }
        if question["what"] == "move":
            title, asker = question["destination"], question["address"]
            answer["destination"] = await self._destination(session, title, asker)
        return answer

    async def _destination(self, session: AsyncSession, ae_title: str, asker: str) -> Json | None:
        """Return how a node is called; None: no target has this AE title, or several have it."""
        found: list[DicomTarget | DicomTlsTarget] = []
        for target in await repository.list_destinations(session, ae_title):
            document = document_of(target, self._secret_box)
            # Of a target that is each sender nobody knows whose sender it would be.
            if isinstance(document, DicomTarget | DicomTlsTarget) and document.ip != SENDER:
                found.append(document)
        node = _meant(found, asker)
        if node is None:
            if found:
                logger.warning("several targets have the AE title of a C-MOVE", ae_title=ae_title)
            return None
        return {"host": node.ip, "port": node.port, "tls": tls_of(node)}


def _meant(
    found: list[DicomTarget | DicomTlsTarget], asker: str
) -> DicomTarget | DicomTlsTarget | None:
    """Return which node images go to: of several the one that asks, over TLS if it can.

    None: there is none, or it cannot be told. A guess would send images to somebody else.
    """
    for narrowed in (
        found,
        [node for node in found if node.ip == asker],
        [node for node in found if node.ip == asker and node.target_type == "dicomtls"],
    ):
        if len({(node.ip, node.port) for node in narrowed}) == 1:
            return narrowed[0]
    return None


def _level(question: Json) -> str:
    level = str(question["level"])
    if level not in LEVELS or (level == "PATIENT" and question["model"] != "patient"):
        raise BadRequestError(f"{level[:16]!r} is no level of this query.")
    return level


async def _find(connection: AsyncConnection, question: Json, extra: frozenset[str]) -> Json:
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
        if value and rules.can_match(keyword, level, extra)  # others are ignored (PS3.4 C.2.2.1.3)
    ]
    criteria = Criteria(
        level,
        tuple(keys),
        frozenset(given),
        limit=PAGE,
        offset=int(question["offset"]),
        extra=extra,
    )
    matches = await search(connection, criteria)
    known = [keyword for keyword in given if _can_answer(keyword, level, extra)]
    return {"matches": [{k: match.values.get(k) for k in known} for match in matches]}


def _can_answer(keyword: str, level: Level, extra: frozenset[str]) -> bool:
    computed = any(
        keyword in rules.COMPUTED[one] for one in rules.LEVELS[: rules.LEVELS.index(level) + 1]
    )
    return computed or rules.can_match(keyword, level, extra)
