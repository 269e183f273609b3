"""What a listener process and the service say to each other: JSON, one message a line.

They share a pair of sockets. Where one end closes, the other side is gone: the listener answers
what it has with "out of resources" and ends, and the service starts another one.
"""

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from workflow_manager.dicom.listener import AssociationEnd, ReceivedFile
from workflow_manager.dicom.part10 import Header

LISTENING, FAILED, INSTANCE, ENDED = "listening", "failed", "instance", "ended"
QUERY = "query"
LONGEST_LINE = 8 * 2**20
_RECEIVE_BYTES = 65_536


class ChannelClosedError(Exception):
    """The other side is gone."""


class Channel:
    """The listener's end. Any thread may send, one receives."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._lock = threading.Lock()

    def send(self, message: dict[str, Any]) -> None:
        """Send a message.

        Raises:
            ChannelClosedError: Nobody is there any more.
        """
        line = json.dumps(message, allow_nan=False).encode() + b"\n"
        try:
            with self._lock:
                self._socket.sendall(line)
        except OSError as error:
            raise ChannelClosedError from error

    def messages(self) -> Iterator[dict[str, Any]]:
        """Give what the other side says, until it closes."""
        rest = b""
        while True:
            try:
                data = self._socket.recv(_RECEIVE_BYTES)
            except OSError:
                return
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                message: dict[str, Any] = json.loads(line)
                yield message


def instance_message(
    number: int, received: ReceivedFile, header: Header | None, problem: str
) -> dict[str, Any]:
    """Tell of a whole file, and of what stands in its header or why nothing does."""
    peer = received.peer
    return {
        "kind": INSTANCE,
        "number": number,
        "association": received.association,
        "path": str(received.file.path),
        "sha256": received.file.sha256,
        "calling_ae": peer.calling_ae,
        "called_ae": peer.called_ae,
        "address": peer.address,
        "header": None if header is None else asdict(header),
        "problem": problem,
    }


def ended_message(end: AssociationEnd) -> dict[str, Any]:
    """Tell that an association ended."""
    return {"kind": ENDED, "association": end.association, "how": end.how, "count": end.received}
