"""TCP without waiting for acknowledgements.

Senders that leave Nagle's algorithm on and write a PDU's header and body apart (DCMTK does) wait
for the acknowledgement of the header, and the kernel delays it by 40 ms: 23 images a second. An
immediate acknowledgement on our side makes that two thousand.
"""

import select
import socket
import ssl
import struct
from contextlib import suppress
from typing import Any

from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.transport import AddressInformation, AssociationSocket

_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux only
_BACKLOG = 128


def listen(host: str, port: int) -> socket.socket:
    """Open the socket of a listener; raises OSError when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


def without_delays(event: evt.Event) -> None:
    """Tune a new connection; a handler of EVT_CONN_OPEN."""
    transport: Any = event.assoc.dul.socket
    connection: socket.socket | None = transport.socket if transport is not None else None
    if connection is None:
        return
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    transport.recv = _Receiver(connection)


def acknowledge_at_once(connection: socket.socket) -> None:
    """Acknowledge what was read, and what comes next, without the kernel's delay."""
    if _QUICKACK is not None:
        connection.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)


class ClosingSocket(AssociationSocket):
    """pynetdicom's, closed also where it never was connected, or is not any more.

    The original shuts down first, and leaves a socket to the garbage collector when that fails.
    """

    def _shutdown_socket(self) -> None:
        if self.socket is None:
            return
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class Entity(AE):
    """pynetdicom's application entity, with sockets that are closed."""

    def _create_socket(
        self,
        assoc: Association,
        address: AddressInformation,
        tls_args: tuple[ssl.SSLContext, str] | None,
    ) -> ClosingSocket:
        made = ClosingSocket(assoc, address=address)
        made.tls_args = tls_args
        return made


class Reader:
    """Reads the data of an established association; without TLS in one system call a time."""

    def __init__(self, connection: socket.socket, *, wait_s: float, send_s: float) -> None:
        """Take over a connection, until `end`.

        Args:
            connection: Of the association.
            wait_s: How long `read` waits for something [s].
            send_s: How long the peer may take none of what is sent [s].
        """
        self._connection = connection
        self._wait_s = wait_s
        self._before = connection.gettimeout()
        self._poll: select.poll | None = None
        if isinstance(connection, ssl.SSLSocket):  # what it has decrypted no system call knows
            self._poll = select.poll()
            self._poll.register(connection, select.POLLIN)
            return
        connection.settimeout(None)  # the kernel waits, as long as it is told
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _time(wait_s))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _time(send_s))

    def read(self, room: memoryview, *, wait: bool) -> int | None:
        """Read what is there, or what comes soon.

        Returns:
            How many bytes were read; 0: the peer has gone; None: nothing came.
        """
        if self._poll is not None and not self._is_there(self._poll, wait=wait):
            return None
        flags = 0 if wait or self._poll is not None else socket.MSG_DONTWAIT
        with suppress(BlockingIOError, InterruptedError):
            return self._connection.recv_into(room, 0, flags)
        return None

    def acknowledge(self) -> None:
        """Acknowledge at once what was read: the peer may be waiting for it."""
        acknowledge_at_once(self._connection)

    def end(self) -> None:
        """Leave the connection as it was."""
        with suppress(OSError):  # it is closed
            self._connection.settimeout(self._before)

    def _is_there(self, poll: select.poll, *, wait: bool) -> bool:
        if isinstance(self._connection, ssl.SSLSocket) and self._connection.pending():
            return True
        with suppress(InterruptedError):
            return bool(poll.poll(self._wait_s * 1000 if wait else 0))
        return False


def _time(seconds: float) -> bytes:
    """Write a struct timeval."""
    return struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))


class _Receiver:
    """Reads as pynetdicom's own does: all that was asked for, or less when the peer has gone."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def __call__(self, count: int) -> bytearray:
        data = bytearray(count)  # a new one each time: what was returned is never written again
        view, received = memoryview(data), 0
        while received < count:
            acknowledge_at_once(self._connection)
            read = self._connection.recv_into(view[received:])
            if read == 0:
                view.release()
                return data[:received]
            received += read
        view.release()
        return data
