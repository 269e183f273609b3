"""A DICOM node as a source: C-FIND, then C-GET or C-MOVE, study root (PS3.4 annex C). Blocking."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_role, evt
from pynetdicom.association import Association

from scanhub_libraries.logging import get_logger
from scanhub_libraries.wording import counted
from workflow_manager.dicom.associating import NO_CONTEXT, Peer, associate
from workflow_manager.dicom.rules import is_storage
from workflow_manager.query.dimse import FIND, GET, MOVE
from workflow_manager.retrieval.arriving import Arriving
from workflow_manager.retrieval.inbox import Inbox
from workflow_manager.retrieval.rules import FoundSeries, SourceError, UnsupportedMethodError
from workflow_manager.retrieval.sop_classes import COMPRESSED, STORAGE
from workflow_manager.retrieval.stopping import Stop

logger = get_logger(__name__)
_FIND, _MOVE, _GET = ASKED = FIND[1], MOVE[1], GET[1]
"""What sources are asked for: the study root model (PS3.4 section C.6.2)."""
_NATIVE = [str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian)]
_MOST_CLASSES = 60
"""Each takes two presentation contexts of the 128 that an association has (PS3.8 9.3.2.2)."""
_MOST_SERIES = 5_000
_PENDING = frozenset({0xFF00, 0xFF01})
# PS3.4 table B.2-1, PS3.7 annex C.
_OUT_OF_RESOURCES, _PROCESSING_FAILURE = 0xA700, 0x0110
_REFUSED = {
    0xA701: "it has no resources to count what matches",
    0xA702: "it has no resources to send it",
    0xA801: "it does not know the AE title that it shall send to",
    0xA900: "it does not understand the question",
    0x0122: "it does not support this",
    0x0124: "it is not allowed",
}


class DicomSource:
    """Asks and fetches; each call opens an association of its own."""

    def __init__(self, peer: Peer, *, our_aet: str, silence_s: float) -> None:
        self._peer = peer
        self._our_aet = our_aet
        self._slow_peer = replace(peer, timeout_s=max(peer.timeout_s, silence_s))

    def find(self, accession_number: str, stop: Stop) -> list[FoundSeries]:
        """Return the series of the studies that bear an accession number.

        Raises:
            SourceError: The source does not answer, or refuses.
        """
        with self._open(self._peer, [(_FIND, _NATIVE)], stop) as association:
            found: list[FoundSeries] = []
            for study in _ask(association, _study_keys(accession_number)):
                # Some nodes ignore a key that they do not know, and answer with all they have.
                if _text(study, "AccessionNumber").casefold() == accession_number.casefold():
                    found += _series_of(association, study)
        return found

    def get(self, series: FoundSeries, inbox: Inbox, stop: Stop) -> str:
        """Fetch a series over the association that asks for it; return what is wrong, or nothing.

        Raises:
            UnsupportedMethodError: The source has no C-GET.
            SourceError: The source does not answer, or refuses.
        """
        asked = [uid for uid in series.sop_classes if is_storage(uid)] or list(STORAGE)
        classes = asked[:_MOST_CLASSES]
        contexts = [(_GET, _NATIVE)]
        for uid in classes:
            contexts += [(uid, _NATIVE), (uid, COMPRESSED)]
        roles = [build_role(UID(uid), scp_role=True) for uid in classes]
        arriving = Arriving(inbox)
        handlers = [(evt.EVT_C_STORE, _taking(arriving, inbox, stop))]
        opened = self._open(
            self._slow_peer, contexts, stop, roles=roles, handlers=handlers, needed=_GET
        )
        try:
            with opened as association:
                arriving.receive(association)
                answers = association.send_c_get(_series_keys(series), UID(_GET))
                problem = _outcome(answers, stop)
        finally:
            arriving.discard()
        inbox.finish()
        return problem

    def move(self, series: FoundSeries, stop: Stop) -> str:
        """Let the source send a series to our own AE title; return what is wrong, or nothing.

        Raises:
            UnsupportedMethodError: The source has no C-MOVE.
            SourceError: The source does not answer, or refuses.
        """
        contexts = [(_MOVE, _NATIVE)]
        with self._open(self._slow_peer, contexts, stop, needed=_MOVE) as association:
            answers = association.send_c_move(_series_keys(series), self._our_aet, UID(_MOVE))
            return _outcome(answers, stop)

    @contextmanager
    def _open(
        self,
        peer: Peer,
        contexts: list[tuple[str, list[str]]],
        stop: Stop,
        *,
        needed: str = "",
        **options: Any,
    ) -> Iterator[Association]:
        association, reason = associate(peer, contexts, **options)
        if association is None:
            if needed and reason.startswith(NO_CONTEXT):
                raise UnsupportedMethodError(f"The source does not support {UID(needed).name}.")
            raise SourceError(reason)
        stop.ends(lambda: _end(association))
        try:
            accepted = {str(context.abstract_syntax) for context in association.accepted_contexts}
            if needed and needed not in accepted:
                raise UnsupportedMethodError(f"The source does not support {UID(needed).name}.")
            yield association
        finally:
            stop.ends(None)
            if association.is_established:
                association.release()


def _end(association: Association) -> None:
    """End an association from another thread; whoever waits for an answer waits no more."""
    association.abort()
    # Only now: before, the association's own thread may take it.
    association.dimse.msg_queue.put((None, None))


def _taking(arriving: Arriving, inbox: Inbox, stop: Stop) -> Callable[[evt.Event], int]:
    """Return the handler of what a source sends over our association."""

    def take(event: evt.Event) -> int:
        if stop.is_set():
            event.assoc.abort()
            return _OUT_OF_RESOURCES
        request: Any = event.request
        try:
            arriving.take(request.DataSet, str(event.context.transfer_syntax))
        except OSError as error:
            inbox.problem = f"The disk does not take it: {error.strerror}."
            return _OUT_OF_RESOURCES
        except Exception as error:
            logger.exception("an image cannot be taken", error=repr(error))
            inbox.problem = "An image could not be taken: the log of the service has more."
            return _PROCESSING_FAILURE
        return 0x0000

    return take


def _study_keys(accession_number: str) -> Dataset:
    keys = Dataset()
    if not accession_number.isascii():
        keys.SpecificCharacterSet = "ISO_IR 192"
    keys.QueryRetrieveLevel = "STUDY"
    keys.AccessionNumber = accession_number
    keys.StudyInstanceUID = keys.StudyDate = keys.StudyDescription = ""
    keys.SOPClassesInStudy = ""
    return keys


def _series_keys(series: FoundSeries) -> Dataset:
    keys = Dataset()
    keys.QueryRetrieveLevel = "SERIES"
    keys.StudyInstanceUID = series.study_instance_uid
    keys.SeriesInstanceUID = series.series_instance_uid
    return keys


def _series_of(association: Association, study: Dataset) -> list[FoundSeries]:
    keys = Dataset()
    keys.QueryRetrieveLevel = "SERIES"
    keys.StudyInstanceUID = _text(study, "StudyInstanceUID")
    keys.SeriesInstanceUID = keys.Modality = keys.SeriesDescription = ""
    keys.NumberOfSeriesRelatedInstances = None
    return [
        FoundSeries(
            study_instance_uid=_text(study, "StudyInstanceUID"),
            series_instance_uid=_text(series, "SeriesInstanceUID"),
            modality=_text(series, "Modality"),
            series_description=_text(series, "SeriesDescription"),
            study_date=_text(study, "StudyDate"),
            study_description=_text(study, "StudyDescription"),
            instances=_number(series, "NumberOfSeriesRelatedInstances"),
            sop_classes=_several(study, "SOPClassesInStudy"),
        )
        for series in _ask(association, keys)
        if _text(series, "SeriesInstanceUID")
    ]


def _ask(association: Association, keys: Dataset) -> list[Dataset]:
    """Return what a C-FIND finds.

    Raises:
        SourceError: The source did not answer, refused, or answers without end.
    """
    found: list[Dataset] = []
    for status, answer in association.send_c_find(keys, UID(_FIND)):
        if not status:
            raise SourceError("The source did not answer the query.")
        if status.Status in _PENDING and answer is not None:
            found.append(answer)
        elif status.Status != 0:
            raise SourceError(f"The source refused the query: {_why(status)}.")
        if len(found) > _MOST_SERIES:
            raise SourceError(f"The source has more than {_MOST_SERIES} answers.")
    return found


def _outcome(answers: Iterator[tuple[Dataset, Dataset | None]], stop: Stop) -> str:
    """Wait for the end of a C-GET or C-MOVE; return what is wrong, or nothing.

    Raises:
        SourceError: The source did not answer, or did not begin.
    """
    last = Dataset()
    for status, _ in answers:
        last = status
    if stop.is_set():
        raise SourceError("It was stopped.")
    if not last:
        raise SourceError("The source fell silent, or ended the association.")
    failed = last.get("NumberOfFailedSuboperations") or 0
    completed = last.get("NumberOfCompletedSuboperations") or 0
    if failed:
        return f"The source could not send {failed} of {counted(failed + completed, 'image')}."
    if last.Status != 0 and not completed:
        raise SourceError(f"The source sent nothing: {_why(last)}.")
    return "" if last.Status in {0x0000, 0xB000} else f"The source ended early: {_why(last)}."


def _why(status: Dataset) -> str:
    code = int(status.Status)
    comment = str(status.get("ErrorComment") or "").strip()
    words = [_REFUSED.get(code, ""), comment, f"status 0x{code:04X}"]
    return ", ".join(word for word in words if word)


def _text(answer: Dataset, keyword: str) -> str:
    value = answer.get(keyword)
    return "" if value is None else str(value).strip()


def _several(answer: Dataset, keyword: str) -> tuple[str, ...]:
    value = answer.get(keyword) or ()
    return (str(value),) if isinstance(value, str) else tuple(str(item) for item in value)


def _number(answer: Dataset, keyword: str) -> int | None:
    try:
        return int(str(answer.get(keyword)))
    except ValueError:
        return None
