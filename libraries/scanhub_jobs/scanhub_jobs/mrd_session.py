"""A session with a server that reconstructs: readouts go, images come back.

The MRD streaming protocol over TCP, as python-ismrmrd-server, Gadgetron and vendors' interfaces to
such servers (FIRE) speak it: configuration, header, readouts, close; images and close in return.
Both directions flow at once: a server may send its first image before the last readout has come.
"""

import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import numpy as np

from scanhub_jobs.errors import JobInputError
from scanhub_jobs.mrd_images import IMAGE_HEAD, StreamedImage, image_bytes, image_of
from scanhub_jobs.mrd_stream import MessageNumber, readout_bytes
from scanhub_jobs.raw_data import RawFile

CONFIG_FILE_BYTES: Final = 1024
IMAGE: Final = 1022
_ID, _LENGTH, _LONG = struct.Struct("<H"), struct.Struct("<I"), struct.Struct("<Q")
_MOST_TEXT_BYTES = 16 << 20
_MOST_IMAGE_BYTES = 2 << 30
_BATCH_BYTES = 1 << 20
_CONNECT_S = 30.0
Progress = Callable[[float, str], None]


class ServerError(Exception):
    """The server is not there, or did not do what the protocol says; trying again may help."""


@dataclass(frozen=True)
class Server:
    """Where the server is, and what it is to do."""

    host: str
    port: int
    config: str = ""
    """Name of a configuration of the server."""
    config_text: str = ""
    """A configuration as text, in place of a name."""
    idle_timeout_s: float = 600.0
    """Longest time in which nothing is taken or sent [s]."""


def reconstruct_elsewhere(server: Server, raw: RawFile, progress: Progress) -> list[StreamedImage]:
    """Send a file to a server and return its images.

    Raises:
        JobInputError: What is sent, or what comes back, cannot be right.
        ServerError: The server cannot be reached, stands still, or ends too early.
    """
    try:
        connection = socket.create_connection((server.host, server.port), timeout=_CONNECT_S)
    except OSError as error:
        raise ServerError(
            f"The reconstruction server {server.host}:{server.port} cannot be reached: {error}."
        ) from error
    connection.settimeout(server.idle_timeout_s)
    with connection, connection.makefile("rb") as file:
        sender = _Sender(connection, server, raw, progress)
        sender.start()
        try:
            return list(_images(_Reader(file)))
        except TimeoutError as error:
            raise ServerError(
                f"Nothing came from the server for {server.idle_timeout_s:g} s."
            ) from error
        except OSError as error:
            raise ServerError(f"The connection to the server broke: {error}.") from error
        finally:
            sender.end()


class _Sender(threading.Thread):
    """Sends all there is; what goes wrong with the file is told at the end."""

    def __init__(
        self, connection: socket.socket, server: Server, raw: RawFile, progress: Progress
    ) -> None:
        super().__init__(name="readouts", daemon=True)
        self._connection, self._server, self._raw = connection, server, raw
        self._progress = progress
        self._problem: Exception | None = None

    def run(self) -> None:
        """Send; the end of the connection is met by whoever reads."""
        try:
            for batch in self._batches():
                self._connection.sendall(batch)
        except OSError:
            self._stop()
        except Exception as error:  # noqa: BLE001 - raised to who waits for the images
            self._problem = error
            self._stop()

    def end(self) -> None:
        """Wait for the end, which comes at once if the server has ended.

        Raises:
            Exception: What kept the file from being read.
        """
        self._stop()
        self.join()
        if self._problem is not None:
            raise self._problem

    def _stop(self) -> None:
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def _batches(self) -> Iterator[bytes]:
        batch = bytearray(_configuration(self._server))
        batch += _ID.pack(MessageNumber.HEADER) + _with_length(self._raw.text)
        count = len(self._raw.heads)
        for number, record in enumerate(self._raw.records()):
            batch += _ID.pack(MessageNumber.ACQUISITION) + readout_bytes(*record)
            if len(batch) >= _BATCH_BYTES:
                yield bytes(batch)
                batch.clear()
                self._progress(0.1 + 0.4 * number / count, f"sent {number + 1} of {count} readouts")
        batch += _ID.pack(MessageNumber.CLOSE)
        yield bytes(batch)
        self._progress(0.5, "waiting for images")


def _configuration(server: Server) -> bytes:
    if server.config_text:
        text = _with_length(server.config_text.encode())
        return _ID.pack(MessageNumber.CONFIG_TEXT) + text
    name = server.config.encode()
    if len(name) >= CONFIG_FILE_BYTES:
        raise JobInputError(f"The parameter config has {len(name)} bytes; 1023 are possible.")
    return _ID.pack(MessageNumber.CONFIG_FILE) + name.ljust(CONFIG_FILE_BYTES, b"\0")


def _with_length(text: bytes) -> bytes:
    return _LENGTH.pack(len(text)) + text


class _Reader:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def exactly(self, count: int) -> bytes:
        data: bytes = self._file.read(count)
        if len(data) < count:
            raise ServerError(
                "The server ended the connection before it closed the session: images may be "
                "missing, so none is taken."
            )
        return data

    def number(self, kind: struct.Struct) -> int:
        return int(kind.unpack(self.exactly(kind.size))[0])

    def text(self) -> str:
        return self.exactly(_limited(self.number(_LENGTH), _MOST_TEXT_BYTES, "a text")).decode(
            errors="replace"
        )


def _images(reader: _Reader) -> Iterator[StreamedImage]:
    while (number := reader.number(_ID)) != MessageNumber.CLOSE:
        match number:
            case _ if number == IMAGE:
                yield _image(reader)
            case MessageNumber.TEXT:
                sys.stderr.write(reader.text().rstrip("\0") + "\n")
            case MessageNumber.CONFIG_FILE:
                reader.exactly(CONFIG_FILE_BYTES)
            case MessageNumber.CONFIG_TEXT | MessageNumber.HEADER:
                reader.text()
            case _:
                raise ServerError(
                    f"The server does not speak the MRD protocol: it sent message {number}."
                )


def _image(reader: _Reader) -> StreamedImage:
    head: Any = np.frombuffer(reader.exactly(IMAGE_HEAD.itemsize), IMAGE_HEAD)[0]
    attributes = _limited(reader.number(_LONG), _MOST_TEXT_BYTES, "attributes")
    reader.exactly(attributes)
    size = _limited(image_bytes(head), _MOST_IMAGE_BYTES, "an image")
    return image_of(head, reader.exactly(size))


def _limited(size: int, most: int, what: str) -> int:
    if size > most:
        raise JobInputError(f"The server announces {what} of {size} bytes; {most} are possible.")
    return size
