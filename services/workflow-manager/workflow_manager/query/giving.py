"""C-GET and C-MOVE of the listener (PS3.4 section C.4); another process knows the index.

Served in the thread of their association, in the listener's process. Files go out in pieces, as
they are on disk.
"""

import threading
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom.dimse_primitives import C_GET, C_MOVE
from pynetdicom.dsutils import decode, encode

from scanhub_libraries.logging import get_logger
from workflow_manager.dicom.associating import Peer
from workflow_manager.dicom.client_tls import UnreadablePemError, client_context
from workflow_manager.dicom.commands import (
    Counts,
    Originator,
    StoreResponse,
    pending_get_response,
)
from workflow_manager.dicom.data_set import DataSetFile, UnsendableError, body_of
from workflow_manager.dicom.lending import LostError
from workflow_manager.dicom.provider import Serve, StoreAssociation
from workflow_manager.dicom.scu import WARNINGS, send_series
from workflow_manager.dicom.sending import StoppedError, StoreLine
from workflow_manager.query.dimse import (
    CANCELED,
    GET,
    MOVE,
    PENDING,
    UNABLE,
    Ask,
    Json,
    failure_of,
    question_of,
)
from workflow_manager.senders.encodings import NATIVE
from workflow_manager.senders.port import Pace, SendReport

logger = get_logger(__name__)
# Status (PS3.4 tables C.4-2 and C.4-3).
_SUCCESS, _SOME_FAILED, _ALL_FAILED, _NO_DESTINATION = 0x0000, 0xB000, 0xA702, 0xA801
_MOST_FAILED = 1000
"""UIDs in the list of what failed: a UI has 65,534 bytes where its VR is explicit."""
_TIMEOUT_S = 30.0


def served(ask: Ask) -> list[tuple[str, type[Any], Serve]]:
    """Return what the listener serves: abstract syntax, request, function."""
    return [
        *((uid, C_GET, partial(_get, ask)) for uid in GET),
        *((uid, C_MOVE, partial(_move, ask)) for uid in MOVE),
    ]


class _Retrieval:
    """One C-GET or C-MOVE, and what it counts."""

    def __init__(self, association: StoreAssociation, request: Any, context_id: int) -> None:
        self._association = association
        self._context_id = context_id
        self.request = request
        context = association._accepted_cx[context_id]  # noqa: SLF001 - no public way by id
        self.sop_class = str(context.abstract_syntax)
        syntax = context.transfer_syntax[0]
        self._encoding = (syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated)
        self._total = self._completed = self._warned = 0
        self._failed: list[str] = []

    def ask(self, ask: Ask, what: str, **more: str) -> Json | None:
        """Ask for the files; None: it is refused."""
        try:
            identifier = decode(self.request.Identifier, *self._encoding)
        except Exception as error:  # noqa: BLE001 - the parser of hostile bytes raises what it likes
            logger.warning("an identifier cannot be read", error=type(error).__name__)
            self.answer(UNABLE)
            return None
        answer = ask({**question_of(identifier, self.sop_class, what), **more})
        if answer is None or "problem" in answer:
            self.answer(failure_of(answer))
            return None
        self._total = len(answer["files"])
        return answer

    def count(self, sop_instance_uid: str, answer: StoreResponse | None) -> None:
        """Take note of what became of an instance; None: it was not sent."""
        if answer is not None and answer.status == _SUCCESS:
            self._completed += 1
        elif answer is not None and answer.status in WARNINGS:
            self._warned += 1
        else:
            self._failed.append(sop_instance_uid)

    @property
    def counts(self) -> Counts:
        """How far it is."""
        done = self._completed + self._warned + len(self._failed)
        return Counts(self._total - done, self._completed, len(self._failed), self._warned)

    def end(self, *, canceled: bool) -> None:
        """Send the last answer."""
        status = _SUCCESS
        if canceled:
            status = CANCELED
        elif self._failed or self._warned:
            status = _ALL_FAILED if len(self._failed) == self._total else _SOME_FAILED
        self.answer(status)

    def answer(self, status: int) -> None:
        """Send an answer (PS3.7 sections 9.3.3.2 and 9.3.4.2)."""
        response = type(self.request)()
        response.MessageID = response.MessageIDBeingRespondedTo = self.request.MessageID
        response.AffectedSOPClassUID = self.request.AffectedSOPClassUID
        response.Status = status
        remaining, completed, failed, warned = self.counts
        if status in {PENDING, CANCELED}:
            response.NumberOfRemainingSuboperations = remaining
        response.NumberOfCompletedSuboperations = completed
        response.NumberOfFailedSuboperations = failed
        response.NumberOfWarningSuboperations = warned
        if status in {CANCELED, _SOME_FAILED, _ALL_FAILED}:
            told = Dataset()
            told.FailedSOPInstanceUIDList = self._failed[:_MOST_FAILED]
            response.Identifier = BytesIO(encode(told, *self._encoding) or b"")
        self._association.dul._idle_timer.restart()  # noqa: SLF001 - the peer waited for us
        self._association.dimse.send_msg(response, self._context_id)


def _get(ask: Ask, association: StoreAssociation, request: Any, context_id: int) -> None:
    """Send what is asked for over the association of the request."""
    retrieval = _Retrieval(association, request, context_id)
    found = retrieval.ask(ask, "get")
    if found is None:
        return
    line = StoreLine(
        association,
        timeout_s=association.dimse_timeout or _TIMEOUT_S,
        pace=Pace(None),
        stop=threading.Event(),
    )
    canceled = False
    try:
        with line.open():
            for file in found["files"]:
                line.listen()
                canceled = request.MessageID in line.canceled
                if canceled:
                    break
                retrieval.count(file["sop_instance_uid"], _give(line, file))
                told = pending_get_response(
                    request.MessageID, retrieval.sop_class, retrieval.counts
                )
                line.tell(context_id, told)
    except (LostError, StoppedError) as error:
        logger.warning("a C-GET came to no end", reason=str(error))
        return
    retrieval.end(canceled=canceled)


def _give(line: StoreLine, file: Json) -> StoreResponse | None:
    """Send one instance; None: the peer does not take it as it is, or it cannot be read."""
    try:
        stored = DataSetFile.read(Path(file["path"]))
        accepted = line.accepted(stored.sop_class_uid)
        syntax = stored.transfer_syntax_uid
        if syntax not in accepted and syntax in NATIVE:
            syntax = min(accepted.intersection(NATIVE), default=syntax)
        if syntax not in accepted:
            return None
        with body_of(stored, syntax) as body:
            return line.store(stored, body, syntax)
    except (OSError, UnsendableError) as error:
        logger.warning("an instance cannot be given", reason=str(error))
        return None


def _move(ask: Ask, association: StoreAssociation, request: Any, context_id: int) -> None:
    """Send what is asked for to a third node, over associations of our own."""
    retrieval = _Retrieval(association, request, context_id)
    aet = str(request.MoveDestination).strip()
    found = retrieval.ask(ask, "move", destination=aet, address=association.requestor.address or "")
    if found is None:
        return
    try:
        peer = _destination(association, found["destination"], aet)
    except UnreadablePemError as error:
        logger.warning("images cannot be moved to a target", reason=str(error))
        retrieval.answer(UNABLE)
        return
    if peer is None:
        retrieval.answer(_NO_DESTINATION)
        return
    report = SendReport()
    items = [(file["sop_instance_uid"], Path(file["path"])) for file in found["files"]]
    requester = str(association.requestor.ae_title).strip()

    def after(sop_instance_uid: str, answer: StoreResponse | None) -> None:
        retrieval.count(sop_instance_uid, answer)
        if _is_over(association, request):
            report.stop.set()
        else:
            retrieval.answer(PENDING)

    originator = Originator(requester, request.MessageID)
    send_series(items, peer, report, originator=originator, after=after)
    canceled = request.MessageID in association.dimse.cancel_req
    if report.error is not None:
        logger.warning("not all images could be moved", reason=report.error)
    retrieval.end(canceled=canceled)


def _is_over(association: StoreAssociation, request: Any) -> bool:
    """Say whether the peer canceled its request, or has gone."""
    canceled = request.MessageID in association.dimse.cancel_req
    return canceled or association.acse.is_aborted() or not association.is_established


def _destination(association: StoreAssociation, target: Json | None, aet: str) -> Peer | None:
    """Return the node that a target is; None: no target has this AE title.

    Raises:
        UnreadablePemError: Certificate, key or CA cannot be read.
    """
    if target is None:
        return None
    tls = None if target["tls"] is None else client_context(**target["tls"])
    return Peer(
        host=target["host"],
        port=target["port"],
        aet_target=aet,
        aet_source=str(association.ae.ae_title),
        timeout_s=association.dimse_timeout or _TIMEOUT_S,
        tls=tls,
        server_name=target["host"],
    )
