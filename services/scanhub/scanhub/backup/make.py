"""Makes a backup while the installation works.

The lake is copied first, which may take hours. Then comes the moment: all databases as they are.
Then the lake is copied once more, which takes seconds. A file is in the lake before a row names it,
so what the databases name at that moment was there for one of the two looks, or both; that it was
is checked name by name. What was removed before the moment is not kept: nobody wants it back.
"""

import asyncio
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from scanhub.backup.bucket import OBJECTS, Sizes, list_bucket, write_objects
from scanhub.backup.lake import Entries, Entry, Objects, copy_lake
from scanhub.backup.moment import Moment, moment_of, sources_of
from scanhub.backup.place import FILES, DatabaseEntry, Manifest, Place, checksums, read_lines
from scanhub.keys_lock import keys_held
from scanhub.settings import InstallationSettings
from scanhub_libraries.clock import utc_now

_MOST_TOLD = 100
_TRIES = 4
Say = Callable[[str], None]


async def make_backup(
    settings: InstallationSettings, place: Place, *, keep: int | None = None, say: Say
) -> Manifest:
    """Make a backup.

    Args:
        settings: What is backed up.
        place: Where to.
        keep: How many backups stay; older ones are removed once this one is whole. None: all.
        say: Told what is being done.

    Raises:
        ScanHubError: It cannot be made.
    """
    with place.writing():
        folder = place.begin(utc_now())
        try:
            manifest = await _Making(settings, place, folder, say).make()
            await asyncio.to_thread(place.finish, folder, manifest)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if keep is not None and (gone := await asyncio.to_thread(place.remove_older, keep)):
            say(f"older backups removed: {', '.join(gone)}")
        return manifest


@dataclass
class _Making:
    settings: InstallationSettings
    place: Place
    folder: Path
    say: Say

    async def make(self) -> Manifest:
        begun_at, known = utc_now(), await asyncio.to_thread(self._known)
        with Objects(self.place) as objects:
            self.say("copying files")
            first = await self._copy(objects, known)
            with keys_held(self.settings.keys_dir):
                in_bucket = await self._list_bucket()
                taken = await self._take(objects, first, in_bucket)
                await asyncio.to_thread(
                    shutil.copytree, self.settings.keys_dir, self.folder / "keys"
                )
            new_files, new_bytes = objects.new_files, objects.new_bytes
        files, missing = taken.files, taken.missing
        await asyncio.to_thread(_write_files, self.folder / FILES, files)
        if self.settings.lake_bucket is not None:
            await asyncio.to_thread(write_objects, self.folder / OBJECTS, taken.in_bucket)
        self.say("computing checksums")
        return Manifest(
            name=self.folder.name.removeprefix(".").removesuffix(".part"),
            version=version("scanhub"),
            begun_at=begun_at,
            taken_at=taken.at,
            ended_at=utc_now(),
            databases=taken.databases,
            checksums=await asyncio.to_thread(checksums, self.folder),
            files=len(files),
            bytes=sum(entry.size for entry in files.values()),
            new_files=new_files,
            new_bytes=new_bytes,
            bucket=self.settings.lake_url,
            bucket_files=len(taken.in_bucket),
            missing=sorted(missing)[:_MOST_TOLD],
            missing_files=len(missing),
        )

    def _known(self) -> dict[str, Entry]:
        """Return what the newest backup has."""
        names = self.place.names()
        if not names:
            return {}
        lines = read_lines(self.place.backups / names[-1] / FILES)
        return {line["path"]: Entry(**line) for line in lines}  # type: ignore[arg-type]  # as written

    async def _copy(self, objects: Objects, known: Entries) -> dict[str, Entry]:
        return await asyncio.to_thread(copy_lake, self.settings.lake_root, objects, known)

    async def _list_bucket(self) -> Sizes:
        return await asyncio.to_thread(list_bucket, self.settings.lake_bucket)

    async def _take(self, objects: Objects, first: Entries, in_bucket: Sizes) -> "_Taken":
        """Take the moment; once more if something is missing that may just have been moved."""
        missing_before: set[str] | None = None
        seen = first
        for tries_left in reversed(range(_TRIES)):
            self.say("copying databases")
            async with moment_of(sources_of(self.settings)) as moment:
                in_bucket |= await self._list_bucket()
                files, missing = await self._whole(moment, objects, seen, in_bucket)
                if not missing or missing == missing_before or not tries_left:
                    databases = await moment.write(self.folder / "databases")
                    return _Taken(files, missing, in_bucket, databases, moment.taken_at)
            missing_before, seen = missing, {**seen, **files}
        raise AssertionError("the last try ends it")

    async def _whole(
        self, moment: Moment, objects: Objects, seen: Entries, in_bucket: Sizes
    ) -> tuple[dict[str, Entry], set[str]]:
        """Return the files of the moment, and what it names that is not there."""
        files = await self._copy(objects, seen)
        folders = {parent for path in files for parent in _parents(path)}
        missing = set()
        async for key in moment.named():
            if key in files or key in folders or key in in_bucket:
                continue
            if key in seen:  # removed since
                files[key] = seen[key]
            else:
                missing.add(key)
        return files, missing


@dataclass(frozen=True)
class _Taken:
    """What there was at the moment of a backup."""

    files: dict[str, Entry]
    missing: set[str]
    in_bucket: Sizes
    databases: list[DatabaseEntry]
    at: datetime


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: number + 1]) for number in range(len(parts))]


def _write_files(path: Path, files: Mapping[str, Entry]) -> None:
    with path.open("x", encoding="utf-8") as target:
        for key in sorted(files):
            target.write(json.dumps(asdict(files[key])) + "\n")
