"""Send instances to another node: contexts from the data, a report per instance. Blocking."""

import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, _config, evt
from pynetdicom.association import Association
from pynetdicom.pdu import A_ASSOCIATE_RJ

from workflow_manager.dicom.transport import without_delays
from workflow_manager.senders.port import Item, Pace, SendReport
from workflow_manager.senders.reach import why_no_tls, why_not_connected

# Files are sent as they are on disk, in pieces; nothing is decoded to be sent.
_config.STORE_SEND_CHUNKED_DATASET = True

_VERIFICATION = "1.2.840.10008.1.1"
_NATIVE = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
_MAX_CONTEXTS = 128  # PS3.8 section 9.3.2.2: odd numbers to 255
_MAX_PDU = 131_072
_WARNINGS = range(0xB000, 0xC000)


@dataclass(frozen=True, slots=True)
class Peer:
    """The node to send to."""

    host: str
    port: int
    aet_target: str
    aet_source: str
    connect_timeout_s: float = 10.0
    timeout_s: float = 30.0
    tls: ssl.SSLContext | None = None
    server_name: str = ""
    """Name that the certificate must bear, where names are checked."""


@dataclass(frozen=True, slots=True)
class _File:
    sop_instance_uid: str
    path: Path
    sop_class: str
    transfer_syntax: str


def echo(peer: Peer) -> str | None:
    """Test the connection (C-ECHO); return what is wrong, or None."""
    association, reason = _associate(peer, [(_VERIFICATION, [ImplicitVRLittleEndian])])
    if association is None:
        return reason
    try:
        status = association.send_c_echo()
        if not status:
            return "The node took the association, but did not answer the C-ECHO."
        return None if status.Status == 0 else f"The node answered status 0x{status.Status:04X}."
    finally:
        association.release()


def send_series(
    items: Sequence[tuple[str, Path]],
    peer: Peer,
    report: SendReport | None = None,
    pace: Pace | None = None,
) -> SendReport:
    """Send instances over as few associations as their contexts need.

    Args:
        items: What to send.
        peer: Where to.
        report: Filled while they are sent; returned.
        pace: Bandwidth limit.
    """
    report, pace = report or SendReport(), pace or Pace(None)
    readable: list[_File] = []
    for item in (Item(*item) for item in items):
        try:
            meta = pydicom.filereader.read_file_meta_info(item.path)
            readable.append(
                _File(
                    item.sop_instance_uid,
                    item.path,
                    str(meta.MediaStorageSOPClassUID),
                    str(meta.TransferSyntaxUID),
                )
            )
        except (OSError, AttributeError, ValueError, pydicom.errors.InvalidDicomError) as error:
            report.failed[item.sop_instance_uid] = f"The file cannot be read: {error}"
    for group in _groups(readable):
        if report.stop.is_set():
            break
        _send_group(group, peer, report, pace)
    return report


def _groups(files: Sequence[_File]) -> Iterator[list[_File]]:
    """Split files so that one association can carry the contexts of each part."""
    group: list[_File] = []
    contexts: set[tuple[str, str]] = set()
    for file in files:
        context = (file.sop_class, file.transfer_syntax)
        if context not in contexts and len(contexts) >= _MAX_CONTEXTS // 2:
            yield group
            group, contexts = [], set()
        contexts.add(context)
        group.append(file)
    if group:
        yield group


def _contexts(files: Sequence[_File]) -> list[tuple[str, list[str]]]:
    """One context for every encoding there is, and one more where a native one can be converted."""
    wanted: dict[tuple[str, tuple[str, ...]], None] = {}
    for file in files:
        wanted[file.sop_class, (file.transfer_syntax,)] = None
        if file.transfer_syntax in _NATIVE:
            wanted[file.sop_class, tuple(map(str, _NATIVE))] = None
    return [(sop_class, list(syntaxes)) for sop_class, syntaxes in wanted]


def _associate(
    peer: Peer, contexts: Sequence[tuple[str, Sequence[str]]]
) -> tuple[Association | None, str]:
    ae = AE(peer.aet_source)
    ae.connection_timeout = peer.connect_timeout_s
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = peer.timeout_s
    for abstract_syntax, transfer_syntaxes in contexts:
        ae.add_requested_context(abstract_syntax, list(transfer_syntaxes))
    seen = _Seen()
    association = ae.associate(
        peer.host,
        peer.port,
        ae_title=peer.aet_target,
        max_pdu=_MAX_PDU,
        tls_args=None if peer.tls is None else (peer.tls, peer.server_name),
        evt_handlers=[(evt.EVT_CONN_OPEN, seen.connected), (evt.EVT_PDU_RECV, seen.received)],
    )
    if association.is_established:
        keep_answers(association)
        return association, ""
    return None, seen.reason(peer)


def keep_answers(association: Association) -> None:
    """Let an answer reach whoever waits for it.

    Beside who sends, a thread of pynetdicom looks for messages. It is asked to rest first, and may
    look once more all the same: then it took the answer, and who sent waited in vain for the whole
    timeout. It puts back now what it took while it was to rest.
    """
    serve = association._serve_request  # noqa: SLF001 - pynetdicom has no other place for it

    def put_back(msg: Any, context_id: int) -> None:
        resting = not association._reactor_checkpoint.is_set()  # noqa: SLF001 - its own request
        if resting and not msg.is_valid_request:
            association.dimse.msg_queue.put((context_id, msg))
        else:
            serve(msg, context_id)

    association._serve_request = put_back  # type: ignore[method-assign]  # noqa: SLF001


class _Seen:
    """What happened on the way to an association, so that a failure can be named."""

    def __init__(self) -> None:
        self._open = False
        self._refusal: str | None = None
        self._answered = False

    def connected(self, event: evt.Event) -> None:
        self._open = True
        without_delays(event)

    def received(self, event: evt.Event) -> None:
        self._answered = True
        if isinstance(event.pdu, A_ASSOCIATE_RJ):
            self._refusal = event.pdu.reason_str

    def reason(self, peer: Peer) -> str:
        """Return what went wrong, for a person."""
        if not self._open:
            return _why_closed(peer)
        if self._refusal is not None:
            return (
                f"The node refused the association: {self._refusal} "
                f"(asked for AE title {peer.aet_target!r} as {peer.aet_source!r})."
            )
        if not self._answered:
            return f"Something listens at {peer.host}:{peer.port}, but it does not speak DICOM."
        return "The node took the association, but none of the image types offered."


def _why_closed(peer: Peer) -> str:
    """Connect once more, step by step, to tell why it did not go."""
    try:
        connection = socket.create_connection((peer.host, peer.port), peer.connect_timeout_s)
    except OSError as error:
        return why_not_connected(error, peer.host, peer.port)
    with connection:
        if peer.tls is None:
            return f"The connection to {peer.host}:{peer.port} was lost."
        try:
            peer.tls.wrap_socket(connection, server_hostname=peer.server_name).close()
        except OSError as error:
            return why_no_tls(error)
    return f"The connection to {peer.host}:{peer.port} was lost after TLS had begun."


def _send_group(files: Sequence[_File], peer: Peer, report: SendReport, pace: Pace) -> None:
    association, reason = _associate(peer, _contexts(files))
    if association is None:
        report.failed.update(dict.fromkeys((f.sop_instance_uid for f in files), reason))
        return
    try:
        for number, file in enumerate(files):
            pace.wait_in_thread(file.path.stat().st_size, report.stop)
            if report.stop.is_set():
                return
            if not association.is_established:
                lost = "The association was lost while sending."
                rest = (f.sop_instance_uid for f in files[number:])
                report.failed.update(dict.fromkeys(rest, lost))
                return
            _send_one(association, file, number, report)
    finally:
        if association.is_established:
            association.release()


def _send_one(association: Association, file: _File, number: int, report: SendReport) -> None:
    accepted = {
        str(syntax)
        for context in association.accepted_contexts
        if context.abstract_syntax == file.sop_class
        for syntax in context.transfer_syntax
    }
    if not accepted:
        report.failed[file.sop_instance_uid] = f"The node does not take {_name(file.sop_class)}."
        return
    try:
        as_it_is = file.transfer_syntax in accepted
        source = file.path if as_it_is else pydicom.dcmread(file.path)
        status = association.send_c_store(source, msg_id=number % 65535 + 1)
    except (ValueError, OSError, RuntimeError, AttributeError) as error:
        report.failed[file.sop_instance_uid] = f"It could not be sent: {error}"
        return
    if not status:
        report.failed[file.sop_instance_uid] = "The node did not answer."
    elif status.Status == 0 or status.Status in _WARNINGS:
        report.sent.append(file.sop_instance_uid)
    else:
        comment = str(status.get("ErrorComment", "")).strip()
        report.failed[file.sop_instance_uid] = (
            f"The node answered status 0x{status.Status:04X}{f': {comment}' if comment else ''}."
        )


def _name(sop_class: str) -> str:
    return pydicom.uid.UID(sop_class).name
