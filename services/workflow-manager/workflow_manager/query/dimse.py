"""C-FIND, C-MOVE and C-GET of the listener (PS3.4 annex C); another process knows the index.

The handlers run in the thread of their association, in the listener's process.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pynetdicom import build_context, evt

from scanhub_libraries.logging import get_logger
from workflow_manager.dicom.columns import as_text

logger = get_logger(__name__)
Json = dict[str, Any]
Ask = Callable[[Json], Json | None]
"""Asks whoever knows the index; None: nobody answers."""
# Status (PS3.4 tables C.4-1 to C.4-3).
PENDING, CANCELED, UNABLE, WRONG_IDENTIFIER = 0xFF00, 0xFE00, 0xC000, 0xA900
_NO_DESTINATION = (None, None)
_MOST_CONTEXTS = 128
_PAGE = 500
# Patient root, study root (PS3.4 section C.6).
FIND = ("1.2.840.10008.5.1.4.1.2.1.1", "1.2.840.10008.5.1.4.1.2.2.1")
MOVE = ("1.2.840.10008.5.1.4.1.2.1.2", "1.2.840.10008.5.1.4.1.2.2.2")
GET = ("1.2.840.10008.5.1.4.1.2.1.3", "1.2.840.10008.5.1.4.1.2.2.3")
_PATIENT_ROOT = frozenset({FIND[0], MOVE[0], GET[0]})


def services(ask: Ask, ae_title: str) -> list[tuple[str, Any, Callable[..., Any]]]:
    """Return what the listener serves beside C-STORE: abstract syntax, event, handler."""
    handlers = _Handlers(ask, ae_title)
    return [
        *((uid, evt.EVT_C_FIND, handlers.find) for uid in FIND),
        *((uid, evt.EVT_C_MOVE, handlers.move) for uid in MOVE),
        *((uid, evt.EVT_C_GET, handlers.get) for uid in GET),
    ]


class _RefusedError(Exception):
    """A C-MOVE cannot be done; the log says why."""


class _Handlers:
    def __init__(self, ask: Ask, ae_title: str) -> None:
        self._ask = ask
        self._ae_title = ae_title

    def find(self, event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        """Yield what matches, page by page."""
        question = _question(event, "find")
        seen: set[tuple[str, ...]] = set()
        offset = 0
        while True:
            answer = self._ask({**question, "offset": offset})
            if answer is None or "problem" in answer:
                yield _failure(answer), None
                return
            for match in answer["matches"]:
                if event.is_cancelled:
                    yield CANCELED, None
                    return
                if question["level"] == "PATIENT" and _known(match, seen):
                    continue
                yield PENDING, self._data_set(question, match)
            if len(answer["matches"]) < _PAGE:
                return
            offset += _PAGE

    def _data_set(self, question: Json, match: Json) -> Dataset:
        found = Dataset()
        found.SpecificCharacterSet = "ISO_IR 192"
        found.QueryRetrieveLevel = question["level"]
        found.RetrieveAETitle = self._ae_title
        found.InstanceAvailability = "ONLINE"
        for keyword, value in match.items():
            try:
                setattr(found, keyword, "" if value is None else value)
            except Exception as error:  # noqa: BLE001 - a value against its VR costs no answer
                logger.warning(
                    "a value cannot be told", keyword=keyword, error=type(error).__name__
                )
        return found

    def get(self, event: evt.Event) -> Iterator[Any]:
        """Yield the number of instances, then each."""
        answer = self._ask(_question(event, "get"))
        if answer is None or "problem" in answer:
            yield 1
            yield _failure(answer), None
            return
        yield len(answer["files"])
        yield from _data_sets(event, answer["files"])

    def move(self, event: evt.Event) -> Iterator[Any]:
        """Yield where the instances go, their number, then each."""
        destination = str(event.move_destination).strip()
        answer = self._ask({**_question(event, "move"), "destination": destination})
        if answer is None or "problem" in answer:
            _failure(answer)
            raise _RefusedError  # pynetdicom answers "unable to process" (0xC5xx)
        target = answer["destination"]
        if target is None:
            yield _NO_DESTINATION
            return
        yield target["host"], target["port"], {"contexts": _contexts(answer["files"])}
        yield len(answer["files"])
        yield from _data_sets(event, answer["files"])


def _question(event: evt.Event, what: str) -> Json:
    identifier = event.identifier
    context = event.context.abstract_syntax
    keys = [
        [element.keyword, "" if element.VR == "SQ" else as_text(_plain(element.value))]
        for element in identifier
        if element.keyword not in {"", "QueryRetrieveLevel", "SpecificCharacterSet"}
    ]
    return {
        "what": what,
        "model": "patient" if context in _PATIENT_ROOT else "study",
        "level": str(identifier.get("QueryRetrieveLevel", "")),
        "keys": keys,
        "offset": 0,
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, pydicom.multival.MultiValue) else value


def _failure(answer: Json | None) -> int:
    if answer is not None:
        logger.warning("a query is refused", reason=answer["problem"])
    return UNABLE if answer is None else WRONG_IDENTIFIER


def _known(match: Json, seen: set[tuple[str, ...]]) -> bool:
    """Say whether a patient was told before: studies of one patient follow one another."""
    patient = tuple(
        str(match.get(key)) for key in ("PatientID", "IssuerOfPatientID", "PatientName")
    )
    if patient in seen:
        return True
    seen.add(patient)
    return False


def _contexts(files: list[Json]) -> list[Any]:
    pairs = sorted({(file["sop_class_uid"], file["transfer_syntax_uid"]) for file in files})
    return [build_context(sop_class, [syntax]) for sop_class, syntax in pairs[:_MOST_CONTEXTS]]


def _data_sets(event: evt.Event, files: list[Json]) -> Iterator[tuple[int, Dataset | None]]:
    for file in files:
        if event.is_cancelled:
            yield CANCELED, None
            return
        yield PENDING, pydicom.dcmread(file["path"])
