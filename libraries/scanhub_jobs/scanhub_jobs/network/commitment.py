"""Storage commitment, push model (PS3.4 annex J): a node is asked whether it will keep what it has.

It answers the question (N-ACTION) at once and reports later (N-EVENT-REPORT), over the association
of the question or over one of its own to a port of ours.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.association import Association

from scanhub_jobs.errors import SendError
from scanhub_jobs.network.association import associate
from scanhub_jobs.network.peer import Peer
from scanhub_jobs.uids import uid_from_uuid

_PUSH_MODEL = "1.2.840.10008.1.20.1"
_INSTANCE = "1.2.840.10008.1.20.1.1"
"""The well-known SOP instance that all requests go to (PS3.4 section J.3.5)."""
_REQUEST = 1
_LAST_WORDS_S, _LOOK_S = 5.0, 0.01
"""How long a node that called back may take to release, and how often is looked."""
_SUCCESS, _NO_SUCH_INSTANCE = 0x0000, 0x0112
_REASONS = {  # PS3.3 section C.14.1.1
    0x0110: "processing failed",
    0x0112: "it does not have it",
    0x0213: "out of resources",
    0x0122: "it does not keep this SOP class",
    0x0119: "it has it as another SOP class",
    0x0131: "the transaction was used before",
}


@dataclass
class Answer:
    """What a node said of instances, by their SOP Instance UIDs."""

    promised: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    """With the reason"""
    problem: str = ""
    """Why there is no report"""

    def of(self, uid: str) -> tuple[bool, str]:
        """Return whether the node keeps an instance, and why not."""
        if uid in self.promised:
            return True, ""
        silent = self.problem or "The report of the node does not name it."
        return False, self.refused.get(uid, silent)


class _Reports:
    """Hears the report of one transaction, whichever way it comes."""

    def __init__(self, transaction_uid: str) -> None:
        self.transaction_uid = transaction_uid
        self.came = threading.Event()
        self.answer = Answer()

    def heard(self, event: evt.Event) -> tuple[int, None]:
        """Take a report; one of another transaction is refused."""
        data = event.event_information
        if str(data.get("TransactionUID", "")) != self.transaction_uid:
            return _NO_SUCH_INSTANCE, None
        for item in data.get("ReferencedSOPSequence") or ():
            self.answer.promised.add(str(item.ReferencedSOPInstanceUID))
        for item in data.get("FailedSOPSequence") or ():
            reason = int(item.get("FailureReason") or 0)
            words = _REASONS.get(reason, f"reason 0x{reason:04X}")
            self.answer.refused[str(item.ReferencedSOPInstanceUID)] = (
                f"The node does not promise to keep it: {words}."
            )
        self.came.set()
        return _SUCCESS, None


def ask_to_keep(peer: Peer, references: Sequence[tuple[str, str]], wait_s: float) -> Answer:
    """Ask a node to commit itself to keep instances, and wait for its report.

    Args:
        peer: The node.
        references: SOP Class UID and SOP Instance UID of each.
        wait_s: How long the report is waited for [s].
    """
    reports = _Reports(uid_from_uuid(uuid4()))
    try:
        with _listening(peer, reports):
            problem = _ask(peer, _request(reports.transaction_uid, references), reports, wait_s)
    except (SendError, OSError) as error:
        problem = f"Storage commitment could not be asked for: {error}"
    if reports.came.is_set():
        return reports.answer
    return Answer(problem=problem)


def _ask(peer: Peer, request: Dataset, reports: _Reports, wait_s: float) -> str:
    """Ask, and wait; return why there is no report."""
    association = associate(
        peer,
        [(_PUSH_MODEL, str(ImplicitVRLittleEndian))],
        handlers=[(evt.EVT_N_EVENT_REPORT, reports.heard)],
    )
    try:
        refusal = _asked(association, request)
        if refusal:
            return refusal
        reports.came.wait(wait_s)
    finally:
        if association.is_established:
            association.release()
        else:
            association.abort()
    called = "" if peer.commit_port else " If it calls back, say commit_port= where we listen."
    return f"The node did not report within {wait_s:g} s whether it keeps the images.{called}"


def _asked(association: Association, request: Dataset) -> str:
    status, _ = association.send_n_action(request, _REQUEST, _PUSH_MODEL, _INSTANCE)
    if "Status" not in status:
        return "The node did not answer whether it keeps the images."
    if status.Status != _SUCCESS:
        return f"The node refuses storage commitment: status 0x{status.Status:04X}."
    return ""


def _request(transaction_uid: str, references: Sequence[tuple[str, str]]) -> Dataset:
    """Return the action information (PS3.4 table J.3-1)."""
    data = Dataset()
    data.TransactionUID = transaction_uid
    items = []
    for sop_class, uid in references:
        items.append(Dataset())
        items[-1].ReferencedSOPClassUID, items[-1].ReferencedSOPInstanceUID = sop_class, uid
    data.ReferencedSOPSequence = items
    return data


@contextmanager
def _listening(peer: Peer, reports: _Reports) -> Iterator[None]:
    """Listen for reports over associations of the node's own, where a port is given."""
    if peer.commit_port is None:
        yield
        return
    entity = AE(peer.calling_ae_title)
    entity.add_supported_context(_PUSH_MODEL, scu_role=True, scp_role=True)
    server: Any = entity.start_server(
        (peer.commit_host, peer.commit_port),
        block=False,
        evt_handlers=[(evt.EVT_N_EVENT_REPORT, reports.heard)],
    )
    try:
        yield
        _let_end(server)
    finally:
        for association in server.active_associations:
            association.abort()
        server.shutdown()


def _let_end(server: Any) -> None:
    """Let the node hear that its report came, and release its association."""
    deadline = time.monotonic() + _LAST_WORDS_S
    while server.active_associations and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
