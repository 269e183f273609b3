"""The words of tus 1.0 (https://tus.io/protocols/resumable-upload), as far as we speak it. Pure."""

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Final, Protocol
from uuid import UUID

from scanhub_libraries.errors import (
    BadRequestError,
    ProtocolVersionError,
    UnprocessableError,
    UnsupportedMediaTypeError,
)

VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,creation-with-upload,expiration,checksum,termination"
ALGORITHMS: Final = ("sha1", "sha256")
TRAILER: Final = "sha256"
TRAILER_BYTES: Final = 32
"""Of a body that ends with the SHA-256 of the whole file, which is no part of the file."""
CONTENT_TYPE: Final = "application/offset+octet-stream"
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_KEY = re.compile(r"[!-+\--~]+")
_LONGEST_METADATA = 64 * 1024


class Digest(Protocol):
    """A checksum that grows."""

    def update(self, data: bytes, /) -> None:
        """Take in more bytes."""
        ...

    def digest(self) -> bytes:
        """Return the sum."""
        ...


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a device says of a file that it announces."""

    filename: str
    content_type: str | None
    sha256: str | None
    task_id: UUID | None
    device_parameter: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Checksum:
    """The announced sum of one piece."""

    algorithm: str
    value: bytes

    def begin(self) -> Digest:
        """Return an empty sum of the same kind."""
        return hashlib.new(self.algorithm, usedforsecurity=False)


def check_version(version: str | None) -> None:
    """Refuse a request of another protocol.

    Raises:
        ProtocolVersionError: It is not of version 1.0.0.
    """
    if version != VERSION:
        error = ProtocolVersionError(f"Send the header `Tus-Resumable: {VERSION}`.")
        error.headers["Tus-Version"] = VERSION
        raise error


def check_content_type(content_type: str | None) -> None:
    """Refuse a body that is not a piece of a file.

    Raises:
        UnsupportedMediaTypeError: Its content type is another.
    """
    if content_type != CONTENT_TYPE:
        raise UnsupportedMediaTypeError(f"Send the piece as `Content-Type: {CONTENT_TYPE}`.")


def parse_metadata(header: str) -> Metadata:
    """Read `Upload-Metadata`: pairs of a key and a value in Base64, parted by commas.

    Raises:
        BadRequestError: It cannot be read.
        UnprocessableError: A value is wrong.
    """
    values = _pairs(header)
    sha256 = values.get("sha256") or None
    if sha256 is not None and not _SHA256.fullmatch(sha256):
        raise UnprocessableError(
            "Upload-Metadata: sha256 has to be 64 hexadecimal digits.", field="sha256"
        )
    return Metadata(
        filename=values.get("filename", ""),
        content_type=(values.get("content_type") or values.get("filetype") or "")[:200] or None,
        sha256=sha256.lower() if sha256 else None,
        task_id=_task_id(values.get("task_id")),
        device_parameter=_parameter(values.get("device_parameter")),
    )


def _pairs(header: str) -> dict[str, str]:
    if len(header) > _LONGEST_METADATA:
        raise BadRequestError(f"Upload-Metadata: more than {_LONGEST_METADATA} characters.")
    values: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        key, _, value = pair.partition(" ")
        if not _KEY.fullmatch(key) or key in values:
            raise BadRequestError(f"Upload-Metadata: {key[:80]!r} is no key, or comes twice.")
        try:
            values[key] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, ValueError):
            raise BadRequestError(
                f"Upload-Metadata: the value of {key[:80]!r} has to be UTF-8 in Base64."
            ) from None
    return values


def _task_id(text: str | None) -> UUID | None:
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise UnprocessableError(
            "Upload-Metadata: task_id has to be the id that came with `start`.", field="task_id"
        ) from None


def _parameter(text: str | None) -> dict[str, Any] | None:
    if not text:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise UnprocessableError(
            "Upload-Metadata: device_parameter has to be a JSON object.", field="device_parameter"
        )
    return value


def write_metadata(**values: str | None) -> str:
    """Return `Upload-Metadata` of what is set."""
    return ",".join(
        f"{key} {base64.b64encode(value.encode()).decode()}"
        for key, value in values.items()
        if value is not None
    )


def parse_checksum(header: str | None) -> Checksum | None:
    """Read `Upload-Checksum`: the name of the algorithm and the sum in Base64.

    Raises:
        BadRequestError: The algorithm is not known, or the sum is none of it.
    """
    if header is None:
        return None
    algorithm, _, text = header.strip().partition(" ")
    if algorithm not in ALGORITHMS:
        raise BadRequestError(f"Upload-Checksum: take one of {', '.join(ALGORITHMS)}.")
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        value = b""
    checksum = Checksum(algorithm, value)
    if len(value) != len(checksum.begin().digest()):
        raise BadRequestError(f"Upload-Checksum: this is no {algorithm} in Base64.")
    return checksum


def parse_trailer(header: str | None) -> bool:
    """Read `Upload-Trailer`: say whether the SHA-256 of the file follows behind its last byte.

    It is ours, not one of tus: its trailers do not get through most gateways.

    Raises:
        BadRequestError: Another sum is meant.
    """
    if header is None:
        return False
    if header.strip().lower() != TRAILER:
        raise BadRequestError(f"Upload-Trailer: `{TRAILER}` is the only one.")
    return True


def http_date(at: datetime) -> str:
    """Return a time as HTTP headers have it."""
    return format_datetime(at, usegmt=True)
