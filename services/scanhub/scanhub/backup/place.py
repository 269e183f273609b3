"""The folder of backups: what lies in it, and when a backup counts.

objects/ab/abcd...      files of lakes by their SHA-256, shared by all backups
backups/NAME/           one backup, NAME is when it was made (UTC)
  manifest.json         written last; a backup without one does not count
  files.jsonl           the lake: a line for each file
  bucket.jsonl          which objects a bucket of results has; without a bucket, none
  keys/                 the folder of keys
  databases/            a SQLite file or a folder of tables for each database
backups/.NAME.part/     a backup that is being made, or was cut off
lock                    held by whoever makes or removes backups
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from scanhub_libraries.errors import ConflictError, NotFoundError, ScanHubError
from scanhub_libraries.lake_unfinished import sync_directory

FORMAT: Final = 1
_NAME = re.compile(r"\d{8}T\d{6}Z(-\d+)?")
MANIFEST = "manifest.json"
FILES = "files.jsonl"


class BackupError(ScanHubError):
    """A backup cannot be made, read or restored; the text says why and what to do."""

    status, slug, title = 500, "internal-error", "Backup failed"


class DatabaseEntry(BaseModel):
    """A database of a backup."""

    model_config = ConfigDict(extra="forbid")

    name: str
    dialect: str
    revision: str
    """Of its schema; of the run engine, the number of its newest migration."""


class Manifest(BaseModel):
    """What a backup has; it is there, so the backup is whole."""

    model_config = ConfigDict(extra="forbid")

    format: int = FORMAT
    name: str
    version: str
    """Of this software."""
    begun_at: AwareDatetime
    taken_at: AwareDatetime
    """The moment that it shows."""
    ended_at: AwareDatetime
    databases: list[DatabaseEntry]
    checksums: dict[str, str]
    """SHA-256 of every file of the backup but this one, by its path there."""
    files: int
    bytes: int
    """Of the lake."""
    new_files: int
    new_bytes: int
    """Of these, what no earlier backup had."""
    bucket: str | None = None
    """Where results lie, if not in the lake's folder; they are not copied."""
    bucket_files: int = 0
    """How many objects it had."""
    missing: list[str]
    """What the databases name and the lake does not have, though it was looked for twice; the first
    hundred."""
    missing_files: int


class Place:
    """A folder of backups.

    Args:
        root: The folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.backups = self.root / "backups"
        self.objects = self.root / "objects"

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the only one that makes or removes backups here.

        Raises:
            ConflictError: Somebody else does.
        """
        for folder in (self.root, self.backups, self.objects):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.root / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ConflictError(f"Another backup is being made in {self.root}.") from None
            for left in self.backups.glob(".*.part"):  # cut off: nobody makes it any more
                shutil.rmtree(left)
            for left in self.objects.glob(".coming-*"):
                shutil.rmtree(left)
            yield

    def begin(self, now: datetime) -> Path:
        """Make the folder of a new backup."""
        name = base = now.strftime("%Y%m%dT%H%M%SZ")
        number = 1
        while (self.backups / name).exists():
            number += 1
            name = f"{base}-{number}"
        folder = self.backups / f".{name}.part"
        folder.mkdir(mode=0o700)
        return folder

    def finish(self, folder: Path, manifest: Manifest) -> None:
        """Let a backup count: all of it is on the disk, then it gets its name."""
        path = folder / MANIFEST
        with path.open("x", encoding="utf-8") as file:
            file.write(manifest.model_dump_json(indent=1))
            file.flush()
            os.fsync(file.fileno())
        sync_directory(folder)
        folder.rename(self.backups / manifest.name)
        sync_directory(self.backups)

    def names(self) -> list[str]:
        """Return the backups that are whole, the oldest first."""
        if not self.backups.is_dir():
            return []
        found = (path.name for path in self.backups.iterdir() if (path / MANIFEST).is_file())
        return sorted((name for name in found if _NAME.fullmatch(name)), key=_order)

    def folder(self, name: str) -> Path:
        """Return the folder of a backup; `latest` is the newest one.

        Raises:
            NotFoundError: There is no such backup.
        """
        names = self.names()
        if name == "latest" and names:
            name = names[-1]
        if name not in names:
            known = ", ".join(names[-5:]) or "none is there"
            raise NotFoundError(f"{self.root} has no whole backup {name!r}; the newest: {known}.")
        return self.backups / name

    def object_path(self, sha256: str) -> Path:
        """Return where a file lies."""
        return self.objects / sha256[:2] / sha256

    def remove_older(self, keep: int) -> list[str]:
        """Remove all backups but the newest ones, and the files that only those had."""
        gone = self.names()[:-keep]
        for name in gone:
            (self.backups / name / MANIFEST).unlink()  # from now on it does not count
            sync_directory(self.backups / name)
            shutil.rmtree(self.backups / name)
        if gone:
            self._sweep()
        return gone

    def _sweep(self) -> None:
        named = {
            line["sha256"]
            for name in self.names()
            for line in read_lines(self.backups / name / FILES)
        }
        for path in self.objects.glob("??/*"):
            if path.name not in named:
                path.unlink()


def _order(name: str) -> tuple[str, int]:
    base, _, number = name.partition("-")
    return base, int(number or 1)


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a backup.

    Raises:
        BackupError: It is damaged, or of a format that this version does not know.
    """
    try:
        text = (folder / MANIFEST).read_text(encoding="utf-8")
        document = json.loads(text)
        if document.get("format") != FORMAT:
            raise BackupError(
                f"{folder} has format {document.get('format')}, this version knows {FORMAT}: use "
                f"version {document.get('version')}."
            )
        return Manifest.model_validate(document)
    except (ValueError, AttributeError, ValidationError) as error:
        raise BackupError(f"{folder / MANIFEST} is damaged: {error}") from error


def read_lines(path: Path) -> Iterator[dict[str, str]]:
    """Yield the lines of a list of files."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder but the manifest."""
    return {
        path.relative_to(folder).as_posix(): checksum(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / MANIFEST
    }
