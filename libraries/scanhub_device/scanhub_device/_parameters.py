"""The parameters of the device as the server has them, kept where the device wants."""

import asyncio
import json
import logging
import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

_logger = logging.getLogger(__name__)


class _Kept(BaseModel):
    """What is in the file."""

    model_config = ConfigDict(extra="ignore")

    parameter: dict[str, Any]
    version: int | None = None


class Parameters:
    """The newest parameters and their version; None: the server has not told one.

    Args:
        own: what the scanner says of itself, which holds until the server says otherwise.
        file: where they outlive the program; None: nowhere.
    """

    def __init__(self, own: dict[str, Any], file: Path | None = None) -> None:
        self.parameter = dict(own)
        self.version: int | None = None
        self._file = file
        self._turn = asyncio.Lock()
        if file is not None and file.exists():
            try:
                kept = _Kept.model_validate_json(file.read_bytes())
            except (OSError, ValidationError) as error:
                _logger.warning("%s is not used: %s", file, error)
            else:
                self.parameter, self.version = kept.parameter, kept.version

    def take(self, parameter: dict[str, Any], version: int | None) -> None:
        """Take new parameters; `save` them next."""
        self.parameter, self.version = dict(parameter), version

    async def save(self) -> None:
        """Return when the parameters are on the disk."""
        if self._file is None:
            return
        async with self._turn:  # the newest are written last
            kept = {"parameter": self.parameter, "version": self.version}
            await asyncio.to_thread(write_durably, self._file, json.dumps(kept, indent=2))


def write_durably(path: Path, text: str) -> None:
    """Write a file so that after a crash there is the old one or the new one, whole."""
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make names in a folder outlive a crash of the computer."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
