"""Files of an import, one by one, as copies of ours that can be handed on. Blocking."""

import errno
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from workflow_manager.dicom.part10 import Header, read_header
from workflow_manager.dicom.rules import NotStorableError
from workflow_manager.imports.archives import DAMAGE, copy_bounded, members_of
from workflow_manager.imports.folders import walk
from workflow_manager.imports.rules import (
    MEDIA_DIRECTORY,
    MOST_FILES,
    UnreadableError,
    is_dicom,
    is_zip,
)
from workflow_manager.room import look

_HEAD_BYTES = 132
_MEDIA_CLASS = b"\x02\x00\x02\x00UI"
NO_DICOM = "It is no DICOM file (PS3.10)."
NO_IMAGE = "It is the directory of a medium (DICOMDIR), and no image."


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one import may hold."""

    file_bytes: int
    total_bytes: int
    free_bytes: int
    """With less room on the disk nothing is copied."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file that is there: an image, an archive, or anything else."""

    name: str
    path: Path
    ours: bool = False
    """It lies in our folders and never changes: a link is as good as a copy."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A file to be handed on, or why it is not."""

    number: int
    name: str
    path: Path | None = None
    header: Header | None = None
    problem: str = ""


class Unpacking:
    """Gives the files of an import in the same order each time, those of archives too.

    Args:
        sources: Where they are.
        folder: Where our copies go, empty.
        after: Leave out so many: they are written down.
        limits: How much it may hold.
        keep: Called with each image and its number before it is handed on.
    """

    def __init__(
        self,
        sources: Iterator[Source],
        folder: Path,
        *,
        after: int,
        limits: Limits,
        keep: Callable[[int, Path], object] | None = None,
    ) -> None:
        self._folder, self._after, self._limits, self._keep = folder, after, limits, keep
        self._number = self._bytes = 0
        self._files = self._walk(sources)

    def take(self, count: int) -> list[Ready]:
        """Return the next files; none: that was all.

        Raises:
            UnreadableError: It holds more than an import may.
            OSError: The disk does not take our copies.
        """
        found: list[Ready] = []
        for ready in self._files:
            found.append(ready)
            if len(found) == count:
                break
        return found

    def close(self) -> None:
        """Close what is open."""
        with suppress(ValueError):  # another thread is in it: it ends by itself
            self._files.close()

    def _walk(self, sources: Iterator[Source]) -> Generator[Ready, None, None]:
        for source in sources:
            try:
                head = _head_of(source.path)
            except OSError as error:
                yield from self._refuse(source.name, f"It cannot be read: {error.strerror}.")
                continue
            if is_zip(head):
                yield from self._unzip(source)
            elif source.ours:
                yield from self._link(source, head)
            else:
                with source.path.open("rb") as file:
                    yield from self._copy(source.name, file)

    def _unzip(self, archive: Source) -> Iterator[Ready]:
        try:
            for name, member in members_of(archive.path):
                full = f"{archive.name}/{name}"
                if isinstance(member, str):
                    yield from self._refuse(full, member)
                else:
                    yield from self._copy(full, member)
        except UnreadableError as error:
            yield from self._refuse(archive.name, str(error))

    def _next(self) -> int:
        self._number += 1
        if self._number > MOST_FILES:
            raise TooMuchError(f"An import has at most {MOST_FILES} files.")
        return self._number

    def _refuse(self, name: str, problem: str) -> Iterator[Ready]:
        number = self._next()
        if number > self._after:
            yield Ready(number, name, problem=problem)

    def _copy(self, name: str, source: BinaryIO) -> Iterator[Ready]:
        number = self._next()
        if number <= self._after:
            return
        path = self._folder / f"{number}.dcm"
        if look(self._folder).free < self._limits.free_bytes:
            raise OSError(errno.ENOSPC, "too little room is left on the disk")
        try:
            size = _copy_if_dicom(source, path, self._limits.file_bytes)
        except UnreadableError as error:
            yield Ready(number, name, problem=str(error))
            return
        except DAMAGE:
            path.unlink(missing_ok=True)
            yield Ready(number, name, problem="The archive is damaged here.")
            return
        self._bytes += size
        if self._bytes > self._limits.total_bytes:
            path.unlink()
            raise TooMuchError(f"An import has at most {self._limits.total_bytes} bytes.")
        yield self._read(number, name, path)

    def _link(self, source: Source, head: bytes) -> Iterator[Ready]:
        number = self._next()
        if number <= self._after:
            return
        if not is_dicom(head):
            yield Ready(number, source.name, problem=NO_DICOM)
            return
        path = self._folder / f"{number}.dcm"
        path.unlink(missing_ok=True)
        path.hardlink_to(source.path)
        yield self._read(number, source.name, path)

    def _read(self, number: int, name: str, path: Path) -> Ready:
        try:
            header = read_header(path)
        except NotStorableError as error:
            if _is_media_directory(path):
                path.unlink()
                return Ready(number, name, problem=NO_IMAGE)
            return Ready(number, name, path, None, str(error))
        if self._keep is not None:
            self._keep(number, path)
        return Ready(number, name, path, header)


class TooMuchError(Exception):
    """An import holds more than one may: it ends here, what came before stays."""


def _head_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def _copy_if_dicom(source: BinaryIO, path: Path, most_bytes: int) -> int:
    """Copy a DICOM file, synced; return its size.

    Raises:
        UnreadableError: It is none, or too large.
    """
    head = source.read(_HEAD_BYTES)
    if is_zip(head):
        raise UnreadableError("It is an archive in an archive: unpack it first.")
    if not is_dicom(head):
        raise UnreadableError(NO_DICOM)
    path.unlink(missing_ok=True)
    try:
        with path.open("xb") as target:
            target.write(head)
            size = len(head) + copy_bounded(source, target, most_bytes - len(head))
            target.flush()
            os.fdatasync(target.fileno())
    except UnreadableError:
        path.unlink()
        raise
    return size


def _is_media_directory(path: Path) -> bool:
    """Say whether the SOP class of a file is that of a DICOMDIR."""
    with path.open("rb") as file:
        head = file.read(1024)
    at = head.find(_MEDIA_CLASS)
    value = head[at + 8 : at + 8 + len(MEDIA_DIRECTORY)] if at >= 0 else b""
    return value == MEDIA_DIRECTORY.encode()


def folder_sources(folder: Path) -> Iterator[Source]:
    """Yield the files below a folder, named by their places in it."""
    for path in walk(folder):
        yield Source(path.relative_to(folder).as_posix(), path)
