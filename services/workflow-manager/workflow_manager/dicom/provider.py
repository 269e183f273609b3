"""The data of an established association: C-STORE by our own hands, the rest by pynetdicom.

pynetdicom reads 4 KB at a time, hands every fragment from thread to thread and looks for work a
thousand times a second. Here the thread that reads the socket writes the file and answers, and the
association's other thread sleeps until something comes that is not a C-STORE.
"""

import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from pynetdicom._globals import MODE_ACCEPTOR
from pynetdicom.association import Association
from pynetdicom.dul import DULServiceProvider

from scanhub_libraries.logging import get_logger
from workflow_manager.dicom.commands import StoreRequest, read_command, store_response
from workflow_manager.dicom.framing import Frames, OtherPdu, Piece, ProtocolError, as_pdu
from workflow_manager.dicom.incoming import Peer
from workflow_manager.dicom.lending import ESTABLISHED, Loans
from workflow_manager.dicom.rules import CANNOT_UNDERSTAND, OUT_OF_RESOURCES
from workflow_manager.dicom.transport import Reader

logger = get_logger(__name__)
_LOOK_S = 0.2
"""How often a thread that waits for data looks whether it shall do something else [s]."""
_SEND_S = 60.0
"""How long a peer may take none of an answer, where associations may be silent for ever [s]."""
_MAX_COMMAND = 65_536
_MAX_IDENTIFIER = 4 * 2**20


class Storing(Protocol):
    """One C-STORE that is under way."""

    def write(self, data: memoryview) -> None:
        """Take a part of the data set; `data` is overwritten afterwards. Never raises."""

    def finish(self) -> tuple[int, str]:
        """Return status and comment of the answer. Never raises."""

    def answered(self) -> None:
        """Do what nobody waits for: the answer is out, or cannot be sent. Never raises."""

    def discard(self) -> None:
        """Forget it: the association ended before the data set did."""


class Spare(Protocol):
    """What an association keeps for its next C-STORE."""

    def discard(self) -> None:
        """Forget it."""


OpenStore = Callable[["StoreAssociation", StoreRequest, int], Storing]
"""Begins a C-STORE in a presentation context."""
Serve = Callable[["StoreAssociation", Any, int], None]
"""Serves a request of pynetdicom's in a presentation context, in the association's own thread."""


class StoreAssociation(Association):
    """An accepted association, with the data path of ours."""

    def __init__(
        self,
        ae: Any,
        open_store: "OpenStore",
        on_end: "Callable[[StoreAssociation], None]",
        served: "Mapping[type[Any], Serve]",
    ) -> None:
        super().__init__(ae, MODE_ACCEPTOR)
        self.dul: StoreProvider = StoreProvider(self, open_store)
        self.acse_timeout, self.network_timeout = ae.acse_timeout, ae.network_timeout
        self.number = 0
        self.stored = 0
        """C-STORE requests that were answered."""
        self.refused = 0
        """Those of them whose image has to be sent again."""
        self.peer: Peer | None = None
        """Who sends, once the association is accepted."""
        self.spare: Spare | None = None
        """Of whoever stores; for the thread that reads alone."""
        self.ended = threading.Event()
        self._on_end = on_end
        self._served = served
        self._asking = threading.Lock()
        self._asked_for: type[Any] = type(None)
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def run_reactor(self) -> None:
        """Serve, then tell that it is over."""
        try:
            super().run_reactor()
        finally:
            self.ended.set()
            self._on_end(self)

    def ask(self, context_id: int, request: Any, kind: type[Any]) -> Any:
        """Send a request of ours; return the answer, or None if there is none in time.

        For another thread than the association's own, which hands the answer over.

        Args:
            context_id: The presentation context.
            request: A DIMSE primitive.
            kind: Its type, and that of the answer.
        """
        with self._asking:
            self._asked_for = kind
            self.dimse.send_msg(request, context_id)
            try:
                return self._answers.get(timeout=self.dimse_timeout)
            except queue.Empty:
                return None

    def _serve_request(self, msg: Any, context_id: int) -> None:
        if isinstance(msg, self._asked_for) and msg.is_valid_response:
            self._answers.put(msg)
            return
        serve = self._served.get(type(msg)) if msg.is_valid_request else None
        try:
            if serve is None:
                super()._serve_request(msg, context_id)
            else:
                self._serve_here(serve, msg, context_id)
        finally:
            self.dul.served()

    def _serve_here(self, serve: "Serve", request: Any, context_id: int) -> None:
        """Serve by our own hands what pynetdicom would serve otherwise."""
        self.dimse.cancel_req = {}
        self._is_paused = True  # as pynetdicom's own does: nobody else looks for messages
        try:
            serve(self, request, context_id)
        except Exception as error:
            logger.exception("a request cannot be served", error=repr(error))
            self.abort()
        finally:
            self._is_paused = False
            self.dimse.cancel_req = {}


class StoreProvider(DULServiceProvider):
    """pynetdicom's upper layer, but for the data of established associations."""

    def __init__(self, association: StoreAssociation, open_store: OpenStore) -> None:
        super().__init__(association)
        self._association = association
        self._open_store = open_store
        self._frames = Frames()
        self.loans = Loans(self._frames)
        self._message = _Message()
        self._storing: Storing | None = None
        self._reader: Reader | None = None
        """While the association is established."""
        self._look_at = 0.0
        """When to look for something else to do amid an image [s], on the clock that only rises."""
        self._unacknowledged = False
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
            self._drop_spare()

    def served(self) -> None:
        """Take note that pynetdicom has answered a request; called in its thread."""
        with self._lock:
            self._unserved = max(0, self._unserved - 1)

    def _is_transport_event(self) -> bool:
        if self.state_machine.current_state != ESTABLISHED:
            self._wake_association()
            if self._reader is not None:
                self._reader.end()
                self._reader = None
            return bool(super()._is_transport_event())
        if self.loans.rest():
            return True
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
        reader = self._reader or self._begin_reading()
        came = False
        while True:
            frame = self._frames.next()
            if frame is not None:
                if self._take(frame):
                    self._wake_association()
                    return True
                continue
            idle = self._may_wait()
            if self._unacknowledged:
                reader.acknowledge()
            count = reader.read(self._frames.room(), wait=idle)
            if count is None:
                self._look_at = 0.0
                return came
            if count == 0:
                raise ConnectionError
            self._frames.filled(count)
            self._idle_timer.restart()
            came = self._unacknowledged = True
            if not idle:
                return True

    def _begin_reading(self) -> Reader:
        if self.socket is None or self.socket.socket is None:
            raise ConnectionError
        send_s = self.assoc.network_timeout or _SEND_S
        self._reader = Reader(self.socket.socket, wait_s=_LOOK_S, send_s=send_s)
        return self._reader

    def _may_wait(self) -> bool:
        """Say whether there is nothing to do but to read; the other thread sleeps then.

        Amid an image it is looked for now and then.
        """
        now = time.monotonic()
        if self._storing is not None and now < self._look_at:
            return True
        idle = self._is_idle()
        self._look_at = now + _LOOK_S if idle else 0.0
        if idle:
            self.assoc._reactor_checkpoint.clear()  # noqa: SLF001 - pynetdicom's own pause
        else:
            self._wake_association()
        return idle

    def _take(self, frame: Piece | OtherPdu) -> bool:
        """Take one frame; True: pynetdicom was given something."""
        if isinstance(frame, OtherPdu):
            self._drop_spare()  # before a release is answered: then nothing is left of it
            self._pass_on(frame.data)
            return True
        return self._take_piece(frame)

    def _drop_spare(self) -> None:
        spare, self._association.spare = self._association.spare, None
        if spare is not None:
            spare.discard()

    def _is_idle(self) -> bool:
        """Say whether nothing is to be done but to read; then the other thread may sleep."""
        return (
            self._unserved == 0
            and not self.event_queue.queue  # as pynetdicom looks; their locks are not needed
            and not self.to_provider_queue.queue
            and not self.to_user_queue.queue
            and not self.assoc.dimse.msg_queue.queue
            and not self._idle_timer.expired
            and not self._kill_thread
        )

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
        if storing is None:
            return
        try:
            self._reply(*storing.finish())
        finally:
            storing.answered()
        self._idle_timer.restart()  # the wait was ours

    def _reply(self, status: int, comment: str) -> None:
        message, self._message = self._message, _Message()
        if message.request is None or self.socket is None or self.socket.socket is None:
            raise ConnectionError
        command = store_response(message.request, status, comment)
        pdu = as_pdu(message.context_id, is_command=True, is_last=True, data=command)
        self.socket.socket.sendall(pdu)  # and with it the acknowledgement of what was read
        self._unacknowledged = False
        self._association.stored += 1
        self._association.refused += int(status == OUT_OF_RESOURCES)


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
