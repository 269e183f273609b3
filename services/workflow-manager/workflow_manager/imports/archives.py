"""Zip archives from anybody: no name in them becomes a path, and no size in them is believed."""

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from workflow_manager.imports.rules import MOST_FILES, UnreadableError

_LARGEST_DIRECTORY = 64 * 2**20
_CHUNK = 1 << 20
_END, _END64 = b"PK\x05\x06", b"PK\x06\x06"
_END_SIZE, _LONGEST_COMMENT = 22, 65_535
_ENCRYPTED = 0x1
# What damaged or odd archives raise while they are read.
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)


def members_of(path: Path) -> Iterator[tuple[str, BinaryIO | str]]:
    """Yield the files of an archive in its order: name, and the open file or why there is none.

    Raises:
        UnreadableError: It is damaged, or larger than archives are.
    """
    _check_directory(path)
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.is_dir():
                    continue
                if member.flag_bits & _ENCRYPTED:
                    yield member.filename, "It is encrypted."
                    continue
                try:
                    file = archive.open(member)
                except DAMAGE:
                    yield member.filename, "The archive is damaged here, or packed in an odd way."
                    continue
                with file:
                    yield member.filename, file  # type: ignore[misc]
    except zipfile.BadZipFile as error:
        raise UnreadableError("The zip archive is damaged.") from error


def copy_bounded(source: BinaryIO, target: BinaryIO, most_bytes: int) -> int:
    """Copy a file; return its size.

    Raises:
        UnreadableError: It is larger than allowed; what was copied is there still.
    """
    size = 0
    while chunk := source.read(_CHUNK):
        size += len(chunk)
        if size > most_bytes:
            raise UnreadableError(f"It has more than {most_bytes} bytes.")
        target.write(chunk)
    return size


def _check_directory(path: Path) -> None:
    """Refuse an archive whose list of files would not fit into memory (APPNOTE 4.3.12 to 4.3.16).

    Raises:
        UnreadableError: The list is missing, or too long.
    """
    with path.open("rb") as file:
        end = file.seek(0, 2)
        file.seek(max(0, end - _END_SIZE - _LONGEST_COMMENT))
        tail = file.read()
        at = tail.rfind(_END)
        if at < 0 or len(tail) - at < _END_SIZE:
            raise UnreadableError("The zip archive is damaged: its end is missing.")
        count = int.from_bytes(tail[at + 10 : at + 12], "little")
        size = int.from_bytes(tail[at + 12 : at + 16], "little")
        at64 = tail.rfind(_END64, 0, at)
        if at64 >= 0:
            count = max(count, int.from_bytes(tail[at64 + 32 : at64 + 40], "little"))
            size = int.from_bytes(tail[at64 + 40 : at64 + 48], "little")
    if count > MOST_FILES or size > _LARGEST_DIRECTORY:
        raise UnreadableError(f"The zip archive has more than {MOST_FILES} files.")
