"""A body in parts (RFC 2387), part by part as it comes. Blocking: fed in threads."""

import itertools
from pathlib import Path

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser

from scanhub_libraries.errors import BadRequestError, PayloadTooLargeError
from workflow_manager.dicom.incoming import PART
from workflow_manager.dicomweb.part_file import PartFile, ReceivedPart

MOST_PARTS = 100_000
_LONGEST_PREAMBLE = 65_536


class PartsToDisk:
    """Takes the bytes of a body and gives the parts that they end.

    Args:
        folder: Where the files go; nobody else writes there under this name.
        name: Beginning of their names.
        boundary: What is between the parts; None: the body is one part.
        media_type: Type of the body, if it is one part.
        most_bytes: Bytes of a part at most.
    """

    def __init__(
        self, folder: Path, name: str, *, boundary: str | None, media_type: str, most_bytes: int
    ) -> None:
        self._folder, self._name, self._most = folder, name, most_bytes
        self._numbers = itertools.count(1)
        self._open: PartFile | None = None
        self._done: list[ReceivedPart] = []
        self._media_type, self._disposition = media_type, ""
        self._field, self._value = b"", b""
        self._ended = boundary is None
        self._delimiter = f"--{boundary}".encode()
        self._head: bytes | None = b""
        self._parser = None if boundary is None else self._new_parser(boundary)
        if boundary is None:
            self._begin()

    def _new_parser(self, boundary: str) -> MultipartParser:
        return MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begins,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_ends,
                "on_headers_finished": self._begin,
                "on_part_data": self._write,
                "on_part_end": self._finish,
                "on_end": self._end,
            },
            max_header_count=32,
        )

    def feed(self, data: bytes, last: bool) -> None:
        """Take bytes.

        Args:
            data: What came.
            last: Nothing more comes.

        Raises:
            BadRequestError: The body is not what its type says.
            PayloadTooLargeError: A part is larger than allowed, or there are too many.
        """
        if self._parser is None:
            self._write(data, 0, len(data))
        else:
            try:
                self._parser.write(self._without_preamble(data))
            except MultipartParseError as error:
                raise BadRequestError(f"The body cannot be read: {error}.") from error
        if last:
            self._close()

    def taken(self) -> list[ReceivedPart]:
        """Return the parts that have ended since this was asked the last time."""
        done, self._done = self._done, []
        return done

    def _without_preamble(self, data: bytes) -> bytes:
        """Leave out what stands before the first boundary, which means nothing (RFC 2046 5.1.1)."""
        if self._head is None:
            return data
        self._head += data
        start = self._head.find(self._delimiter)
        if start < 0:
            if len(self._head) > _LONGEST_PREAMBLE:
                raise BadRequestError("The body does not begin with its boundary.")
            return b""
        rest, self._head = self._head[start:], None
        return rest

    def _close(self) -> None:
        if self._parser is None:
            self._finish()
        elif not self._ended:
            raise BadRequestError("The body ends before its last boundary.")

    @property
    def has_some(self) -> bool:
        """Say whether a part has begun, or has ended and was not taken."""
        return self._open is not None or bool(self._done)

    def discard(self) -> None:
        """Remove what has not ended."""
        part, self._open = self._open, None
        if part is not None:
            part.discard()

    def _part_begins(self) -> None:
        self._media_type = self._disposition = ""
        self._field, self._value = b"", b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_ends(self) -> None:
        name = self._field.strip().lower()
        if name == b"content-type":
            self._media_type = self._value.decode("latin-1").strip()
        elif name == b"content-disposition":
            self._disposition = self._value.decode("latin-1").strip()
        self._field, self._value = b"", b""

    def _begin(self) -> None:
        number = next(self._numbers)
        if number > MOST_PARTS:
            raise PayloadTooLargeError(f"A request has at most {MOST_PARTS} parts.")
        self._open = PartFile(self._folder / f"{self._name}-{number}{PART}")

    def _write(self, data: bytes, start: int, end: int) -> None:
        part = self._open
        if part is None:
            return
        if part.size + end - start > self._most:
            raise PayloadTooLargeError(f"An instance has at most {self._most} bytes here.")
        part.write(memoryview(data)[start:end])

    def _finish(self) -> None:
        part, self._open = self._open, None
        if part is not None:
            self._done.append(part.finish(self._media_type, self._disposition))

    def _end(self) -> None:
        self._ended = True
