"""Storage commitment, push model: the messages of it (PS3.4 Annex J). Blocking; no database.

A node that took images is asked whether it will keep them (N-ACTION). It answers later, over the
association of the question or over one of its own to our listener (N-EVENT-REPORT). Here is who
asks, and who hears the report; who is asked is in promising.py.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom import evt
from pynetdicom.association import Association

from scanhub_libraries.logging import get_logger
from workflow_manager.dicom.associating import Peer, associate
from workflow_manager.senders.port import CommitmentAnswer, CommitmentReport

logger = get_logger(__name__)
PUSH_MODEL = "1.2.840.10008.1.20.1"
INSTANCE = "1.2.840.10008.1.20.1.1"
"""The well-known SOP instance that all requests go to (PS3.4 section J.3.5)."""
REQUEST = 1
"""The one action type (PS3.4 table J.3-1)."""
SUCCESS, NO_SUCH_INSTANCE, PROCESSING_FAILURE = 0x0000, 0x0112, 0x0110
MOST_REFERENCES = 100_000
_REASONS = {  # PS3.3 section C.14.1.1
    0x0110: "processing failed",
    0x0112: "there is no such instance",
    0x0213: "out of resources",
    0x0122: "this SOP class is not supported",
    0x0119: "it is there as another SOP class",
    0x0131: "the transaction was used before",
}
Ask = Callable[[dict[str, Any]], dict[str, Any] | None]
"""Tells whoever knows the index; None: nobody answers."""


def request(
    peer: Peer,
    transaction_uid: str,
    references: Iterable[tuple[str, str]],
    wait_s: float,
) -> CommitmentAnswer:
    """Ask a node to commit itself, and wait a little for its report.

    Args:
        peer: Which one.
        transaction_uid: Identity of the request; the report names it.
        references: SOP Class UID and SOP Instance UID of each instance.
        wait_s: How long the report is waited for over the same association [s].
    """
    reports: list[CommitmentReport] = []
    came = threading.Event()

    def reported(event: evt.Event) -> tuple[int, None]:
        report = read_report(event.event_information)
        if report.transaction_uid == transaction_uid:
            reports.append(report)
            came.set()
            return SUCCESS, None
        return NO_SUCH_INSTANCE, None

    association, reason = associate(
        peer,
        [(PUSH_MODEL, [ImplicitVRLittleEndian])],
        handlers=[(evt.EVT_N_EVENT_REPORT, reported)],
    )
    if association is None:
        if "none of the image types" in reason:
            reason = (
                "The node does not offer storage commitment (PS3.4 Annex J): switch "
                "storage_commitment of the target off, or ask the node's administrator."
            )
        return CommitmentAnswer(problem=reason)
    try:
        problem = _ask(association, _action(transaction_uid, references))
        if problem is None:
            came.wait(wait_s)
    finally:
        if association.is_established:
            association.release()
    return CommitmentAnswer(problem, reports[0] if reports else None)


def _ask(association: Association, action: Dataset) -> str | None:
    """Send the request; return what is wrong."""
    try:
        status, _ = association.send_n_action(action, REQUEST, PUSH_MODEL, INSTANCE)
    except (ValueError, RuntimeError) as error:
        return f"Storage commitment could not be asked for: {error}"
    if not status:
        return "The node did not answer the request for storage commitment."
    if status.Status != SUCCESS:
        return f"The node refuses storage commitment: status 0x{status.Status:04X}."
    return None


def _action(transaction_uid: str, references: Iterable[tuple[str, str]]) -> Dataset:
    data = Dataset()
    data.TransactionUID = transaction_uid
    data.ReferencedSOPSequence = []
    for sop_class, uid in references:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
        data.ReferencedSOPSequence.append(item)
    return data


def read_report(data: Dataset) -> CommitmentReport:
    """Return what a report says (PS3.4 table J.3-2).

    Raises:
        ValueError: It says too much.
    """
    committed = _items(data, "ReferencedSOPSequence")
    failed = _items(data, "FailedSOPSequence")
    if len(committed) + len(failed) > MOST_REFERENCES:
        raise ValueError(f"more than {MOST_REFERENCES} instances")
    return CommitmentReport(
        str(data.get("TransactionUID", "")),
        [str(item.get("ReferencedSOPInstanceUID", "")) for item in committed],
        {str(item.get("ReferencedSOPInstanceUID", "")): _why(item) for item in failed},
    )


def _items(data: Dataset, keyword: str) -> Sequence[Dataset]:
    found: Sequence[Dataset] = data.get(keyword) or []
    return found


def _why(item: Dataset) -> str:
    code = int(item.get("FailureReason") or 0)
    reason = _REASONS.get(code, f"0x{code:04X}")
    return f"The node does not commit itself to keep it: {reason}."


def service(ask: Ask) -> tuple[str, Any, Callable[[evt.Event], tuple[int, None]]]:
    """Return what the listener serves: reports of nodes that were asked."""

    def reported(event: evt.Event) -> tuple[int, None]:
        try:
            report = read_report(event.event_information)
        except (AttributeError, TypeError, ValueError) as error:
            logger.warning("a storage commitment report cannot be read", error=repr(error))
            return PROCESSING_FAILURE, None
        answer = ask(
            {
                "what": "commitment",
                "transaction_uid": report.transaction_uid,
                "committed": list(report.committed),
                "failed": dict(report.failed),
            }
        )
        if answer is None or "problem" in answer:
            return PROCESSING_FAILURE, None
        return (SUCCESS if answer["known"] else NO_SUCH_INSTANCE), None

    return PUSH_MODEL, evt.EVT_N_EVENT_REPORT, reported
