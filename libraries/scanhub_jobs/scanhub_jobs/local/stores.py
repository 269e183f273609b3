"""Session data and files in a folder.

`jobs/JOB/EVENT/SUBJECT/data/NAME.json`, `.../files/NAME`, and what is known of each file beside it
in `.../about/`. Names are quoted where a file system would mind.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote
from uuid import uuid4

from scanhub_jobs.backend import FileInfo, Producer, Subject
from scanhub_jobs.errors import ArtifactNotFoundError, DataNotFoundError
from scanhub_jobs.media_types import HEAD_BYTES, media_type

_PIECE = 1 << 20
_LONGEST = 200


def _quoted(name: str) -> str:
    """Return a name as one of a file; a long one by its checksum, its name is in the file."""
    text = quote(name, safe=" ()+,@=")
    if text.startswith("."):
        text = f"%2E{text[1:]}"
    return text if len(text) <= _LONGEST else hashlib.sha256(name.encode()).hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file in one step: whoever reads it sees the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{uuid4().hex}.part")
    part.write_bytes(content)
    part.replace(path)


def producer_folder(root: Path, producer: Producer) -> Path:
    """Return where a producer's things are."""
    return root / "jobs" / producer.job / producer.subject.event / producer.subject.key


def note_producer(root: Path, producer: Producer) -> Path:
    """Make a producer's folder and note for whom it is."""
    folder = producer_folder(root, producer)
    write_whole(folder / "subject.json", producer.subject.model_dump_json(indent=2).encode())
    return folder


def find_producers(root: Path, job: str) -> list[Producer]:
    """Return for which subjects a job has run."""
    noted = sorted((root / "jobs" / job).glob("*/*/subject.json"))
    return [
        Producer(job=job, subject=Subject.model_validate_json(path.read_bytes())) for path in noted
    ]


class FolderData:
    """A DataStore in a folder: a file for each value."""

    def __init__(self, root: Path, own: Producer) -> None:
        self._root = root
        self._own = own

    def _path(self, producer: Producer, name: str) -> Path:
        return producer_folder(self._root, producer) / "data" / f"{_quoted(name)}.json"

    def names(self, producer: Producer) -> Sequence[str]:
        """Return the names of all values."""
        paths = sorted((producer_folder(self._root, producer) / "data").glob("[!.]*.json"))
        return [json.loads(path.read_bytes())["name"] for path in paths]

    def read(self, producer: Producer, name: str) -> Any:
        """Return a value."""
        try:
            return json.loads(self._path(producer, name).read_bytes())["value"]
        except FileNotFoundError:
            raise DataNotFoundError(f"{producer.job!r} has no session data {name!r}.") from None

    def write(self, name: str, text: str) -> None:
        """Store a value."""
        content = f'{{"name": {json.dumps(name)}, "value": {text}}}'
        write_whole(self._path(self._own, name), content.encode("utf-8", "surrogatepass"))

    def remove(self, name: str) -> None:
        """Remove a value."""
        try:
            self._path(self._own, name).unlink()
        except FileNotFoundError:
            raise DataNotFoundError(f"There is no session data {name!r}.") from None


class FolderFiles:
    """A FileStore in a folder."""

    def __init__(self, root: Path, own: Producer) -> None:
        self._root = root
        self._own = own

    def _folder(self, producer: Producer) -> Path:
        return producer_folder(self._root, producer)

    def names(self, producer: Producer) -> Sequence[str]:
        """Return the names of all files."""
        paths = sorted((self._folder(producer) / "about").glob("[!.]*.json"))
        return [FileInfo.model_validate_json(path.read_bytes()).name for path in paths]

    def stat(self, producer: Producer, name: str) -> FileInfo:
        """Return what is known of a file."""
        path = self._folder(producer) / "about" / f"{_quoted(name)}.json"
        try:
            return FileInfo.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise ArtifactNotFoundError(f"{producer.job!r} has no file {name!r}.") from None

    def open(self, producer: Producer, name: str) -> BinaryIO:
        """Open a file to read."""
        try:
            return (self._folder(producer) / "files" / _quoted(name)).open("rb")
        except FileNotFoundError:
            raise ArtifactNotFoundError(f"{producer.job!r} has no file {name!r}.") from None

    def write(
        self, name: str, source: BinaryIO, *, content_type: str | None, meta: dict[str, Any]
    ) -> FileInfo:
        """Store what a stream holds."""
        folder, quoted = self._folder(self._own), _quoted(name)
        (folder / "files").mkdir(parents=True, exist_ok=True)
        part = folder / "files" / f".{uuid4().hex}.part"
        try:
            size, checksum, head = _copy(source, part)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        info = FileInfo(
            name=name,
            size=size,
            sha256=checksum,
            content_type=content_type or media_type(name, head),
            created_at=datetime.now(UTC),
            meta=meta,
        )
        part.replace(folder / "files" / quoted)
        write_whole(folder / "about" / f"{quoted}.json", info.model_dump_json().encode())
        return info

    def remove(self, name: str) -> None:
        """Remove a file."""
        folder, quoted = self._folder(self._own), _quoted(name)
        try:
            (folder / "about" / f"{quoted}.json").unlink()
        except FileNotFoundError:
            raise ArtifactNotFoundError(f"There is no file {name!r}.") from None
        (folder / "files" / quoted).unlink(missing_ok=True)


def _copy(source: BinaryIO, path: Path) -> tuple[int, str, bytes]:
    """Copy a stream piece by piece; return size, SHA-256 and the first bytes."""
    total, size, head = hashlib.sha256(), 0, b""
    with path.open("wb") as target:
        while piece := source.read(_PIECE):
            total.update(piece)
            size += len(piece)
            if len(head) < HEAD_BYTES:
                head += piece[: HEAD_BYTES - len(head)]
            target.write(piece)
    return size, total.hexdigest(), head
