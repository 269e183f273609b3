"""The connection of an association, in our hands for a while instead of pynetdicom's.

pynetdicom puts every fragment of a message into a queue before the first of them leaves, so an
image is in memory whole, and hands each of them from thread to thread. Who borrows the connection
reads and writes it alone; the thread that else does so rests.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from pynetdicom.association import Association

from workflow_manager.dicom.framing import Frames

ESTABLISHED = "Sta6"  # PS3.8 section 9.2.2: ready for data transfer
_LOOK_S = 0.1
_READ_BYTES = 16_384
_PATIENCE_S = 5.0
"""How long the thread of the connection may take to come to rest [s]."""
_PAUSE_S = 0.0002


class LostError(Exception):
    """The association is of no use any more; the text says why, for a person."""


class Lent(NamedTuple):
    """What is borrowed."""

    connection: socket.socket
    frames: Frames
    """What was read of it, and what is read from now on."""


class Loans:
    """Says whose the connection of an association is. One borrows at a time.

    Args:
        frames: What is read, whoever has it.
    """

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self._changed = threading.Condition()
        self._wanted = False
        self._rests = False

    def rest(self) -> bool:
        """Rest while somebody has the connection; for the thread that else reads it.

        Returns:
            Whether somebody had it.
        """
        if not self._wanted:
            return False
        with self._changed:
            self._rests = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._wanted)
            self._rests = False
        return True

    @contextmanager
    def borrowed(self, association: Association) -> Iterator[Lent]:
        """Have the connection of an association that is established.

        Raises:
            LostError: It ended meanwhile.
        """
        with self._changed:
            self._wanted = True
        try:
            self._wait_for_rest(association)
            yield Lent(_connection(association), self._frames)
        finally:
            association.dul._idle_timer.restart()  # noqa: SLF001 - it has not been idle
            with self._changed:
                self._wanted = False
                self._changed.notify_all()

    def _wait_for_rest(self, association: Association) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        with self._changed:
            while not self._changed.wait_for(lambda: self._rests, _LOOK_S):
                over = association.dul.state_machine.current_state != ESTABLISHED
                if over or time.monotonic() > deadline:
                    raise LostError("The association was lost while sending.")


def lend(association: Association) -> None:
    """Let the connection of an association of pynetdicom be borrowed; see `borrow`."""
    provider: Any = association.dul
    loans, look = Loans(Frames(_READ_BYTES)), provider._is_transport_event  # noqa: SLF001 - there is no other place

    def rest_or_look() -> bool:
        established = provider.state_machine.current_state == ESTABLISHED
        return (established and loans.rest()) or look()

    provider.loans = loans
    provider._is_transport_event = rest_or_look  # noqa: SLF001 - as above


@contextmanager
def borrow(association: Association) -> Iterator[Lent]:
    """Have the connection of an association; its own threads rest meanwhile.

    Raises:
        LostError: It ended meanwhile.
    """
    provider: Any = association.dul
    pauses = association.is_requestor  # an acceptor's thread is the one that borrows
    if pauses:
        association._reactor_checkpoint.clear()  # noqa: SLF001 - as its own sending does
        while not association._is_paused and association.is_alive():  # noqa: SLF001 - as above
            time.sleep(_PAUSE_S)
    try:
        with provider.loans.borrowed(association) as lent:
            yield lent
    finally:
        if pauses:
            association._reactor_checkpoint.set()  # noqa: SLF001 - as above


def pass_on(association: Association, pdu: bytes) -> None:
    """Give pynetdicom a PDU that was read here, as its own reading does; see `borrow`."""
    provider: Any = association.dul
    decoded, event = provider._decode_pdu(bytearray(pdu))  # noqa: SLF001 - no public way
    provider._recv_pdu.put(decoded)  # noqa: SLF001 - as above
    provider.event_queue.put(event)


def hang_up(association: Association) -> None:
    """End the connection without a word, where no word would arrive."""
    with suppress(OSError, LostError):
        _connection(association).shutdown(socket.SHUT_RDWR)


def _connection(association: Association) -> socket.socket:
    transport = association.dul.socket
    if transport is None or transport.socket is None:
        raise LostError("The association was lost while sending.")
    connection: socket.socket = transport.socket
    return connection
