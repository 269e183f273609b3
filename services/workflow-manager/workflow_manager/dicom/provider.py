"""The data of an established association: C-STORE by our own hands, the rest by pynetdicom.

pynetdicom reads 4 KB at a time, hands every fragment from thread to thread and looks for work a
thousand times a second. Here the thread that reads the socket writes the file and answers, and the
association's other thread sleeps until something comes that is not a C-STORE.
"""

import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from pynetdicom._globals import MODE_ACCEPTOR
from pynetdicom.association import Association
from pynetdicom.dul import DULServiceProvider

from scanhub_libraries.logging import get_logger
from workflow_manager.dicom.commands import StoreRequest, read_command, store_response
from workflow_manager.dicom.framing import Frames, OtherPdu, Piece, ProtocolError, as_pdu
from workflow_manager.dicom.rules import CANNOT_UNDERSTAND
from workflow_manager.dicom.transport import read_some

logger = get_logger(__name__)
_ESTABLISHED = "Sta6"  # PS3.8 section 9.2.2: ready for data transfer
_LOOK_S = 0.2
"""How often a thread that waits for data looks whether it shall do something else [s]."""
_MAX_COMMAND = 65_536
_MAX_IDENTIFIER = 4 * 2**20


class Storing(Protocol):
    """One C-STORE that is under way."""

    def write(self, data: memoryview) -> None:
        """Take a part of the data set; `data` is overwritten afterwards. Never raises."""

    def finish(self) -> tuple[int, str]:
        """Return status and comment of the answer. Never raises."""

    def discard(self) -> None:
        """Forget it: the association ended before the data set did."""


OpenStore = Callable[["StoreAssociation", StoreRequest, int], Storing]
"""Begins a C-STORE in a presentation context."""


class StoreAssociation(Association):
    """An accepted association, with the data path of ours."""

    def __init__(
        self, ae: Any, open_store: "OpenStore", on_end: "Callable[[StoreAssociation], None]"
    ) -> None:
        super().__init__(ae, MODE_ACCEPTOR)
        self.dul: StoreProvider = StoreProvider(self, open_store)
        self.acse_timeout, self.network_timeout = ae.acse_timeout, ae.network_timeout
        self.number = 0
        self.stored = 0
        """C-STORE requests that were answered."""
        self.was_accepted = False
        self._on_end = on_end

    def run_reactor(self) -> None:
        """Serve, then tell that it is over."""
        try:
            super().run_reactor()
        finally:
            self._on_end(self)

    def _serve_request(self, msg: Any, context_id: int) -> None:
        try:
            super()._serve_request(msg, context_id)
        finally:
            self.dul.served()


class StoreProvider(DULServiceProvider):
    """pynetdicom's upper layer, but for the data of established associations."""

    def __init__(self, association: StoreAssociation, open_store: OpenStore) -> None:
        super().__init__(association)
        self._association = association
        self._open_store = open_store
        self._frames = Frames()
        self._message = _Message()
        self._storing: Storing | None = None
        self._lock = threading.Lock()
        self._unserved = 0
        """Requests that pynetdicom was given and has not answered; two threads change it."""

    def run_reactor(self) -> None:
        """Run until the association ends; what is half received then is discarded."""
        try:
            super().run_reactor()
        finally:
            if self._storing is not None:
                self._storing.discard()

    def served(self) -> None:
        """Take note that pynetdicom has answered a request; called in its thread."""
        with self._lock:
            self._unserved = max(0, self._unserved - 1)

    def _is_transport_event(self) -> bool:
        if self.state_machine.current_state != _ESTABLISHED:
            self._wake_association()
            return bool(super()._is_transport_event())
        try:
            return self._serve()
        except ProtocolError as error:
            logger.warning("an association is aborted", reason=str(error))
            self.event_queue.put("Evt19")  # invalid PDU: A-ABORT (PS3.8 table 9-10)
        except OSError:
            self.event_queue.put("Evt17")  # the connection is gone
        self._wake_association()
        return True

    def _serve(self) -> bool:
        """Take what comes; return when there is work for somebody else. True: something came."""
        came = False
        while True:
            frame = self._frames.next()
            if frame is not None:
                if self._take(frame):
                    self._wake_association()
                    return True
                continue
            idle = self._is_idle()
            if not self._more(idle=idle):
                return came
            came = True
            if not idle:
                return True

    def _take(self, frame: Piece | OtherPdu) -> bool:
        """Take one frame; True: pynetdicom was given something."""
        if isinstance(frame, OtherPdu):
            self._pass_on(frame.data)
            return True
        return self._take_piece(frame)

    def _is_idle(self) -> bool:
        """Say whether nothing is to be done but to read; then the other thread may sleep."""
        return (
            self._unserved == 0
            and self.event_queue.empty()
            and self.to_provider_queue.empty()
            and self.to_user_queue.empty()
            and self.assoc.dimse.msg_queue.empty()
            and not self._idle_timer.expired
            and not self._kill_thread
        )

    def _more(self, *, idle: bool) -> bool:
        """Read what the peer sent; False when it sent nothing for a while."""
        if idle:
            self.assoc._reactor_checkpoint.clear()  # noqa: SLF001 - pynetdicom's own pause
        else:
            self._wake_association()
        connection: socket.socket | None = self.socket.socket if self.socket else None
        if connection is None:
            raise ConnectionError
        if not _readable(connection, _LOOK_S if idle else 0.0):
            return False
        count = read_some(connection, self._frames.room())
        if count == 0:
            raise ConnectionError
        self._frames.filled(count)
        self._idle_timer.restart()
        return True

    def _wake_association(self) -> None:
        self.assoc._reactor_checkpoint.set()  # noqa: SLF001 - pynetdicom's own pause

    def _pass_on(self, pdu: bytes) -> None:
        """Give pynetdicom a PDU, as its own reading does."""
        try:
            decoded, event = self._decode_pdu(bytearray(pdu))
        except Exception as error:
            raise ProtocolError(f"A PDU of type {pdu[0]} cannot be read: {error!r}") from error
        self._recv_pdu.put(decoded)
        self.event_queue.put(event)

    def _take_piece(self, piece: Piece) -> bool:
        message = self._message
        message.check(piece)
        if piece.is_command:
            message.add(piece.data, _MAX_COMMAND)
            return piece.is_last and self._begin(piece.context_id)
        if self._storing is not None:
            self._storing.write(piece.data)
            if piece.is_last:
                self._answer()
            return False
        message.add(piece.data, _MAX_IDENTIFIER)
        if not piece.is_last:
            return False
        self._pass_part(is_command=False)
        self._message = _Message()
        return True

    def _begin(self, context_id: int) -> bool:
        """A command is whole: store, or let pynetdicom serve it (True)."""
        message = self._message
        message.request = read_command(bytes(message.data))
        if context_id not in self.assoc._accepted_cx:  # noqa: SLF001 - no public way by id
            raise ProtocolError(f"Presentation context {context_id} was not accepted.")
        if not message.request.is_store:
            self._pass_command(message.request)
            return True
        message.data.clear()
        self._storing = self._open_store(self._association, message.request, context_id)
        if not message.request.has_data_set:
            self._storing.discard()
            self._storing = None
            self._reply(CANNOT_UNDERSTAND, "There is no data set")
        return False

    def _pass_command(self, request: StoreRequest) -> None:
        if request.wants_answer:
            with self._lock:
                self._unserved += 1
        self._pass_part(is_command=True)
        if not request.has_data_set:
            self._message = _Message()

    def _pass_part(self, *, is_command: bool) -> None:
        message = self._message
        data = bytes(message.data)
        message.data.clear()
        self._pass_on(as_pdu(message.context_id, is_command=is_command, is_last=True, data=data))

    def _answer(self) -> None:
        storing, self._storing = self._storing, None
        if storing is not None:
            self._reply(*storing.finish())
            self._idle_timer.restart()  # the wait was ours

    def _reply(self, status: int, comment: str) -> None:
        message, self._message = self._message, _Message()
        if message.request is None or self.socket is None or self.socket.socket is None:
            raise ConnectionError
        command = store_response(message.request, status, comment)
        pdu = as_pdu(message.context_id, is_command=True, is_last=True, data=command)
        self.socket.socket.sendall(pdu)
        self._association.stored += 1


class _Message:
    """A DIMSE message that is coming in (PS3.7 section 6.3)."""

    def __init__(self) -> None:
        self.context_id = -1
        self.data = bytearray()
        """Of the command, or of a data set that pynetdicom gets."""
        self.request: StoreRequest | None = None
        """Known when the command is whole."""

    def check(self, piece: Piece) -> None:
        """Check that a piece belongs here.

        Raises:
            ProtocolError: It does not.
        """
        if self.context_id < 0:
            self.context_id = piece.context_id
        if piece.context_id != self.context_id:
            raise ProtocolError("A message changes its presentation context.")
        if piece.is_command != (self.request is None):
            raise ProtocolError("A command and a data set are mixed up.")

    def add(self, data: memoryview, most: int) -> None:
        """Keep a copy of a part.

        Raises:
            ProtocolError: It is too much.
        """
        if len(self.data) + len(data) > most:
            raise ProtocolError(f"A message without a stored data set has more than {most} bytes.")
        self.data += data


def _readable(connection: socket.socket, seconds: float) -> bool:
    pending: Callable[[], int] | None = getattr(connection, "pending", None)
    if pending is not None and pending():
        return True  # TLS has decrypted more than was asked for
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    with suppress(InterruptedError):
        return bool(poll.poll(seconds * 1000))
    return False
