"""The data lake: files that are either whole and on disk, or not there.

A file is written as `.part`, synced, renamed, and its folder synced. Keys are made here from ids
and checked names; a path from outside is never joined to a root.
"""

import asyncio
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Protocol
from uuid import UUID

from scanhub_libraries.errors import NotFoundError, UnprocessableError
from scanhub_libraries.lake_part import LocalPartFile, PartFile
from scanhub_libraries.lake_unfinished import (
    UNFINISHED_FOLDER,
    LocalUnfinishedFile,
    UnfinishedFile,
)

_SAFE_NAME = re.compile(r"[\w][\w.+@=,() -]{0,199}", re.ASCII)
_RESERVED = (".part",)
STREAM_FOLDER = "streams"


def safe_name(name: str) -> str:
    """Return `name` if it can be a file name in the lake.

    Raises:
        UnprocessableError: It has a path in it, control characters, a reserved ending, or is empty
            or too long.
    """
    if not _SAFE_NAME.fullmatch(name) or name.endswith(_RESERVED) or name.endswith((" ", ".")):
        raise UnprocessableError(
            f"{name[:80]!r} cannot be a file name: use letters, digits, and . _ - + = @ , ( ) "
            "or blank, begin with a letter, digit or underscore, 200 characters at most, "
            "no folder, not ending in .part",
            field="filename",
        )
    return name


def result_directory(workflow_id: UUID, task_id: UUID, result_id: UUID) -> str:
    """Return the folder of a result, in ScanHub's layout."""
    return f"lake/{workflow_id}/{task_id}/{result_id}"


def result_key(workflow_id: UUID, task_id: UUID, result_id: UUID, filename: str) -> str:
    """Return the key of a file of a result."""
    return f"{result_directory(workflow_id, task_id, result_id)}/{safe_name(filename)}"


def stream_key(acquisition_id: UUID) -> str:
    """Return the key of what a device sends while it acquires (messages of the MRD protocol)."""
    return f"{STREAM_FOLDER}/{acquisition_id}.mrdstream"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as a listing has it."""

    key: str
    size_bytes: int
    modified_at: datetime

    @property
    def name(self) -> str:
        """Its name without the folder."""
        return self.key.rsplit("/", 1)[-1]

    @property
    def is_part(self) -> bool:
        """Say whether it is being written, or its writer is gone."""
        return self.name.startswith(".") and self.name.endswith(_RESERVED)


class Lake(Protocol):
    """Where files live: a local folder, or another backend with the same promises."""

    def writer(self, key: str) -> PartFile:
        """Return a file to write under `key`."""
        ...

    def unfinished(self, name: str) -> UnfinishedFile:
        """Return a file that comes in pieces; the same name is the same file."""
        ...

    async def free_bytes(self) -> int:
        """Return how many bytes there is room for."""
        ...

    def path(self, key: str) -> Path:
        """Return a local path of an existing file or folder, for programs that need one.

        It may take long where files have to be fetched: call it in a thread.
        """
        ...

    def at_hand(self, path: Path) -> None:
        """See that what `path` returned a while ago is there. Blocking, as that is."""
        ...

    def exists(self, key: str) -> bool:
        """Say whether the file is there, whole. Blocking."""
        ...

    async def publish(self, prefix: str) -> None:
        """Let others have the files of a local folder that was written below the root."""
        ...

    async def put(self, key: str, data: bytes) -> str:
        """Store bytes; return their sha256."""
        ...

    async def read(self, key: str) -> bytes:
        """Return the bytes of a small file."""
        ...

    async def delete(self, key: str) -> None:
        """Remove a file, if it is there."""
        ...

    async def delete_tree(self, prefix: str) -> None:
        """Remove a folder, if it is there."""
        ...

    async def list_files(self, prefix: str) -> list[StoredFile]:
        """Return all files below a folder by key, also those still being written."""
        ...

    async def list_folders(self, prefix: str) -> list[str]:
        """Return the names of the folders right below a folder."""
        ...

    async def delete_empty(self, prefix: str) -> None:
        """Remove a folder and those below it as far as no file is in them."""
        ...

    async def delete_parts(self, prefix: str, before: float) -> None:
        """Remove what somebody was writing below a folder who is gone.

        Args:
            prefix: The folder.
            before: Written last before this [s since 1970].
        """
        ...


class LocalLake:
    """The lake in a local folder (the default)."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.root.mkdir(parents=True, exist_ok=True)

    def _resolve(self, key: str) -> Path:
        parts = PurePosixPath(key).parts
        if not parts or any(part in {"..", "/", "."} or "\x00" in part for part in parts):
            raise NotFoundError(f"{key!r} is not a place in the lake")
        return self.root.joinpath(*parts)

    def writer(self, key: str) -> LocalPartFile:
        """Return a file to write under `key`."""
        return LocalPartFile(self._resolve(key))

    def unfinished(self, name: str) -> LocalUnfinishedFile:
        """Return a file that comes in pieces."""
        return LocalUnfinishedFile(self.root, self._resolve(f"{UNFINISHED_FOLDER}/{name}.part"))

    async def free_bytes(self) -> int:
        """Return the room for a process without privileges."""
        status = await asyncio.to_thread(os.statvfs, self.root)
        return status.f_bavail * status.f_frsize

    def path(self, key: str) -> Path:
        """Return the path of an existing file.

        Raises:
            NotFoundError: There is none, or the key is no place in the lake.
        """
        path = self._resolve(key)
        if not path.exists():
            raise NotFoundError(f"There is no file {key!r} in the lake")
        return path

    def folder(self, prefix: str) -> Path:
        """Return the path of a folder, making it."""
        path = self._resolve(prefix)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def at_hand(self, path: Path) -> None:
        """Do nothing: nobody takes it away."""

    def exists(self, key: str) -> bool:
        """Say whether the file is there, whole."""
        return self._resolve(key).is_file()

    async def publish(self, prefix: str) -> None:
        """Do nothing: others see the same folder."""

    async def put(self, key: str, data: bytes) -> str:
        """Store bytes; return their sha256."""
        part = self.writer(key)
        await part.write_whole(data)
        return part.sha256

    async def read(self, key: str) -> bytes:
        """Return the bytes of a small file."""
        return await asyncio.to_thread(self.path(key).read_bytes)

    async def delete(self, key: str) -> None:
        """Remove a file, if it is there."""
        await asyncio.to_thread(self._resolve(key).unlink, missing_ok=True)

    async def delete_tree(self, prefix: str) -> None:
        """Remove a folder, if it is there."""
        await asyncio.to_thread(shutil.rmtree, self._resolve(prefix), ignore_errors=True)

    async def list_files(self, prefix: str) -> list[StoredFile]:
        """Return all files below a folder by key, also those still being written.

        What is renamed or removed while it is listed may be missing.
        """
        return await asyncio.to_thread(self._list_files, prefix)

    def _list_files(self, prefix: str) -> list[StoredFile]:
        found = []
        for path in _walk(self._resolve(prefix)):
            with suppress(FileNotFoundError):
                status = path.stat(follow_symlinks=False)
                key = path.relative_to(self.root).as_posix()
                modified_at = datetime.fromtimestamp(status.st_mtime, UTC)
                found.append(StoredFile(key, status.st_size, modified_at))
        return sorted(found, key=lambda file: file.key)

    async def list_folders(self, prefix: str) -> list[str]:
        """Return the names of the folders right below a folder."""
        return await asyncio.to_thread(self._list_folders, prefix)

    def _list_folders(self, prefix: str) -> list[str]:
        try:
            with os.scandir(self._resolve(prefix)) as entries:
                return sorted(
                    entry.name for entry in entries if entry.is_dir(follow_symlinks=False)
                )
        except (FileNotFoundError, NotADirectoryError):
            return []

    async def delete_empty(self, prefix: str) -> None:
        """Remove a folder and those below it as far as no file is in them."""
        await asyncio.to_thread(self._delete_empty, self._resolve(prefix))

    async def delete_parts(self, prefix: str, before: float) -> None:
        """Remove what somebody was writing below a folder who is gone."""
        await asyncio.to_thread(self._delete_parts, self._resolve(prefix), before)

    def _delete_parts(self, folder: Path, before: float) -> None:
        for path in _walk(folder):
            if path.name.startswith(".") and path.name.endswith(_RESERVED):
                with suppress(FileNotFoundError):
                    if path.stat().st_mtime < before:
                        path.unlink()

    def _delete_empty(self, folder: Path) -> None:
        for name in self._list_folders(folder.relative_to(self.root).as_posix()):
            self._delete_empty(folder / name)
        with suppress(OSError):  # not empty, or gone
            folder.rmdir()


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder; links are files, and not followed."""
    for where, folders, files in os.walk(folder):
        links = [name for name in folders if Path(where, name).is_symlink()]
        yield from (Path(where, name) for name in [*files, *links])
