"""Associations with a node, and why one did not come about."""

import math
import queue
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from pydicom.uid import UID
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.pdu import A_ASSOCIATE_RJ
from pynetdicom.transport import AddressInformation, AssociationSocket

from scanhub_jobs.errors import SendError
from scanhub_jobs.network.peer import Peer, PeerTls

Context = tuple[str, str]
"""SOP Class UID and Transfer Syntax UID"""
MOST_CONTEXTS = 128
"""Of an association (PS3.8 section 9.3.2.2: odd numbers to 255)."""


_MOST_NAMED = 3
_LOOK_S = 0.05
"""How often is looked whether the connection is still there."""


class _ClosingSocket(AssociationSocket):
    """pynetdicom's, closed also where it never was connected."""

    def _shutdown_socket(self) -> None:
        if self.socket is None:
            return
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class _Entity(AE):
    """pynetdicom's application entity, with sockets that are closed."""

    def _create_socket(
        self,
        assoc: Association,
        address: AddressInformation,
        tls_args: tuple[ssl.SSLContext, str] | None,
    ) -> _ClosingSocket:
        made = _ClosingSocket(assoc, address=address)
        made.tls_args = tls_args
        return made


def tls_context(tls: PeerTls) -> ssl.SSLContext:
    """Return how TLS is spoken with a node.

    Raises:
        SendError: A certificate or key cannot be read.
    """
    try:
        context = ssl.create_default_context(cafile=tls.ca)
        context.check_hostname = tls.verify_host
        if tls.certificate is not None:
            context.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ValueError) as error:
        raise SendError(f"Certificate, key or CA of TLS cannot be read: {error}") from error
    return context


def associate(
    peer: Peer, contexts: Sequence[Context], *, handlers: Sequence[tuple[Any, Any]] = ()
) -> Association:
    """Open an association.

    Args:
        peer: With whom.
        contexts: At most `MOST_CONTEXTS`.
        handlers: Events of pynetdicom, and who hears them.

    Raises:
        SendError: It did not come about; the text says why.
    """
    entity = _Entity(peer.calling_ae_title)
    entity.connection_timeout = peer.connect_timeout_s
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = peer.timeout_s
    for sop_class, syntax in contexts:
        entity.add_requested_context(sop_class, [syntax])
    seen = _Seen(peer, contexts)
    association = entity.associate(
        peer.host,
        peer.port,
        ae_title=peer.ae_title,
        tls_args=None if peer.tls is None else (tls_context(peer.tls), peer.host),
        evt_handlers=[
            (evt.EVT_CONN_OPEN, seen.connected),
            (evt.EVT_PDU_RECV, seen.received),
            (evt.EVT_CONN_CLOSE, seen.closed),
            *handlers,
        ],
    )
    if not association.is_established:
        raise SendError(seen.reason())
    _keep_answers(association)
    _wait_no_longer_than_the_connection(association, seen.lost)
    return association


def _keep_answers(association: Association) -> None:
    """Let an answer reach whoever waits for it.

    Beside who sends, a thread of pynetdicom looks for messages. It is asked to rest first, and may
    look once more all the same: what it took while it was to rest is put back.
    """
    serve = association._serve_request  # noqa: SLF001 - pynetdicom has no other place for it

    def put_back(message: Any, context_id: int) -> None:
        resting = not association._reactor_checkpoint.is_set()  # noqa: SLF001 - its own request
        if resting and not message.is_valid_request:
            association.dimse.msg_queue.put((context_id, message))
        else:
            serve(message, context_id)

    setattr(association, "_serve_request", put_back)  # noqa: B010 - a method, put in its place


def _wait_no_longer_than_the_connection(association: Association, lost: threading.Event) -> None:
    """Let whoever waits for an answer hear that the connection is gone.

    pynetdicom's own waits for the whole timeout: the end of a connection is no message.
    """
    dimse = association.dimse

    def get_message(block: bool = False) -> tuple[Any, Any]:
        deadline = time.monotonic() + (dimse.dimse_timeout or math.inf if block else 0)
        while True:
            ended = lost.is_set() or time.monotonic() >= deadline
            try:
                found: tuple[Any, Any] = dimse.msg_queue.get(block=not ended, timeout=_LOOK_S)
            except queue.Empty:
                if ended:
                    return None, None
            else:
                return found

    setattr(dimse, "get_msg", get_message)  # noqa: B010 - a method, put in its place


class _Seen:
    """What happened on the way to an association, so that a failure can be named."""

    def __init__(self, peer: Peer, contexts: Sequence[Context]) -> None:
        self._peer = peer
        self._kinds = ", ".join(sorted({UID(kind).name for kind, _ in contexts})[:_MOST_NAMED])
        self._open = False
        self._answered = False
        self._refusal = ""
        self.lost = threading.Event()
        """Set when the connection is gone"""

    def closed(self, _: evt.Event) -> None:
        self.lost.set()

    def connected(self, event: evt.Event) -> None:
        self._open = True
        transport = event.assoc.dul.socket
        if transport is not None and transport.socket is not None:
            transport.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def received(self, event: evt.Event) -> None:
        self._answered = True
        if isinstance(event.pdu, A_ASSOCIATE_RJ):
            self._refusal = str(event.pdu.reason_str)

    def reason(self) -> str:
        """Return what went wrong, for a person."""
        peer = self._peer
        place = f"{peer.name} ({peer.host}:{peer.port})"
        if self._refusal:
            return (
                f"{place} refused the association: {self._refusal} "
                f"(asked for {peer.ae_title!r} as {peer.calling_ae_title!r})."
            )
        if self._answered:
            return f"{place} takes none of what was offered: {self._kinds}."
        if self._open:
            return f"{place} took the connection, but does not speak DICOM, or not with us."
        return f"{place} cannot be reached: {_why_closed(peer)}."


def _why_closed(peer: Peer) -> str:
    """Connect once more, step by step, to tell why it did not go."""
    try:
        with socket.create_connection((peer.host, peer.port), peer.connect_timeout_s) as line:
            if peer.tls is not None:
                tls_context(peer.tls).wrap_socket(line, server_hostname=peer.host).close()
    except ssl.SSLCertVerificationError as error:
        return f"its certificate is not accepted: {error.verify_message}"
    except OSError as error:
        return error.strerror or str(error) or type(error).__name__
    return "the connection was lost"
