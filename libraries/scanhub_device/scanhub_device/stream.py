"""Readouts to the server while they are acquired: a preview beside the scan, never in its way.

The bytes are a session of the MRD streaming protocol: each message is its number (uint16, little
endian) and what follows from it. HEADER is the ISMRMRD header in XML behind its length (uint32),
ACQUISITION a readout as ISMRMRD has it in memory, CLOSE the end. They go out in one HTTP request
with a chunked body, from a thread of their own, so that nothing here ever waits for the network.
"""

import http.client
import json
import logging
import socket
import ssl as ssl_module
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

from scanhub_device._connections import connection_to
from scanhub_device._http import read_answer
from scanhub_device.settings import ClientSettings

_logger = logging.getLogger(__name__)
_HEADER, _CLOSE, _ACQUISITION = 3, 4, 1008
_ID = struct.Struct("<H")
_LENGTH = struct.Struct("<I")
_MOST_AT_ONCE = 1 << 20
_LARGEST_ANSWER = 1 << 16
_LOOK_S = 0.5


class Readout(Protocol):
    """A readout with its header, as `ismrmrd.Acquisition` is."""

    def serialize_into(self, write: Callable[[Any], object], /) -> None:
        """Write the ISMRMRD acquisition header, the trajectory and the samples."""
        ...


@dataclass(frozen=True, slots=True)
class StreamTarget:
    """Where the readouts of a scan go."""

    url: str
    token: str
    task_id: str
    settings: ClientSettings
    ssl: ssl_module.SSLContext | None = None


class AcquisitionStream:
    """Sends readouts while they are acquired. Use it as a context, with or without `async`.

    Nothing here raises, waits, or fails the scan: when the server does not take the stream, or not
    fast enough, the stream is given up with a warning in the log, and what follows goes nowhere.
    The file that the scan uploads is what counts.

    Args:
        target: where to; None: the server takes no stream, and everything goes nowhere.
        header: the ISMRMRD header, as XML.
        stop_requested: set when the scan is to stop; then the stream ends without a goodbye.
    """

    def __init__(
        self, target: StreamTarget | None, header: str | bytes, stop_requested: threading.Event
    ) -> None:
        text = header.encode() if isinstance(header, str) else header
        self._target = target
        self._stop_requested = stop_requested
        self._news = threading.Condition()
        self._waiting: deque[bytes] = deque()
        self._queued = 0
        self._finish_by: float | None = None
        self._given_up = target is None
        self._connection: http.client.HTTPConnection | None = None
        self._thread: threading.Thread | None = None
        self._header = _ID.pack(_HEADER) + _LENGTH.pack(len(text)) + text
        self.reason: str | None = None if target else "the server takes no stream"
        """Why it was given up; None: it was not."""

    @property
    def open(self) -> bool:
        """Whether readouts still go to the server; False is no reason to stop putting them."""
        return not self._given_up and self._finish_by is None

    def put(self, readout: Readout) -> None:
        """Send a readout; returns at once. For any thread, one at a time.

        It is copied: its memory may be used again.
        """
        if self.open:
            parts: list[bytes] = [_ID.pack(_ACQUISITION)]
            readout.serialize_into(lambda part: parts.append(bytes(part)))
            self.put_message(b"".join(parts))

    def put_message(self, message: bytes) -> None:
        """Send a message of the protocol that is in bytes already; returns at once."""
        if self._target is None or not self.open:
            return
        with self._news:
            self._waiting.append(message)
            self._queued += len(message)
            most = self._target.settings.stream_buffer_bytes
            too_slow = self._queued > most
            self._news.notify()
        if too_slow:
            self._give_up(f"the network or the server is too slow: {most} bytes wait to be sent")

    def finish(self) -> None:
        """Nothing more comes. What waits is sent in the background, for a limited time."""
        if self._target is None or not self.open:
            return
        if self._stop_requested.is_set():
            self.abort("the scan was stopped")
            return
        with self._news:
            self._waiting.append(_ID.pack(_CLOSE))
            self._finish_by = time.monotonic() + self._target.settings.stream_drain_s
            self._news.notify()

    def abort(self, why: str = "the scan ended before its time") -> None:
        """End it in the middle; the server notices."""
        self._give_up(why, level=logging.INFO)

    def __enter__(self) -> Self:
        """Begin: the connection is made in the background."""
        if self._target is not None:
            name = f"stream {self._target.task_id}"
            self.put_message(self._header)
            self._thread = threading.Thread(target=self._run, name=name, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it, in the middle if the scan failed."""
        if kind is None:
            self.finish()
        else:
            self.abort()

    async def __aenter__(self) -> Self:
        """Begin, as without `async`."""
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it, as without `async`; nothing is waited for."""
        self.__exit__(kind, error, trace)

    def wait_sent(self, timeout_s: float | None = None) -> bool:
        """Wait until all is sent or given up, for those who want to know; say whether it is."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._thread is None or not self._thread.is_alive()

    # --- the thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        if self._target is None:
            return
        connection = connection_to(self._target.url, self._target.settings, self._target.ssl)
        self._connection = connection
        try:
            connection.connect()
            self._send_all(connection, self._target)
        except (OSError, http.client.HTTPException) as error:
            self._give_up(self._said(connection) or str(error) or type(error).__name__)
        finally:
            connection.close()

    def _send_all(self, connection: http.client.HTTPConnection, target: StreamTarget) -> None:
        connection.sock.settimeout(target.settings.stream_stall_s)
        connection.putrequest("POST", urlsplit(target.url).path, skip_accept_encoding=True)
        connection.putheader("Authorization", f"Bearer {target.token}")
        connection.putheader("Content-Type", "application/octet-stream")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        while (block := self._next(connection)) is not None:
            connection.send(b"%x\r\n%b\r\n" % (len(block), block))
        if self._given_up:
            return
        connection.send(b"0\r\n\r\n")
        answer, _ = read_answer(connection)
        if answer.status >= http.HTTPStatus.BAD_REQUEST:
            self._give_up(answer.detail)

    def _next(self, connection: http.client.HTTPConnection) -> bytes | None:
        """Return what is to be sent now, None at the end. The server may say no meanwhile."""
        while not self._given_up:
            if (said := self._said(connection)) is not None:
                self._give_up(said)
                return None
            with self._news:
                if not self._waiting and self._finish_by is None:
                    self._news.wait(_LOOK_S)
                if self._given_up:
                    return None
                if self._waiting:
                    return self._gather()
                if self._finish_by is not None:
                    return None
        return None

    def _gather(self) -> bytes:
        """Take many small messages as one, and no more than is sent in a moment."""
        if self._finish_by is not None and time.monotonic() > self._finish_by:
            raise TimeoutError("the rest was not sent in time after the end of the scan")
        parts, size = [], 0
        while self._waiting and size < _MOST_AT_ONCE:
            part = self._waiting.popleft()
            parts.append(part)
            size += len(part)
        self._queued -= size
        return b"".join(parts)

    def _said(self, connection: http.client.HTTPConnection) -> str | None:
        """Return what the server has against it, None while it says nothing."""
        sock = connection.sock
        if sock is None or self._target is None:
            return None
        try:
            sock.settimeout(0)
            data = sock.recv(_LARGEST_ANSWER)
            sock.settimeout(self._target.settings.stream_stall_s)
        except (BlockingIOError, ssl_module.SSLWantReadError):
            sock.settimeout(self._target.settings.stream_stall_s)
            return None
        except OSError as error:
            return str(error)
        return _detail(data)

    def _give_up(self, why: str, level: int = logging.WARNING) -> None:
        with self._news:
            if self._given_up:
                return
            self._given_up, self.reason = True, why
            self._waiting.clear()
            self._queued = 0
            self._news.notify()
        task_id = self._target.task_id if self._target else None
        _logger.log(level, "no preview of task %s: %s; the scan goes on", task_id, why)
        sock = self._connection.sock if self._connection is not None else None
        if sock is not None:  # wakes a thread that waits for the network
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


def _detail(answer: bytes) -> str:
    """Return the reason in the answer of a server that did not wait for the end."""
    head, _, body = answer.partition(b"\r\n\r\n")
    with suppress(ValueError, AttributeError):
        if detail := json.loads(body).get("detail"):
            return str(detail)
    first = head.partition(b"\r\n")[0].decode("latin-1")
    return f"the server answers {first}" if first else "the server closed the connection"
