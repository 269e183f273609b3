"""Restores a backup into an empty place, also of another machine.

While that lasts the data folder has a mark, with which no server starts: what was cut off is never
taken for whole.
"""

import asyncio
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from scanhub.backup import postgresql
from scanhub.backup.bucket import check_bucket
from scanhub.backup.moment import ENGINE, database_urls
from scanhub.backup.place import (
    FILES,
    BackupError,
    DatabaseEntry,
    Manifest,
    Place,
    checksum,
    read_lines,
    read_manifest,
)
from scanhub.settings import RESTORING, InstallationSettings
from scanhub_libraries.errors import ConflictError
from scanhub_libraries.lake_unfinished import sync_directory
from scanhub_libraries.migrate import upgrade
from scanhub_libraries.writeback import sync_file_system
from workflow_manager.engine.schema import migrate_engine

_BLOCK = 4 << 20


async def restore(
    settings: InstallationSettings, place: Place, name: str, *, say: Callable[[str], None]
) -> Manifest:
    """Restore a backup; every checksum is compared on the way.

    Args:
        settings: Where to: an empty data folder, empty databases.
        place: The folder of backups.
        name: Which backup; `latest` is the newest.
        say: Told what is being done.

    Raises:
        ScanHubError: The place is not empty, the backup is damaged, or of other databases.
    """
    folder = place.folder(name)
    manifest = read_manifest(folder)
    urls = database_urls(settings)
    await _check_target(settings, manifest, urls)
    lost = await asyncio.to_thread(check_bucket, folder, manifest, settings.lake_bucket)
    if lost is not None:
        say(f"Restored all the same: {lost}.")
    await asyncio.to_thread(_check_keys, folder / "keys", settings.keys_dir)
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    mark = settings.data_dir / RESTORING
    mark.write_text(f"{manifest.name} of {place.root}\n")
    settings.prepare(restoring=True)
    await asyncio.to_thread(_check_files, folder, manifest)
    say("restoring keys")
    await asyncio.to_thread(_copy_keys, folder / "keys", settings.keys_dir)
    say("restoring files")
    await asyncio.to_thread(_copy_lake, place, folder, settings.lake_root)
    for entry in manifest.databases:
        say(f"restoring the database of {entry.name}")
        await _restore_database(entry, urls[entry.name], folder / "databases")
    await asyncio.to_thread(_sync, settings.data_dir)
    mark.unlink()
    await asyncio.to_thread(sync_directory, settings.data_dir)
    return manifest


async def _check_target(
    settings: InstallationSettings, manifest: Manifest, urls: dict[str, str]
) -> None:
    """Refuse what has anything in it, before anything is written."""
    if settings.data_dir.is_dir() and any(settings.data_dir.iterdir()):
        raise ConflictError(
            f"{settings.data_dir} is not empty: restore into a new folder (--data-dir), and keep "
            "the old one until you have looked into it."
        )
    for entry in manifest.databases:
        url = sa.make_url(urls[entry.name])
        if url.get_backend_name() != entry.dialect:
            raise ConflictError(
                f"The database of {entry.name} is {entry.dialect} in the backup: restore it into "
                "one of that kind (SCANHUB_*_DATABASE_URL)."
            )
        if entry.dialect == "sqlite":
            path = Path(url.database or "")
            if path.exists():
                raise ConflictError(f"{path} is there already: restore into an empty place.")
        elif not await postgresql.is_empty(urls[entry.name]):
            raise ConflictError(
                f"The database {url.database!r} of {entry.name} has tables: restore into an empty "
                "one."
            )


def _check_files(folder: Path, manifest: Manifest) -> None:
    for path, sha256 in manifest.checksums.items():
        try:
            good = checksum(folder / path) == sha256
        except FileNotFoundError:
            good = False
        if not good:
            raise BackupError(f"{folder / path} is damaged: restore another backup (--name).")


def _check_keys(source: Path, target: Path) -> None:
    """Refuse keys that are not those of the backup, and a folder that shall get some and cannot."""
    others = [name for name in _keys(source) if _differs(source / name, target / name)]
    if others:
        raise ConflictError(
            f"{', '.join(others)} in {target} is not the one of the backup: put there what is in "
            f"{source}, or restore with an empty folder of keys."
        )
    absent = [name for name in _keys(source) if not (target / name).exists()]
    if absent and target.exists() and not os.access(target, os.W_OK):
        raise ConflictError(
            f"{', '.join(absent)} is not in {target}, where nothing can be written: put there what "
            f"is in {source}."
        )


def _copy_keys(source: Path, target: Path) -> None:
    for name in _keys(source):
        path = target / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            shutil.copyfile(source / name, path)
            path.chmod(0o600)


def _keys(folder: Path) -> list[str]:
    """Return the keys of a backup; a lock is none, which older versions left there."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in paths if path.name != ".lock")


def _differs(one: Path, other: Path) -> bool:
    return other.exists() and one.read_bytes() != other.read_bytes()


def _copy_lake(place: Place, folder: Path, root: Path) -> None:
    for line in read_lines(folder / FILES):
        target = root / line["path"]
        if not target.resolve().is_relative_to(root.resolve()):
            raise BackupError(f"{line['path']!r} in {folder / FILES} leads out of the lake.")
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        sha256 = hashlib.sha256()
        source = place.object_path(line["sha256"])
        if not source.is_file():
            raise BackupError(f"{source} of {line['path']} is not there: restore another backup.")
        with source.open("rb", buffering=0) as given, target.open("xb") as file:
            while block := given.read(_BLOCK):
                sha256.update(block)
                file.write(block)
        if sha256.hexdigest() != line["sha256"]:
            raise BackupError(f"{source} of {line['path']} is damaged: restore another backup.")
        modified = int(line["modified_ns"])
        os.utime(target, ns=(modified, modified))


async def _restore_database(entry: DatabaseEntry, url: str, folder: Path) -> None:
    if entry.dialect == "sqlite":
        target = Path(sa.make_url(url).database or "")
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        await asyncio.to_thread(shutil.copyfile, folder / f"{entry.name}.sqlite", target)
        target.chmod(0o600)
        return
    if entry.name == ENGINE:
        await asyncio.to_thread(migrate_engine, url)
    else:
        package = entry.name.replace("-", "_")
        await asyncio.to_thread(upgrade, package, url, entry.revision)
    await postgresql.fill(url, folder / entry.name)


def _sync(folder: Path) -> None:
    if sync_file_system(str(folder)):
        return
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
