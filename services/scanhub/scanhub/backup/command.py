"""`scanhub backup` and `scanhub restore`, as a person or the server calls them."""

import json as json_text
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.console import Console

from scanhub.backup.make import make_backup
from scanhub.backup.place import BackupError, Manifest, Place, read_manifest
from scanhub.backup.restore import restore
from scanhub.backup.verify import verify
from scanhub.settings import InstallationSettings

_NICE = 10
"""A backup gives way to a scan."""
_MIB = 1 << 20


class Command:
    """The commands about backups of an installation.

    Args:
        settings: The installation.
        folder: The folder of backups; None: as the settings say.
        console: Where to tell.
        json: Tell in JSON, an object a line.

    Raises:
        BackupError: Nobody says where the backups are.
    """

    def __init__(
        self,
        settings: InstallationSettings,
        folder: Path | None,
        console: Console,
        *,
        json: bool = False,
    ) -> None:
        found = folder or settings.backup_dir
        if found is None:
            raise BackupError("Where are the backups? Name the folder, or set SCANHUB_BACKUP_DIR.")
        self._settings, self._console, self._json = settings, console, json
        self._place = Place(found)

    async def make(self, keep: int | None) -> bool:
        """Make a backup; returns True."""
        with suppress(OSError):
            os.nice(_NICE)
        keep = keep or self._settings.backup_keep
        manifest = await make_backup(
            self._settings, self._place, keep=keep, say=lambda text: self._tell(text, step=text)
        )
        self._tell(_summary(manifest), backup=told(manifest))
        if manifest.missing_files:
            self._tell(
                f"{manifest.missing_files} files that the databases name are not in the lake, as "
                f"{manifest.missing[0]}; the rest is whole."
            )
        return True

    def verify(self, name: str) -> bool:
        """Read a backup and say what is wrong with it; returns whether it is good."""
        good = True
        for wrong in verify(self._place, name):
            good = False
            self._tell(wrong, wrong=wrong)
        found = read_manifest(self._place.folder(name)).name
        self._tell(f"{found} is {'good' if good else 'damaged'}.", name=found, good=good)
        return good

    def list(self) -> bool:
        """Say which backups are there; returns True."""
        for name in self._place.names():
            manifest = read_manifest(self._place.folder(name))
            self._tell(_summary(manifest), backup=told(manifest))
        return True

    async def restore(self, name: str) -> None:
        """Restore a backup."""
        manifest = await restore(self._settings, self._place, name, say=self._tell)
        self._tell(
            f"{manifest.name} is restored, as things were at {manifest.taken_at:%Y-%m-%d %H:%M:%S} "
            "UTC. Start the server."
        )

    def _tell(self, text: str, **document: Any) -> None:
        if not self._json:
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)
        elif document:
            self._console.file.write(json_text.dumps(document) + "\n")
            self._console.file.flush()


def told(manifest: Manifest) -> dict[str, Any]:
    """Return of a backup what people want to know."""
    return manifest.model_dump(mode="json", exclude={"checksums", "format"})


def _summary(manifest: Manifest) -> str:
    return (
        f"{manifest.name}: {manifest.files} files, {manifest.bytes / _MIB:.1f} MiB, of these new "
        f"{manifest.new_files} with {manifest.new_bytes / _MIB:.1f} MiB; version {manifest.version}"
    )
