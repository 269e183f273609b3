"""Associations that we ask for, and why one did not come about. Blocking."""

import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.pdu import A_ASSOCIATE_RJ
from pynetdicom.presentation import PresentationContext

from workflow_manager.dicom.lending import lend
from workflow_manager.dicom.transport import Entity, without_delays
from workflow_manager.senders.encodings import name_of
from workflow_manager.senders.reach import why_no_tls, why_not_connected

_VERIFICATION = "1.2.840.10008.1.1"
NO_CONTEXT = "The node took the association, but none of the image types offered"
_MAX_PDU = 131_072
_SYNTAX_REFUSED = 4
"""Result of a context whose transfer syntaxes are not supported (PS3.8 table 9-18)."""
_MOST_NAMES = 5


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


def echo(peer: Peer) -> str | None:
    """Test the connection (C-ECHO); return what is wrong, or None."""
    association, reason = associate(peer, [(_VERIFICATION, [ImplicitVRLittleEndian])])
    if association is None:
        return reason
    try:
        status = association.send_c_echo()
        if not status:
            return "The node took the association, but did not answer the C-ECHO."
        return None if status.Status == 0 else f"The node answered status 0x{status.Status:04X}."
    finally:
        association.release()


def associate(
    peer: Peer,
    contexts: Sequence[tuple[str, Sequence[str]]],
    *,
    roles: Sequence[Any] = (),
    handlers: Sequence[tuple[Any, Any]] = (),
) -> tuple[Association | None, str]:
    """Open an association; return it, or None and what is wrong.

    Args:
        peer: Where to.
        contexts: Abstract syntaxes, each with its transfer syntaxes.
        roles: What we want to be for some of them (PS3.7 annex D.3.3.4).
        handlers: What is to be done with requests of the peer.
    """
    ae = Entity(peer.aet_source)
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
        ext_neg=list(roles),
        evt_handlers=[
            (evt.EVT_CONN_OPEN, seen.connected),
            (evt.EVT_PDU_RECV, seen.received),
            *handlers,
        ],
    )
    if association.is_established:
        keep_answers(association)
        lend(association)
        return association, ""
    return None, seen.reason(peer, association.rejected_contexts)


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

    def reason(self, peer: Peer, rejected: Sequence[PresentationContext]) -> str:
        """Return what went wrong, for a person.

        Args:
            peer: With whom.
            rejected: Contexts that the peer did not take.
        """
        if not self._open:
            return _why_closed(peer)
        if self._refusal is not None:
            return (
                f"The node refused the association: {self._refusal} "
                f"(asked for AE title {peer.aet_target!r} as {peer.aet_source!r})."
            )
        if not self._answered:
            there = f"Something listens at {peer.host}:{peer.port}, but it"
            if peer.tls is None:
                return f"{there} does not speak DICOM."
            return (
                f"{there} ended the connection after TLS had begun: it wants another certificate "
                "of ours, or it does not speak DICOM."
            )
        return f"{NO_CONTEXT}{_which(rejected)}."


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


def _which(rejected: Sequence[PresentationContext]) -> str:
    """Name the encodings that a node refused, where it is those that it refused."""
    names = {
        f"{name_of(str(context.abstract_syntax))} as {name_of(str(context.transfer_syntax[0]))}"
        for context in rejected
        if context.result == _SYNTAX_REFUSED and context.transfer_syntax
    }
    if not names:
        return ""
    told = ", ".join(sorted(names)[:_MOST_NAMES])
    return f" (not {told}): allow that there; images are sent as they are stored"
