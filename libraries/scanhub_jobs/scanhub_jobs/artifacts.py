"""Files of a session as a job sees them: named, streamed, with checksum and content type."""

import io
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from scanhub_jobs.backend import FileInfo, FileStore, Producer
from scanhub_jobs.errors import ArtifactNameError, ArtifactNotFoundError
from scanhub_jobs.values import json_value

_LONGEST_NAME = 150
_PIECE = 1 << 20


def checked_name(name: str) -> str:
    """Return a name that is one; it is never a path.

    Raises:
        ArtifactNameError: It has separators or control characters, or is too long.
    """
    bad = name.startswith(".") or not name.isprintable()
    if bad or not 0 < len(name) <= _LONGEST_NAME or "/" in name or "\\" in name:
        raise ArtifactNameError(
            f"{name!r:.80} names no file: 1 to {_LONGEST_NAME} printable characters, "
            "no slash or backslash, no dot in front."
        )
    return name


class FilesView:
    """Files of one producer, to read."""

    def __init__(self, store: FileStore, producer: Producer) -> None:
        self._store = store
        self._producer = producer

    def __contains__(self, name: object) -> bool:
        return name in self._store.names(self._producer)

    def __iter__(self) -> Iterator[str]:
        return iter(self._store.names(self._producer))

    def __len__(self) -> int:
        return len(self._store.names(self._producer))

    def stat(self, name: str) -> FileInfo:
        """Return size, SHA-256, content type, time and meta.

        Raises:
            ArtifactNotFoundError: There is no file of that name.
        """
        return self._store.stat(self._producer, checked_name(name))

    def open(self, name: str) -> BinaryIO:
        """Open a file to read, piece by piece.

        Raises:
            ArtifactNotFoundError: There is no file of that name.
        """
        return self._store.open(self._producer, checked_name(name))

    def get(self, name: str) -> bytes:
        """Return a whole file.

        Raises:
            ArtifactNotFoundError: There is no file of that name.
        """
        with self.open(name) as file:
            return file.read()

    def save(self, name: str, path: Path | str) -> Path:
        """Write a file to a path, piece by piece, and return the path.

        Raises:
            ArtifactNotFoundError: There is no file of that name.
        """
        with self.open(name) as source, Path(path).open("wb") as target:
            shutil.copyfileobj(source, target, _PIECE)
        return Path(path)


class SessionFiles(FilesView):
    """Files of the running job."""

    def put(
        self,
        name: str,
        source: "Path | str | bytes | BinaryIO | Any",
        *,
        content_type: str | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> FileInfo:
        """Store a file, in place of one of the same name.

        Args:
            name: Its name, no path.
            source: A path, bytes, an open binary file (it stays open), or a nibabel image.
            content_type: Its media type; none: found by its first bytes, else by its name.
            meta: JSON values that go with it; those of an earlier file of the name go.

        Raises:
            ArtifactNameError: The name is none.
            ValueRefusedError: `meta` are no JSON values.
        """
        name, described = checked_name(name), json_value(dict(meta or {}), "meta")
        if hasattr(source, "to_filename"):
            with tempfile.TemporaryDirectory(prefix="scanhub-jobs-") as folder:
                path = Path(folder) / name
                source.to_filename(path)
                with path.open("rb") as stream:
                    return self._write(name, stream, content_type, described)
        if isinstance(source, bytes | bytearray | memoryview):
            return self._write(name, io.BytesIO(source), content_type, described)
        if isinstance(source, Path | str):
            with Path(source).open("rb") as stream:
                return self._write(name, stream, content_type, described)
        return self._write(name, source, content_type, described)

    def _write(
        self, name: str, stream: BinaryIO, content_type: str | None, meta: dict[str, Any]
    ) -> FileInfo:
        return self._store.write(name, stream, content_type=content_type, meta=meta)

    def __delitem__(self, name: str) -> None:
        self._store.remove(checked_name(name))

    def discard(self, name: str) -> None:
        """Remove a file if it is there."""
        try:
            del self[name]
        except ArtifactNotFoundError:
            return
