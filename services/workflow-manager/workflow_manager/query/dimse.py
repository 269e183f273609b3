"""C-FIND of the listener (PS3.4 section C.4.1); another process knows the index.

The handler runs in the thread of its association, in the listener's process. What is asked for by
C-GET and C-MOVE is read here too; `giving` sends it.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pynetdicom import evt

from scanhub_libraries.logging import get_logger
from workflow_manager.dicom.columns import as_text

logger = get_logger(__name__)
Json = dict[str, Any]
Ask = Callable[[Json], Json | None]
"""Asks whoever knows the index; None: nobody answers."""
# Status (PS3.4 tables C.4-1 to C.4-3).
PENDING, CANCELED, UNABLE, WRONG_IDENTIFIER = 0xFF00, 0xFE00, 0xC000, 0xA900
_PAGE = 500
# Patient root, study root (PS3.4 section C.6).
FIND = ("1.2.840.10008.5.1.4.1.2.1.1", "1.2.840.10008.5.1.4.1.2.2.1")
MOVE = ("1.2.840.10008.5.1.4.1.2.1.2", "1.2.840.10008.5.1.4.1.2.2.2")
GET = ("1.2.840.10008.5.1.4.1.2.1.3", "1.2.840.10008.5.1.4.1.2.2.3")
_PATIENT_ROOT = frozenset({FIND[0], MOVE[0], GET[0]})


def services(ask: Ask, ae_title: str) -> list[tuple[str, Any, Callable[..., Any]]]:
    """Return what pynetdicom serves for us: abstract syntax, event, handler."""
    finder = _Finder(ask, ae_title)
    return [(uid, evt.EVT_C_FIND, finder.find) for uid in FIND]


class _Finder:
    def __init__(self, ask: Ask, ae_title: str) -> None:
        self._ask = ask
        self._ae_title = ae_title

    def find(self, event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        """Yield what matches, page by page."""
        question = question_of(event.identifier, event.context.abstract_syntax, "find")
        seen: set[tuple[str, ...]] = set()
        offset = 0
        while True:
            answer = self._ask({**question, "offset": offset})
            if answer is None or "problem" in answer:
                yield failure_of(answer), None
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


def question_of(identifier: Dataset, sop_class: str, what: str) -> Json:
    """Return what a request asks for.

    Args:
        identifier: Of the request.
        sop_class: Of its presentation context.
        what: find, get or move.
    """
    keys = [
        [element.keyword, "" if element.VR == "SQ" else as_text(_plain(element.value))]
        for element in identifier
        if element.keyword not in {"", "QueryRetrieveLevel", "SpecificCharacterSet"}
    ]
    return {
        "what": what,
        "model": "patient" if sop_class in _PATIENT_ROOT else "study",
        "level": str(identifier.get("QueryRetrieveLevel", "")),
        "keys": keys,
        "offset": 0,
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, pydicom.multival.MultiValue) else value


def failure_of(answer: Json | None) -> int:
    """Return the status of a request that is not answered; the log says why."""
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
