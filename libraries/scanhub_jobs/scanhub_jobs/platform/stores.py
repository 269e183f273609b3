"""Session data and files of the platform, as a job reads and writes them."""

import hashlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, cast
from uuid import uuid4

import httpx

from scanhub_jobs.backend import FileInfo, Producer
from scanhub_jobs.errors import PlatformError
from scanhub_jobs.media_types import HEAD_BYTES, media_type
from scanhub_jobs.platform.calls import Platform
from scanhub_jobs.platform.documents import FileToStore, StoredBytes

PIECE = 1 << 20
_IN_MEMORY = 4 << 20


def whose(producer: Producer, **more: str) -> dict[str, str]:
    """Return the query that names a producer."""
    subject = producer.subject
    return {"job": producer.job, "event": subject.event, "subject": subject.key, **more}


class PlatformData:
    """A DataStore over HTTP."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def names(self, producer: Producer) -> Sequence[str]:
        """Return the names of all values."""
        found: list[str] = self._platform.json("GET", "data", params=whose(producer))
        return found

    def read(self, producer: Producer, name: str) -> Any:
        """Return a value."""
        return self._platform.call("GET", "value", params=whose(producer, name=name)).json()

    def write(self, name: str, text: str) -> None:
        """Store a value; half characters, which JSON texts may hold, travel escaped."""
        content = json.dumps(json.loads(text), ensure_ascii=True).encode()
        headers = {"Content-Type": "application/json"}
        self._platform.call("PUT", "value", params={"name": name}, content=content, headers=headers)

    def remove(self, name: str) -> None:
        """Remove a value."""
        self._platform.call("DELETE", "value", params={"name": name})


class PlatformFiles:
    """A FileStore over HTTP: bytes go up and down piece by piece, and their SHA-256 is checked."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def names(self, producer: Producer) -> Sequence[str]:
        """Return the names of all files."""
        return [
            info["name"] for info in self._platform.json("GET", "files", params=whose(producer))
        ]

    def stat(self, producer: Producer, name: str) -> FileInfo:
        """Return what is known of a file."""
        found = self._platform.json("GET", "file-info", params=whose(producer, name=name))
        return FileInfo.model_validate(found)

    def open(self, producer: Producer, name: str) -> BinaryIO:
        """Return a copy of a file; it is checked before anything of it is read."""
        info = self.stat(producer, name)
        return download(self._platform, "file", info.sha256, params=whose(producer, name=name))

    def write(
        self, name: str, source: BinaryIO, *, content_type: str | None, meta: dict[str, Any]
    ) -> FileInfo:
        """Store what a stream holds."""
        upload = uuid4().hex
        sent = send(self._platform, f"uploads/{upload}", source)
        wanted = FileToStore(
            upload=upload,
            sha256=sent.sha256,
            content_type=content_type or media_type(name, sent.head),
            meta=meta,
        )
        found = self._platform.json(
            "PUT", "file", params={"name": name}, json=wanted.model_dump(mode="json")
        )
        return FileInfo.model_validate(found)

    def remove(self, name: str) -> None:
        """Remove a file."""
        self._platform.call("DELETE", "file", params={"name": name})


class Sent:
    """What is known of bytes that went by."""

    def __init__(self) -> None:
        self._total = hashlib.sha256()
        self.size, self.head = 0, b""

    @property
    def sha256(self) -> str:
        """Their checksum."""
        return self._total.hexdigest()

    def see(self, piece: bytes) -> None:
        """Take a piece that goes by."""
        self._total.update(piece)
        self.size += len(piece)
        if len(self.head) < HEAD_BYTES:
            self.head += piece[: HEAD_BYTES - len(self.head)]


def send(platform: Platform, path: str, source: BinaryIO) -> Sent:
    """Send a stream from where it stands, and see that all of it came.

    A stream that can go back is sent again when the platform went away meanwhile.

    Raises:
        PlatformError: Other bytes came than were sent.
    """
    begin = source.tell() if source.seekable() else None
    sent = Sent()

    def pieces() -> Iterator[bytes]:
        nonlocal sent
        if begin is not None:
            source.seek(begin)
        elif sent.size:
            raise PlatformError("The stream broke off, and it cannot be read again.")
        sent = Sent()
        while piece := source.read(PIECE):
            sent.see(piece)
            yield piece

    headers = {"Content-Type": "application/octet-stream"}
    answer = platform.repeat(
        lambda: StoredBytes.model_validate(
            platform.once("PUT", path, content=pieces(), headers=headers).json()
        )
    )
    if (answer.size, answer.sha256) != (sent.size, sent.sha256):
        raise PlatformError(f"Of {sent.size} bytes others came than were sent: {path}.")
    return sent


def download(platform: Platform, path: str, sha256: str | None = None, **options: Any) -> BinaryIO:
    """Return a copy of a file of the platform, in memory or, when it is large, on disk.

    Args:
        platform: Where it is.
        path: Of the call.
        sha256: Its checksum; None: only that all of it came is checked.
        options: Of the call.

    Raises:
        PlatformError: It is not what the platform has noted.
    """
    copy = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - the caller closes it

    def take(answer: httpx.Response) -> None:
        copy.seek(0)
        copy.truncate()
        total = hashlib.sha256()
        for piece in answer.iter_bytes(PIECE):
            total.update(piece)
            copy.write(piece)
        if sha256 not in {None, total.hexdigest()}:
            raise PlatformError(f"The bytes of {path} are not those that were stored.")

    try:
        platform.fetch(path, take, **options)
    except BaseException:
        copy.close()
        raise
    copy.seek(0)
    return cast("BinaryIO", copy)
