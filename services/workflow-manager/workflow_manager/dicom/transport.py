"""TCP without waiting for acknowledgements.

Senders that leave Nagle's algorithm on and write a PDU's header and body apart (DCMTK does) wait
for the acknowledgement of the header, and the kernel delays it by 40 ms: 23 images a second. An
immediate acknowledgement on our side makes that two thousand.
"""

import socket
from typing import Any

from pynetdicom import evt

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


def read_some(connection: socket.socket, room: memoryview) -> int:
    """Read what is there into `room`, and acknowledge it at once; 0: the peer has gone."""
    count = connection.recv_into(room)
    if _QUICKACK is not None:
        connection.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
    return count


class _Receiver:
    """Reads as pynetdicom's own does: all that was asked for, or less when the peer has gone."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def __call__(self, count: int) -> bytearray:
        data = bytearray(count)  # a new one each time: what was returned is never written again
        view, received = memoryview(data), 0
        while received < count:
            if _QUICKACK is not None:
                self._connection.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
            read = self._connection.recv_into(view[received:])
            if read == 0:
                view.release()
                return data[:received]
            received += read
        view.release()
        return data
