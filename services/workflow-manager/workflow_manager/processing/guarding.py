"""Watches a module while it runs: whether somebody stops it, and what it writes."""

import asyncio
import os
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_LOOK_S = 0.5
_SHARE = 10
"""Looking takes a tenth of the time at most, however many files there are."""


@dataclass(frozen=True, slots=True)
class Written:
    """What is in folders."""

    size: int = 0
    """All files together, as long as they say they are [byte]."""
    files: int = 0
    """Files, folders and links: each takes its place on the disk."""


@dataclass(frozen=True, slots=True)
class OutputLimits:
    """How much a module may write."""

    size: int
    """[byte]"""
    files: int
    free: int
    """No module runs with less free space on the disk [byte]."""


def measure(folders: Sequence[Path], most_files: int) -> Written:
    """Say what is in folders; stops counting above `most_files`. Blocking; follows no link."""
    size = files = 0
    waiting = list(folders)
    while waiting and files <= most_files:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                files += 1
                with suppress(FileNotFoundError):
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(Path(entry))
                    else:
                        size += entry.stat(follow_symlinks=False).st_size
                if files > most_files:
                    break
    return Written(size, files)


def too_much(written: Written, free: int, limits: OutputLimits) -> str:
    """Return which limit is crossed, for a person; empty: none. Pure."""
    if written.size > limits.size:
        return f"It wrote more than {limits.size} bytes (output_bytes)."
    if written.files > limits.files:
        return f"It made more than {limits.files} files (output_files)."
    if free < limits.free:
        return (
            f"The disk has {free} bytes left, and {limits.free} are to stay free "
            "(SCANHUB_WORKFLOW_DICOM_MIN_FREE_BYTES): make room, and try it again."
        )
    return ""


class Guard:
    """Watches one module.

    Args:
        folders: Where it writes, and where it may put what it needs for a while.
        limits: How much.
        cancel: Set when somebody stops the run.
    """

    def __init__(
        self, folders: Sequence[Path], limits: OutputLimits, cancel: asyncio.Event
    ) -> None:
        self._folders, self._limits, self._cancel = folders, limits, cancel
        self._task: asyncio.Task[None] | None = None
        self.stop = asyncio.Event()
        """Set when the module is to be killed, for whatever reason."""
        self._problem = ""

    async def look(self, *, ended_well: bool = False) -> str:
        """Return what is wrong by now; empty: nothing.

        Args:
            ended_well: It is done: the room that is left is of no account any more.
        """
        self._problem = self._problem or await asyncio.to_thread(self._look, ended_well)
        return self._problem

    def _look(self, ended_well: bool) -> str:
        free = self._limits.free if ended_well else shutil.disk_usage(self._folders[0]).free
        return too_much(measure(self._folders, self._limits.files), free, self._limits)

    def start(self) -> None:
        """Begin to watch."""
        self._task = asyncio.create_task(self._watch(), name="module-guard")

    async def end(self) -> None:
        """Watch no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        pause = _LOOK_S
        while not self._cancel.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._cancel.wait()
                    break
            began = time.monotonic()
            if await self.look():
                break
            pause = max(_LOOK_S, _SHARE * (time.monotonic() - began))
        self.stop.set()
