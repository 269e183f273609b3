"""Send instances to a node: contexts from the data, one at a time, a report of each."""

import copy
import io
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from pynetdicom.association import Association

from scanhub_jobs.errors import DicomFileError, JobError, SendError
from scanhub_jobs.making.files import file_meta
from scanhub_jobs.network.association import MOST_CONTEXTS, Context, associate
from scanhub_jobs.network.commitment import ask_to_keep
from scanhub_jobs.network.items import Item, Where
from scanhub_jobs.network.peer import Peer
from scanhub_jobs.network.report import GOOD, EchoResult, Outcome, SendReport
from scanhub_jobs.network.shipment import Shipment, Wish, ship

_VERIFICATION = "1.2.840.10008.1.1"
_NATIVE = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
_CONVERTIBLE = frozenset((*_NATIVE, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian))
_WARNINGS = range(0xB000, 0xC000)
_OUT_OF_RESOURCES = range(0xA700, 0xA800)
_REFUSALS = frozenset((0x0122, 0x0124))
_NOT_TAKEN = "The node does not take {kind} as {syntax}; {hint}."


def send_items(
    peer: Peer,
    items: Any,
    *,
    where: Where | None,
    recursive: bool,
    transcode: bool,
    retries: int,
    backoff_s: float,
    commit_wait_s: float | None,
) -> SendReport:
    """Send what is meant to a node; see `Peer.send`."""

    def attempt(shipment: Shipment, numbers: Sequence[int]) -> bool:
        reached = [_send_group(peer, shipment, group) for group in _groups(shipment, numbers)]
        return any(reached)

    wish = Wish(where, recursive, transcode, retries, backoff_s)
    shipment, report = ship(peer.name, items, wish, attempt)
    if commit_wait_s is not None:
        _commit(peer, shipment, report, commit_wait_s)
    return report


def _commit(peer: Peer, shipment: Shipment, report: SendReport, wait_s: float) -> None:
    """Ask the node whether it keeps what it has got, and write that into the report."""
    numbers = [n for n, found in enumerate(report.instances) if found.outcome in GOOD]
    references = [
        (shipment.items[n].sop_class_uid, shipment.items[n].sop_instance_uid) for n in numbers
    ]
    if not references:
        return
    answer = ask_to_keep(peer, references, wait_s)
    for number in numbers:
        found = report.instances[number]
        found.committed, found.commit_reason = answer.of(found.sop_instance_uid)


def _groups(shipment: Shipment, numbers: Sequence[int]) -> Iterator[list[int]]:
    """Split items so that one association can carry the contexts of each part."""
    group: list[int] = []
    contexts: set[Context] = set()
    for number in numbers:
        needed = set(_contexts(shipment.items[number], transcode=shipment.wish.transcode))
        if len(contexts | needed) > MOST_CONTEXTS:
            yield group
            group, contexts = [], set()
        contexts |= needed
        group.append(number)
    if group:
        yield group


def _contexts(item: Item, *, transcode: bool) -> list[Context]:
    """Return in which encodings an item may be sent: its own, and those without loss beside it."""
    own = UID(item.transfer_syntax_uid)
    others = _NATIVE if transcode or own in _CONVERTIBLE else ()
    return [(item.sop_class_uid, str(s)) for s in dict.fromkeys((own, *others))]


def _send_group(peer: Peer, shipment: Shipment, numbers: Sequence[int]) -> bool:
    """Send items over one association; say whether it came about."""
    contexts = {
        context: None
        for number in numbers
        for context in _contexts(shipment.items[number], transcode=shipment.wish.transcode)
    }
    try:
        association = associate(peer, list(contexts))
    except SendError as error:
        for number in numbers:
            shipment.note(number, Outcome.FAILED, str(error), again=True)
        return False
    try:
        for number in numbers:
            if association.is_established:
                _send_one(shipment, number, association)
            else:
                shipment.note(number, Outcome.FAILED, "The association was lost.", again=True)
    finally:
        if association.is_established:
            association.release()
        else:
            association.abort()
    return True


def _send_one(shipment: Shipment, number: int, association: Association) -> None:
    item = shipment.items[number]
    accepted = {
        str(context.transfer_syntax[0])
        for context in association.accepted_contexts
        if context.abstract_syntax == item.sop_class_uid
    }
    try:
        dataset = _encoded(item, accepted, transcode=shipment.wish.transcode)
        syntax = str(dataset.file_meta.TransferSyntaxUID)
        answer = association.send_c_store(dataset)
    except _NotTakenError as error:
        shipment.note(number, Outcome.REFUSED, str(error))
    except (DicomFileError, ValueError, AttributeError, RuntimeError, TypeError) as error:
        shipment.note(number, Outcome.FAILED, str(error), again=not association.is_established)
    else:
        _note_answer(shipment, number, answer, syntax)


def _note_answer(shipment: Shipment, number: int, answer: Dataset, syntax: str) -> None:
    if "Status" not in answer:
        shipment.note(number, Outcome.FAILED, "The node gave no answer.", again=True)
        return
    status, comment = int(answer.Status), str(answer.get("ErrorComment") or "")
    outcome = Outcome.FAILED
    if status == 0:
        outcome = Outcome.SENT
    elif status in _WARNINGS:
        outcome = Outcome.WARNING
    elif status in _OUT_OF_RESOURCES or status in _REFUSALS:
        outcome = Outcome.REFUSED
    said = f"The node answered status 0x{status:04X}{': ' if comment else ''}{comment}."
    reason = "" if outcome is Outcome.SENT else said
    again = status in _OUT_OF_RESOURCES
    shipment.note(number, outcome, reason, again=again, status=status, transfer_syntax_uid=syntax)


class _NotTakenError(JobError):
    """The node accepted no context in which the instance can be sent."""


def _encoded(item: Item, accepted: set[str], *, transcode: bool) -> Dataset:
    """Return the data set in an encoding that the node takes; the caller's stays as it is."""
    dataset, own = item.read(), UID(item.transfer_syntax_uid)
    if not hasattr(dataset, "file_meta") or "TransferSyntaxUID" not in dataset.file_meta:
        bare, dataset = dataset, Dataset()
        dataset.update(bare)
        dataset.file_meta = file_meta(dataset)
    if str(own) in accepted:
        return dataset
    others = [syntax for syntax in _NATIVE if str(syntax) in accepted]
    if own in _CONVERTIBLE and others:
        return _reencoded(dataset, others[0])
    if transcode and own.is_compressed and others:
        plain = copy.deepcopy(dataset)
        plain.decompress(generate_instance_uid=False)
        return _reencoded(plain, others[0])
    kind, syntax = UID(item.sop_class_uid).name, own.name
    hint = "allow that there" if not accepted else "allow that there, or send with transcode=True"
    raise _NotTakenError(_NOT_TAKEN.format(kind=kind, syntax=syntax, hint=hint))


def _reencoded(dataset: Dataset, syntax: UID) -> Dataset:
    """Return a copy in another encoding, as if it had been read from a file."""
    bare = copy.copy(dataset)
    bare.file_meta = file_meta(dataset, syntax)
    buffer = io.BytesIO()
    bare.save_as(
        buffer,
        implicit_vr=syntax.is_implicit_VR,
        little_endian=True,
        enforce_file_format=True,
    )
    buffer.seek(0)
    return pydicom.dcmread(buffer)


def echo_peer(peer: Peer) -> EchoResult:
    """Test the connection with a C-ECHO; see `Peer.echo`."""
    began = time.monotonic()
    try:
        association = associate(peer, [(_VERIFICATION, str(ImplicitVRLittleEndian))])
    except SendError as error:
        return EchoResult(ok=False, reason=str(error), elapsed_s=time.monotonic() - began)
    answer = association.send_c_echo()
    association.release()
    elapsed = time.monotonic() - began
    if "Status" not in answer:
        return EchoResult(ok=False, reason="The node gave no answer.", elapsed_s=elapsed)
    status = int(answer.Status)
    reason = "" if status == 0 else f"The node answered status 0x{status:04X}."
    return EchoResult(ok=status == 0, status=status, reason=reason, elapsed_s=elapsed)
