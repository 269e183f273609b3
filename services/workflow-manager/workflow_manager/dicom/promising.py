"""Storage commitment as provider: another node asks what we keep (PS3.4 section J.3). Blocking.

The question (N-ACTION) is written down before it is answered. The report (N-EVENT-REPORT) goes over
the association of the question, if that stays open, or over one of ours.
"""

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from itertools import chain
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import UID, ImplicitVRLittleEndian
from pynetdicom import build_role, evt
from pynetdicom.dimse_primitives import N_EVENT_REPORT
from pynetdicom.dsutils import encode

from scanhub_libraries.logging import get_logger
from workflow_manager.dicom.associating import Peer, associate
from workflow_manager.dicom.commitment import (
    INSTANCE,
    MOST_REFERENCES,
    NO_SUCH_INSTANCE,
    PROCESSING_FAILURE,
    PUSH_MODEL,
    REQUEST,
    SUCCESS,
    Ask,
)
from workflow_manager.dicom.provider import StoreAssociation

logger = get_logger(__name__)
ASKED, REPORT, TOLD = "asked to commit", "commitment report", "commitment told"
"""What is said to whoever knows the index."""
STAYS_S = 1.0
"""Who still has the association after this long waits for the report over it [s]."""
_ALL_KEPT, _SOME_NOT = 1, 2
"""Event types (PS3.4 table J.3-2)."""
_UID = re.compile(r"[0-9.]{1,64}")


class NotReadableError(Exception):
    """A request that says nothing that could be answered."""


def tell(peer: Peer, report: Mapping[str, Any]) -> str | None:
    """Report to a node over an association of ours; return what is wrong.

    Args:
        peer: Who asked.
        report: As `report_data` takes it.
    """
    association, reason = associate(
        peer,
        [(PUSH_MODEL, [ImplicitVRLittleEndian])],
        roles=[build_role(UID(PUSH_MODEL), scp_role=True)],
    )
    if association is None:
        return reason
    data, kind = report_data(report)
    try:
        status, _ = association.send_n_event_report(data, kind, PUSH_MODEL, INSTANCE)
    except (ValueError, RuntimeError) as error:
        return f"The report could not be sent: {error}"
    finally:
        if association.is_established:
            association.release()
    if not status:
        return "The node did not answer the report."
    if status.Status != SUCCESS:
        return f"The node answered the report with status 0x{status.Status:04X}."
    return None


def report_data(report: Mapping[str, Any]) -> tuple[Dataset, int]:
    """Return the Event Information of a report, and its event type.

    Args:
        report: `transaction_uid`; `kept`, SOP class and instance of each; `failed`, the same with
            a Failure Reason.
    """
    data = Dataset()
    data.TransactionUID = report["transaction_uid"]
    data.ReferencedSOPSequence = [_reference(*one) for one in report["kept"]]
    if not report["failed"]:
        return data, _ALL_KEPT
    if not report["kept"]:
        del data.ReferencedSOPSequence
    data.FailedSOPSequence = []
    for sop_class, uid, reason in report["failed"]:
        item = _reference(sop_class, uid)
        item.FailureReason = reason
        data.FailedSOPSequence.append(item)
    return data, _SOME_NOT


def _reference(sop_class: str, uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
    return item


def read_request(data: Dataset) -> tuple[str, list[tuple[str, str]]]:
    """Return the Transaction UID and what is asked about: SOP class and instance of each.

    Raises:
        NotReadableError: It is no such request.
    """
    transaction_uid = str(data.get("TransactionUID", ""))
    items: Sequence[Dataset] = data.get("ReferencedSOPSequence") or []
    references = [
        (str(i.get("ReferencedSOPClassUID", "")), str(i.get("ReferencedSOPInstanceUID", "")))
        for i in items
    ]
    if not references or len(references) > MOST_REFERENCES:
        raise NotReadableError(f"{len(references)} instances: it must be 1 to {MOST_REFERENCES}")
    if not all(_UID.fullmatch(uid) for uid in chain([transaction_uid], *references)):
        raise NotReadableError("a UID that is none")
    return transaction_uid, references


def service(ask: Ask) -> tuple[str, Any, Callable[[Any], tuple[int, None]]]:
    """Return what the listener serves: questions of nodes that sent images."""

    def asked(event: Any) -> tuple[int, None]:
        if event.action_type != REQUEST or event.request.RequestedSOPInstanceUID != INSTANCE:
            return NO_SUCH_INSTANCE, None
        try:
            transaction_uid, references = read_request(event.action_information)
        except (AttributeError, TypeError, ValueError, NotReadableError) as error:
            logger.warning("a request for storage commitment cannot be read", error=repr(error))
            return PROCESSING_FAILURE, None
        request = event.assoc.requestor.primitive
        answer = ask(
            {
                "what": ASKED,
                "transaction_uid": transaction_uid,
                "references": references,
                "calling_ae": str(request.calling_ae_title).strip(),
                "called_ae": str(request.called_ae_title).strip(),
                "address": str(event.assoc.requestor.address),
            }
        )
        if answer is None or "problem" in answer:
            return PROCESSING_FAILURE, None
        arguments = (ask, event.assoc, event.context.context_id, answer["id"])
        threading.Thread(target=_report_here, args=arguments, daemon=True).start()
        return SUCCESS, None

    return PUSH_MODEL, evt.EVT_N_ACTION, asked


def _report_here(ask: Ask, association: StoreAssociation, context_id: int, id_: str) -> None:
    """Report over the association of the question, if it stays open for that."""
    if association.ended.wait(STAYS_S) or not association.is_established:
        return
    report = ask({"what": REPORT, "id": id_})
    if report is None or "problem" in report:
        return
    answer = association.ask(
        context_id, _event_report(association, context_id, report), N_EVENT_REPORT
    )
    if answer is not None and answer.Status == SUCCESS:
        ask(
            {
                "what": TOLD,
                "id": id_,
                "kept": len(report["kept"]),
                "failed": report["failed"],
            }
        )


def _event_report(
    association: StoreAssociation, context_id: int, report: Mapping[str, Any]
) -> N_EVENT_REPORT:
    data, kind = report_data(report)
    context = association._accepted_cx[context_id]  # noqa: SLF001 - no public way by id
    syntax = context.transfer_syntax[0]
    encoded = encode(
        data, syntax.is_implicit_VR, syntax.is_little_endian, deflated=syntax.is_deflated
    )
    request = N_EVENT_REPORT()
    request.MessageID, request.EventTypeID = 1, kind
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = UID(PUSH_MODEL), UID(INSTANCE)
    request.EventInformation = BytesIO(encoded or b"")
    return request
