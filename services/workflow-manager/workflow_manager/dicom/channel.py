"""What a listener process and the service say to each other: JSON, one message a line.

They share two pairs of sockets: one for files, which a thread of the service reads, and one for
everything else. Where one end closes, the other side is gone: the listener answers
what it has with "out of resources" and ends, and the service starts another one.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from pydantic_core import from_json, to_json

from workflow_manager.dicom.image import Image
from workflow_manager.dicom.listener import AssociationEnd, ReceivedFile

LISTENING, FAILED, INSTANCE, ENDED = "listening", "failed", "instance", "ended"
UNREAD, INDEXED = "unread", "indexed"
QUERY = "query"
LONGEST_LINE = 8 * 2**20
_RECEIVE_BYTES = 65_536
MOMENT_S = 0.02
"""Until what nobody waits for is told [s]."""


class ChannelClosedError(Exception):
    """The other side is gone."""


def as_line(message: dict[str, Any]) -> bytes:
    """Write a message."""
    return to_json(message) + b"\n"


class Channel:
    """The listener's end. Any thread may send, one receives."""

    def __init__(self, connection: socket.socket, *, moment_s: float = MOMENT_S) -> None:
        """Take a connection.

        Args:
            connection: To the other side.
            moment_s: How long `send_soon` may wait for company [s].
        """
        self._socket = connection
        self._moment_s = moment_s
        self._sending, self._lock = threading.Lock(), threading.Lock()
        self._soon: list[dict[str, Any]] = []
        self._some = threading.Event()
        self._sender: threading.Thread | None = None

    def send(self, message: dict[str, Any]) -> None:
        """Send a message.

        Raises:
            ChannelClosedError: Nobody is there any more.
        """
        self._send(as_line(message))

    def send_soon(self, message: dict[str, Any]) -> None:
        """Send a message that nobody waits for, with those of the next moment.

        Each that is sent alone wakes the service, which takes longer than most messages do.
        """
        with self._lock:
            self._soon.append(message)
            if self._sender is None:
                self._sender = threading.Thread(target=self._send_now_and_then, daemon=True)
                self._sender.start()
        self._some.set()

    def _send_now_and_then(self) -> None:
        # Who has gone left whole files: the next service finds them.
        with suppress(ChannelClosedError):
            while True:
                self._some.wait()
                time.sleep(self._moment_s)
                self._some.clear()
                self.flush()

    def flush(self) -> None:
        """Send now what was to be sent soon.

        Raises:
            ChannelClosedError: Nobody is there any more.
        """
        with self._sending:
            with self._lock:
                messages, self._soon = self._soon, []
            self._write(b"".join(map(as_line, messages)))

    def _send(self, lines: bytes) -> None:
        with self._sending:
            self._write(lines)

    def _write(self, lines: bytes) -> None:
        try:
            self._socket.sendall(lines)
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
                yield from_json(line)


def instance_message(
    number: int, received: ReceivedFile, image: Image | None, problem: str
) -> dict[str, Any]:
    """Tell of a whole file, and of what stands in its header or why nothing does."""
    peer = received.peer
    return {
        "kind": INSTANCE,
        "number": number,
        "association": received.association,
        "path": received.file.place,
        "sha256": received.file.sha256,
        "origin": (peer.calling_ae, peer.called_ae, peer.address),
        "image": image,
        "problem": problem,
    }


def indexed_message(received: ReceivedFile, image: Image) -> dict[str, Any]:
    """Tell of a whole file that is in the index and in its place."""
    return {
        "kind": INDEXED,
        "association": received.association,
        "path": received.file.place,
        "called": received.peer.called_ae,
        "place": image[:2],
        "size": received.file.size,
    }


def unread_message(received: ReceivedFile) -> dict[str, Any]:
    """Tell of a whole file whose header was not read. Nobody waits: it needs no number."""
    peer = received.peer
    return {
        "kind": UNREAD,
        "number": 0,
        "association": received.association,
        "path": received.file.place,
        "syntax": received.transfer_syntax_uid,
        "offset": received.file.data_set_offset,
        "origin": (peer.calling_ae, peer.called_ae, peer.address),
    }


def ended_message(end: AssociationEnd) -> dict[str, Any]:
    """Tell that an association ended."""
    return {"kind": ENDED, "association": end.association, "how": end.how, "count": end.received}
