"""One file to the server over HTTP, after tus 1.0: announced, sent from where it stopped, checked.

The bytes go from the file to the socket in the kernel (`sendfile`), in a thread; over TLS they
have to pass through here. Nothing but the standard library is needed.
"""

import base64
import http.client
import json
import os
import selectors
import socket
import ssl as ssl_module
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

from scanhub_device._connections import Connections
from scanhub_device._sum import Checksum, with_sum
from scanhub_device.messages import FileTransfer
from scanhub_device.settings import ClientSettings

_TUS = {"Tus-Resumable": "1.0.0"}
_PIECE = {**_TUS, "Content-Type": "application/offset+octet-stream"}
_SEND_BYTES = 4 << 20
_LOOK_S = 0.2
_AT_ONCE_BYTES = 64 << 20
"""Up to this size a file is sent before the server has agreed to take it [byte]."""
_LONGEST_METADATA = 6 * 1024  # gateways take headers of 8 KiB
_TRAILER_BYTES = 32
_CREATED = 201


class CancelledUploadError(Exception):
    """Nobody wants the file any more."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said to the last request of a try."""

    status: int
    detail: str
    offset: int
    result_id: str | None = None
    announced: bool = True
    """It is about the file itself; False: the server did not even take the announcement."""
    problem: str = ""
    """The type of the problem (RFC 9457), if the server says one."""


def address_of(websocket_url: str, upload_url: str | None) -> str | None:
    """Return where to upload, None if nowhere: not offered, or not as safe as the link."""
    if not upload_url:
        return None
    base = "http" + websocket_url[2:] if websocket_url.startswith("ws") else websocket_url
    url = urljoin(base, upload_url)
    scheme = urlsplit(url).scheme
    if scheme not in {"http", "https"} or (base.startswith("https") and scheme != "https"):
        return None
    return url


def fits_http(header: FileTransfer) -> bool:
    """Say whether what is said of a file is short enough for HTTP."""
    return len(_metadata_of(header)) <= _LONGEST_METADATA


def _metadata_of(header: FileTransfer) -> str:
    values = {
        "filename": header.filename,
        "content_type": header.content_type,
        "sha256": header.sha256,
        "task_id": header.task_id,
        "device_parameter": json.dumps(header.device_parameter),
    }
    return ",".join(
        f"{key} {base64.b64encode(value.encode()).decode()}"
        for key, value in values.items()
        if value is not None
    )


class HttpUpload:
    """Sends one file. Each try is in a thread; `cancel` ends it.

    The first one takes a connection over which the file before was stored, if there is one.

    If the header says no sum, the first try lets it follow behind the file, every later one knows
    it.
    """

    def __init__(
        self,
        url: str,
        path: Path,
        header: FileTransfer,
        checksum: Checksum,
        *,
        settings: ClientSettings,
        connections: Connections,
    ) -> None:
        self._url = urlsplit(url)
        self._path = path
        self._header = header
        self._checksum = checksum
        self._settings = settings
        self._connections = connections
        self._cancelled = threading.Event()
        self._socket: socket.socket | None = None
        self._first = True
        self._sent = False
        """All of the last request has gone out."""
        self.offset = 0
        """How far the server had the file when it was last asked."""

    def cancel(self) -> None:
        """End the try that runs; for another thread."""
        self._cancelled.set()
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def attempt(self) -> Answer:
        """Announce the file and send what the server does not have.

        Raises:
            OSError, http.client.HTTPException: The connection failed.
            CancelledUploadError: `cancel` was called.
        """
        kept = self._connections.take(self._url.geturl()) if self._first else None
        if kept is not None:
            with suppress(ConnectionError, http.client.HTTPException):  # closed while it idled
                return self._try(kept)
        return self._try(self._connections.new(self._url.geturl()))

    def _try(self, connection: http.client.HTTPConnection) -> Answer:
        answer = None
        try:
            if not self._first:
                self._header = with_sum(self._header, self._checksum)
            if connection.sock is None:
                connection.connect()
            self._socket = connection.sock
            answer = self._converse(connection)
        except (OSError, http.client.HTTPException):
            if self._cancelled.is_set():
                raise CancelledUploadError from None
            raise
        finally:
            self._socket = None
            if answer is not None and answer.result_id is not None and self._sent:
                self._connections.give_back(self._url.geturl(), connection)
            else:
                connection.close()
        return answer

    def _converse(self, connection: http.client.HTTPConnection) -> Answer:
        first, self._first = self._first, False
        if first and self._header.size_bytes <= _AT_ONCE_BYTES:
            answer = self._send_at_once(connection)
            if answer.status != _CREATED or answer.offset == self._header.size_bytes:
                return answer
            connection.close()  # the server has a part of it, and has not read what was sent
            connection.connect()
            self._socket = connection.sock
            self._header = with_sum(self._header, self._checksum)
        return self._send_in_two(connection)

    def _send_at_once(self, connection: http.client.HTTPConnection) -> Answer:
        """Announce the file and send it with the same request: half the answers to wait for."""
        headers = {**self._announcement(), **_PIECE}
        self._begin(connection, "POST", self._url.path, headers, self._header.size_bytes)
        answer, _ = self._finish(connection)
        self.offset = answer.offset
        return answer if answer.status == _CREATED else replace(answer, announced=False)

    def _send_in_two(self, connection: http.client.HTTPConnection) -> Answer:
        """Announce the file, and send it from where it stopped."""
        headers = {**self._announcement(), "Content-Length": "0"}
        connection.request("POST", self._url.path, headers=headers)
        answer, location = read_answer(connection)
        if answer.status != _CREATED:
            return replace(answer, announced=False)
        self.offset = answer.offset
        place = urlsplit(urljoin(self._url.geturl(), location)).path
        headers = {**_PIECE, **self._token(), **self._trailing()}
        headers["Upload-Offset"] = str(self.offset)
        self._begin(connection, "PATCH", place, headers, self._header.size_bytes - self.offset)
        return self._finish(connection)[0]

    def _token(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._header.user_access_token}"}

    def _announcement(self) -> dict[str, str]:
        size = str(self._header.size_bytes)
        about = {"Upload-Length": size, "Upload-Metadata": _metadata_of(self._header)}
        return {**_TUS, **self._token(), **self._trailing(), **about}

    def _trailing(self) -> dict[str, str]:
        return {"Upload-Trailer": "sha256"} if self.has_trailer else {}

    @property
    def has_trailer(self) -> bool:
        """Say whether the server hears the sum behind the file only."""
        return self._header.sha256 is None

    def _begin(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        headers: dict[str, str],
        size: int,
    ) -> None:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        trailer = _TRAILER_BYTES if self.has_trailer else 0
        connection.putheader("Content-Length", str(size + trailer))
        connection.endheaders()

    def _finish(self, connection: http.client.HTTPConnection) -> tuple[Answer, str]:
        """Send the body that was begun; return the answer."""
        self._sent = False
        with suppress(BrokenPipeError, ConnectionResetError):  # it has answered before the end
            self._send(connection)
        if self._cancelled.is_set():
            raise CancelledUploadError
        connection.sock.settimeout(self._settings.upload_answer_timeout_s)
        return read_answer(connection)

    def _send(self, connection: http.client.HTTPConnection) -> None:
        """Send the rest of the file, until the server answers."""
        sock, size = connection.sock, self._header.size_bytes
        with self._path.open("rb", 0) as file:
            if isinstance(sock, ssl_module.SSLSocket) or not hasattr(os, "sendfile"):
                is_whole = self._send_through(sock, file)
            else:
                is_whole = self._send_in_kernel(sock, file, size)
        if is_whole and self.has_trailer:
            sock.settimeout(self._settings.keepalive_timeout_s)
            sock.sendall(self._checksum.trailer())
        self._sent = is_whole

    def _send_in_kernel(self, sock: socket.socket, file: BinaryIO, size: int) -> bool:
        """Return whether all of it was sent; else the server has answered before."""
        position, stalled = self.offset, time.monotonic()
        sock.setblocking(False)
        with selectors.DefaultSelector() as ready:
            ready.register(sock, selectors.EVENT_READ | selectors.EVENT_WRITE)
            while position < size and not self._cancelled.is_set():
                events = ready.select(_LOOK_S)
                if any(event & selectors.EVENT_READ for _, event in events):
                    return False
                if not events:
                    if time.monotonic() - stalled > self._settings.keepalive_timeout_s:
                        raise TimeoutError("the server takes no more bytes")
                    continue
                with suppress(BlockingIOError):
                    most = min(_SEND_BYTES, size - position)
                    sent = os.sendfile(sock.fileno(), file.fileno(), position, most)
                    if not sent:
                        raise OSError(f"{self._path} is shorter than it was")
                    position += sent
                    stalled = time.monotonic()
        return position == size

    def _send_through(self, sock: socket.socket, file: BinaryIO) -> bool:
        sock.settimeout(self._settings.keepalive_timeout_s)
        file.seek(self.offset)
        while not self._cancelled.is_set() and (block := file.read(_SEND_BYTES // 4)):
            sock.sendall(block)
        return not self._cancelled.is_set()


def read_answer(connection: http.client.HTTPConnection) -> tuple[Answer, str]:
    """Read an answer; return it and its `Location`."""
    response = connection.getresponse()
    body = response.read()
    detail = problem = ""
    with suppress(ValueError, AttributeError):
        document = json.loads(body)
        detail, problem = str(document.get("detail", "")), str(document.get("type", ""))
    answer = Answer(
        status=response.status,
        detail=detail or f"the server answers {response.status} {response.reason}",
        offset=int(response.headers.get("Upload-Offset", 0)),
        result_id=response.headers.get("Upload-Result-Id"),
        problem=problem,
    )
    return answer, response.headers.get("Location", "")
