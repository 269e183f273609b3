"""What the server needs to make a backup when an administrator asks for it."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from scanhub.settings import InstallationSettings
from scanhub_libraries.models.backup import BackupOut

_SHOWN = set(BackupOut.model_fields)


class RequestedBackups:
    """The backups in the folder of the settings, and the command that makes one."""

    def __init__(self, settings: InstallationSettings, folder: Path) -> None:
        self.folder = folder.resolve()
        self.command: Sequence[str] = [sys.executable, "-m", "scanhub", "backup", "--json"]
        self.environment = {**os.environ, **_variables(settings, self.folder)}

    def list(self) -> list[BackupOut]:
        """Return the whole backups, the oldest first. Blocking."""
        from scanhub.backup.command import told
        from scanhub.backup.place import Place, read_manifest

        place = Place(self.folder)
        manifests = [read_manifest(place.folder(name)) for name in place.names()]
        return [
            BackupOut(**{name: value for name, value in told(one).items() if name in _SHOWN})
            for one in manifests
        ]


def _variables(settings: InstallationSettings, folder: Path) -> dict[str, str]:
    """Return the settings as a process finds them that was started without options."""
    return {
        "SCANHUB_DATA_DIR": str(settings.data_dir.resolve()),
        "SCANHUB_BACKUP_DIR": str(folder),
        **({"SCANHUB_BACKUP_KEEP": str(settings.backup_keep)} if settings.backup_keep else {}),
    }


def requested_backups(settings: InstallationSettings) -> RequestedBackups | None:
    """Return what makes backups by request; None: off, or this process knows not all databases."""
    if settings.backup_dir is None:
        return None
    from scanhub.backup.moment import database_urls

    shared = not any(url.startswith("sqlite") for url in database_urls(settings).values())
    if settings.only is not None and not shared:
        return None
    return RequestedBackups(settings, settings.backup_dir)
