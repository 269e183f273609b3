"""The program rsync, as both ways of sending with it use it: arguments, never a shell line."""

import asyncio
import os
import shutil
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from workflow_manager.senders.port import Item

_LONGEST_ANSWER = 65_536


class RsyncError(Exception):
    """rsync cannot be run, or it failed; the text says why."""


async def run(
    rsync: str, arguments: list[str], environment: dict[str, str], stop: threading.Event
) -> None:
    """Run rsync to its end, or until it is to stop.

    Args:
        rsync: Path of the program.
        arguments: Its arguments; no shell reads them.
        environment: All that it has of it.
        stop: Somebody wants it to end.

    Raises:
        RsyncError: It failed.
    """
    process = await asyncio.create_subprocess_exec(
        rsync,
        *arguments,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    reading = asyncio.create_task(_tail(process))
    try:
        while process.returncode is None and not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(process.wait()), 0.5)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    said = await reading
    if process.returncode and not stop.is_set():
        raise RsyncError(f"rsync ended with {process.returncode}: {said}")


def programs(*names: str) -> list[str]:
    """Return the paths of programs.

    Raises:
        RsyncError: One of them is missing.
    """
    found = [shutil.which(name) for name in names]
    if None in found:
        wanted = " and ".join(names)
        raise RsyncError(f"This host needs {wanted}: install what is missing, then retry.")
    return [path for path in found if path is not None]


def options(*, timeout_s: float, bytes_per_s: int | None) -> list[str]:
    """Return how files are brought: whole, readable for the group, no faster than is wanted."""
    return [
        *("--recursive", "--times", "--compress", "--copy-links", "--chmod=F660"),
        *("--partial-dir=.scanhub-part", f"--timeout={int(timeout_s) + 1}"),
        *([f"--bwlimit={max(1, bytes_per_s // 1024)}"] if bytes_per_s is not None else []),
    ]


def environment() -> dict[str, str]:
    """Return what a program needs of ours, and no more."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}


def link(items: Sequence[Item], folder: Path) -> None:
    """Make a folder in which files have the names that they are delivered by."""
    folder.mkdir()
    for item in items:
        (folder / item.name).symlink_to(item.path.absolute())


def write(path: Path, text: str, mode: int = 0o600) -> None:
    """Write what only we may read."""
    path.touch(mode=mode)
    path.write_text(text)


def bracketed(host: str) -> str:
    """Return a host as rsync takes it."""
    return f"[{host}]" if ":" in host else host


async def _tail(process: asyncio.subprocess.Process) -> str:
    """Return the last line that it said."""
    said = b""
    while process.stderr is not None and (chunk := await process.stderr.read(4096)):
        said = (said + chunk)[-_LONGEST_ANSWER:]
    lines = said.decode(errors="replace").strip().splitlines()
    errors = [line for line in lines if not line.startswith("rsync error: ")]
    return (errors or lines or ["no reason given"])[-1][:300]
