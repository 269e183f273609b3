"""A folder of this host: each file appears whole, `.complete` appears last."""

import asyncio
import os
import secrets
import shutil
from collections.abc import Sequence
from concurrent.futures import Executor
from fnmatch import fnmatchcase
from pathlib import Path

from scanhub_libraries.models import TargetStep
from scanhub_libraries.models.target import FolderTarget
from workflow_manager.senders.port import Item, Pace, SendReport, Shipment

COMPLETE = ".complete"
PART = ".part"


class FolderSender:
    """Copies into `<folder>/<id of the dispatch>/`."""

    whole = False

    def __init__(self, target: FolderTarget, pace: Pace, threads: Executor) -> None:
        self._root = Path(target.folder)
        self._filter = target.file_filter
        self._pace = pace
        self._threads = threads

    async def send(self, shipment: Shipment, report: SendReport) -> None:
        """Copy what is not there yet."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, self._copy_all, shipment, report)

    async def test(self) -> list[TargetStep]:
        """Look at the folder, and write a file into it."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._try)

    def _copy_all(self, shipment: Shipment, report: SendReport) -> None:
        folder = self._root / str(shipment.id)
        try:
            if not self._root.is_dir():  # never made: it may be a mount that is away
                report.fail_rest(shipment.items, f"There is no folder {self._root}.")
                return
            folder.mkdir(exist_ok=True)
            (folder / COMPLETE).unlink(missing_ok=True)
        except OSError as error:
            report.fail_rest(shipment.items, why(error, self._root))
            return
        for item in wanted(shipment.items, self._filter, report):
            if report.stop.is_set():
                return
            try:
                self._pace.wait_in_thread(item.path.stat().st_size, report.stop)
                copy_whole(item.path, folder / item.name)
            except OSError as error:
                report.failed[item.sop_instance_uid] = why(error, self._root)
            else:
                report.sent.append(item.sop_instance_uid)
        if not report.failed:
            _finish(folder, shipment.items, report, self._root)

    def _try(self) -> list[TargetStep]:
        if not self._root.is_dir():
            return [TargetStep(name="folder", ok=False, detail=f"There is no folder {self._root}.")]
        steps = [TargetStep(name="folder", ok=True, detail=f"{self._root} is there.")]
        file = self._root / f".scanhub-test-{secrets.token_hex(8)}"
        try:
            file.touch(exist_ok=False)
            file.unlink()
        except OSError as error:
            return [*steps, TargetStep(name="write", ok=False, detail=why(error, self._root))]
        return [*steps, TargetStep(name="write", ok=True, detail="Files can be written there.")]


def wanted(items: Sequence[Item], patterns: Sequence[str], report: SendReport) -> list[Item]:
    """Return what is to be sent; what a filter leaves out counts as sent."""
    chosen: list[Item] = []
    for item in items:
        if any(fnmatchcase(item.name, pattern) for pattern in patterns):
            report.sent.append(item.sop_instance_uid)
        else:
            chosen.append(item)
    return chosen


def why(error: OSError, folder: Path) -> str:
    """Tell what is wrong with a folder, for a person."""
    return f"{folder} cannot be written: {error.strerror or error}."


def copy_whole(source: Path, target: Path) -> None:
    """Copy a file so that it appears whole, synced; what is there whole is left as it is."""
    if target.exists() and target.stat().st_size == source.stat().st_size:
        return  # an attempt that was cut short had it there: it was renamed, so it is whole
    part = target.with_name(f".{target.name}{PART}")
    try:
        with source.open("rb") as read, part.open("wb") as write:
            shutil.copyfileobj(read, write, 1 << 20)
            write.flush()
            os.fsync(write.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _finish(folder: Path, items: Sequence[Item], report: SendReport, root: Path) -> None:
    """Say that all is there; without that word it does not count as sent."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        (folder / COMPLETE).touch()
    except OSError as error:
        report.sent.clear()
        report.fail_rest(items, why(error, root))
