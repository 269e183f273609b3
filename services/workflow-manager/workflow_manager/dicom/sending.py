"""C-STORE requests over an established association, by our own hands. Blocking.

A data set goes from its file into one buffer and from there to the connection: it costs the same
memory however long it is, and can be stopped between two PDUs.
"""

import itertools
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self

from pynetdicom.association import Association

from workflow_manager.dicom.commands import (
    C_CANCEL_RQ,
    Originator,
    StoreResponse,
    read_response,
    store_request,
)
from workflow_manager.dicom.data_set import Body, DataSetFile, UnsendableError
from workflow_manager.dicom.framing import Frames, OtherPdu, Piece, ProtocolError, as_pdu
from workflow_manager.dicom.lending import LostError, borrow, hang_up, pass_on
from workflow_manager.dicom.packets import Packets
from workflow_manager.dicom.transport import acknowledge_at_once
from workflow_manager.senders.port import Pace

LOST = "The association was lost while sending."
_NO_MESSAGE = -1
_LOOK_S = 0.5
"""How often who waits looks whether the association is to end [s]."""
_SEND_BYTES, _TLS_RECORD_BYTES = 2**20, 16_384
_MESSAGE_IDS = 65_535
_MOST_COMMAND = 65_536
_SLOW_DISK = 10_000_000
"""An answer to a long image may take as much longer as such a disk takes [byte/s]."""


class StoppedError(Exception):
    """Somebody wants it to end, amid an image: the association is aborted."""


class NoAnswerError(LostError):
    """The peer took an image and does not answer."""


class StoreLine:
    """An association whose connection is ours, from `open` to its end.

    Args:
        association: Established.
        timeout_s: How long the peer may take nothing, or not answer [s].
        pace: Bandwidth limit.
        stop: Set: what is under way is aborted.
    """

    def __init__(
        self, association: Association, *, timeout_s: float, pace: Pace, stop: threading.Event
    ) -> None:
        self._association = association
        self._timeout_s = timeout_s
        self._pace = pace
        self._stop = stop
        self._packets = Packets(association.dimse.maximum_pdu_size)
        self._numbers = itertools.cycle(range(1, _MESSAGE_IDS + 1))
        self._contexts = {
            (str(context.abstract_syntax), str(context.transfer_syntax[0])): context.context_id or 0
            for context in reversed(association.accepted_contexts)
            if context.as_scu
        }
        self._frames = Frames(0)
        self._socket: socket.socket | None = None
        self._piece = _SEND_BYTES
        self._command = bytearray()
        self.canceled: set[int] = set()
        """Message IDs of requests that the peer canceled (C-CANCEL) meanwhile."""

    @contextmanager
    def open(self) -> Iterator[Self]:
        """Take the connection. Where the association is lost, or stopped, it is ended.

        Raises:
            LostError: It ended meanwhile.
        """
        try:
            with borrow(self._association) as lent:
                connection, self._frames = lent
                before = connection.gettimeout()
                self._take_over(connection)
                try:
                    yield self
                    self._take(_NO_MESSAGE)  # what came with the last answer
                finally:
                    self._socket = None
                    with suppress(OSError):  # it is closed
                        acceptor = self._association.is_acceptor  # knows how to wait
                        connection.settimeout(before if acceptor else self._timeout_s)
        except (StoppedError, NoAnswerError):
            self._association.abort()
            raise
        except LostError:
            hang_up(self._association)
            raise

    def _take_over(self, connection: socket.socket) -> None:
        self._socket = connection
        self._piece = _TLS_RECORD_BYTES if isinstance(connection, ssl.SSLSocket) else _SEND_BYTES
        connection.settimeout(min(_LOOK_S, self._timeout_s))

    def accepted(self, sop_class_uid: str) -> set[str]:
        """Return the transfer syntaxes in which the peer takes images of a SOP class."""
        return {syntax for sop_class, syntax in self._contexts if sop_class == sop_class_uid}

    def store(
        self,
        file: DataSetFile,
        body: Body,
        transfer_syntax_uid: str,
        originator: Originator | None = None,
    ) -> StoreResponse:
        """Send one instance and return what the peer says of it.

        Raises:
            LostError: The association is of no use any more.
            StoppedError: It was stopped on the way; so is the association.
            OSError: The file cannot be read, and nothing of it was sent.
            UnsendableError: It has no data set.
        """
        if body.size == 0:
            raise UnsendableError("The file has no data set.")
        context_id = self._contexts[file.sop_class_uid, transfer_syntax_uid]
        message_id = next(self._numbers)
        data = store_request(message_id, file.sop_class_uid, file.sop_instance_uid, originator)
        self._send_all(self._as_pdus(context_id, data), body, context_id)
        return self._answer(message_id, self._timeout_s + body.size / _SLOW_DISK)

    def tell(self, context_id: int, command: bytes) -> None:
        """Send a command without a data set."""
        self._send(memoryview(self._as_pdus(context_id, command)))

    def listen(self) -> None:
        """Take what the peer has said meanwhile, without waiting for anything."""
        connection = self._open_socket()
        connection.settimeout(0)
        try:
            while self._read():
                self._take(_NO_MESSAGE)
        finally:
            connection.settimeout(min(_LOOK_S, self._timeout_s))

    # --- sending ------------------------------------------------------------------------------

    def _as_pdus(self, context_id: int, command: bytes) -> bytes:
        parts = range(0, len(command), self._packets.payload)
        return b"".join(
            as_pdu(
                context_id,
                is_command=True,
                is_last=at == parts[-1],
                data=command[at : at + self._packets.payload],
            )
            for at in parts
        )

    def _send_all(self, command: bytes, body: Body, context_id: int) -> None:
        packets, left, before = self._packets, body.size, command
        while left:
            count = min(left, self._pace.at_once(packets.most))
            try:
                body.fill(packets.room(context_id, count))
            except OSError as error:
                if before:
                    raise
                raise LostError(f"The file cannot be read to its end: {error}.") from error
            self._pace.wait_in_thread(count, self._stop)
            if self._stop.is_set():
                raise StoppedError
            self._check_alive()
            left -= count
            self._send(packets.packed(count, is_last=not left, before=before))
            before = b""

    def _send(self, data: memoryview) -> None:
        connection, deadline = self._open_socket(), time.monotonic() + self._timeout_s
        while data:
            try:
                data = data[connection.send(data[: self._piece]) :]
                deadline = time.monotonic() + self._timeout_s
            except TimeoutError:
                self._check_alive()
                if self._stop.is_set() or time.monotonic() > deadline:
                    raise LostError(
                        "The node takes no more: the connection stands still."
                    ) from None
            except OSError as error:
                raise LostError(LOST) from error

    # --- reading ------------------------------------------------------------------------------

    def _answer(self, message_id: int, timeout_s: float) -> StoreResponse:
        deadline = time.monotonic() + timeout_s
        while True:
            answer = self._take(message_id)
            if answer is not None:
                return answer
            if not self._read():
                self._check_alive()
                if time.monotonic() > deadline:
                    raise NoAnswerError("The node did not answer.")

    def _read(self) -> bool:
        """Read what is there, or comes soon; say whether something did."""
        connection = self._open_socket()
        try:
            acknowledge_at_once(connection)
            count = connection.recv_into(self._frames.room())
        except (TimeoutError, BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError as error:
            raise LostError(LOST) from error
        if count == 0:
            raise LostError(LOST)
        self._frames.filled(count)
        return True

    def _take(self, message_id: int) -> StoreResponse | None:
        """Take apart what was read, as far as the answer to a request of ours."""
        try:
            while (frame := self._frames.next()) is not None:
                if isinstance(frame, OtherPdu):
                    pass_on(self._association, frame.data)
                    raise LostError(LOST)
                answer = self._take_piece(frame)
                if answer is not None and answer.answers(message_id):
                    return answer
        except ProtocolError as error:
            raise LostError(f"The node does not keep to the protocol: {error}") from error
        return None

    def _take_piece(self, piece: Piece) -> StoreResponse | None:
        """Collect a command; there is no other that has a data set, where a peer is an SCP."""
        if not piece.is_command:
            raise ProtocolError("A data set comes that nobody asked for.")
        self._command += piece.data
        if len(self._command) > _MOST_COMMAND:
            raise ProtocolError(f"A command has more than {_MOST_COMMAND} bytes.")
        if not piece.is_last:
            return None
        answer, self._command = read_response(bytes(self._command)), bytearray()
        if answer.field == C_CANCEL_RQ:
            self.canceled.add(answer.responded_to)
        return answer

    def _open_socket(self) -> socket.socket:
        if self._socket is None:
            raise LostError(LOST)
        return self._socket

    def _check_alive(self) -> None:
        """Notice that the association is to end, as where a listener stops."""
        if self._association._sent_abort or self._association._kill:  # noqa: SLF001 - no public way
            raise LostError(LOST)
