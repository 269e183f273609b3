"""Files as one zip, made while it is sent: stored, not compressed, with checksums at its end."""

import hashlib
import io
import zipfile
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

_BLOCK = 2**20
_OLDEST = 1980
SUMS = "SHA256SUMS"


class FileChangedError(OSError):
    """A file changed while it was being sent: what was sent so far is worth nothing."""


class _Outlet(io.RawIOBase):
    """What a zip is written to: bytes that are taken away as they come."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        part = bytes(data)  # type: ignore[call-overload]  # any buffer
        self._parts.append(part)
        return len(part)

    def take(self) -> bytes:
        """Return what was written since the last time."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


@dataclass(slots=True)
class ZipStream:
    """A zip of files of known sizes.

    Iterating raises when a file is gone, or is not as long as it was: whoever sends the zip then
    has to break off, because a zip that ends early by itself looks whole.
    """

    files: Mapping[str, Path]
    sizes: Mapping[str, int]
    documents: Mapping[str, bytes]
    """Small entries that come first."""
    made_at: datetime
    _outlet: _Outlet = field(default_factory=_Outlet)
    _sums: dict[str, str] = field(default_factory=dict)

    def __iter__(self) -> Generator[bytes]:
        """Yield the zip, at most a block of a file at a time; to be closed by who breaks off."""
        with zipfile.ZipFile(self._outlet, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            for name, content in self.documents.items():
                yield from self._add(archive, name, io.BytesIO(content), len(content))
            for name, path in self.files.items():
                with path.open("rb") as source:
                    yield from self._add(archive, name, source, self.sizes[name])
            sums = "".join(f"{digest}  {name}\n" for name, digest in self._sums.items()).encode()
            yield from self._add(archive, SUMS, io.BytesIO(sums), len(sums))
        yield self._outlet.take()

    def _add(
        self, archive: zipfile.ZipFile, name: str, source: IO[bytes], size: int
    ) -> Iterator[bytes]:
        at = self.made_at.astimezone(UTC)
        moment = (max(at.year, _OLDEST), at.month, at.day, at.hour, at.minute, at.second)
        info = zipfile.ZipInfo(name, moment)
        info.external_attr = 0o644 << 16
        digest, sent = hashlib.sha256(), 0
        with archive.open(info, "w", force_zip64=True) as entry:
            while block := source.read(_BLOCK):
                digest.update(block)
                sent += len(block)
                entry.write(block)
                yield self._outlet.take()
            if sent != size:
                raise FileChangedError(f"{name} had {size} bytes and now has {sent}")
        self._sums[name] = digest.hexdigest()
