"""Programs that are started for a module: what they say is read, and they are killed in time."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workflow_manager.modules.runner import Log

_CHUNK = 65_536
_GRACE_S = 10.0
_LAST_WORDS_S = 2.0
_MOST_SAID = 65_536


async def start(
    arguments: Sequence[str], environment: Mapping[str, str], folder: Path | None = None
) -> asyncio.subprocess.Process:
    """Start a program in a session of its own; what it says on both streams is one stream."""
    return await asyncio.create_subprocess_exec(
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        env=dict(environment),
        cwd=folder,
    )


def kill(process: asyncio.subprocess.Process) -> None:
    """Kill a program with all that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


class Ended:
    """Why waiting for a program ended."""

    def __init__(self, *, canceled: bool = False, timed_out: bool = False) -> None:
        self.canceled, self.timed_out = canceled, timed_out

    @property
    def by_itself(self) -> bool:
        """Nobody stopped it."""
        return not (self.canceled or self.timed_out)


async def follow(
    process: asyncio.subprocess.Process, cancel: asyncio.Event, log: Log, timeout_s: float
) -> Ended:
    """Read what a program says until it says no more, is to be stopped, or its time is over.

    A chunk is read when the one before is written: who prints faster waits, and nothing piles up.
    What it leaves behind may hold its output open: that is not waited for.
    """
    reading = asyncio.ensure_future(_read(process, log))
    ending = asyncio.ensure_future(_ended(process))
    canceling = asyncio.ensure_future(cancel.wait())
    tasks: set[asyncio.Future[Any]] = {reading, ending, canceling}
    try:
        await asyncio.wait(
            {ending, canceling}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
        )
        if not ending.done():
            return Ended(canceled=cancel.is_set(), timed_out=not cancel.is_set())
        await asyncio.wait({reading}, timeout=_LAST_WORDS_S)
        return Ended()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Wait for the end of the program itself; `wait` waits also for what holds its output open."""
    if not hasattr(os, "pidfd_open"):
        await process.wait()
        return
    try:
        place = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(place, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(place)
        os.close(place)


async def _read(process: asyncio.subprocess.Process, log: Log) -> None:
    if process.stdout is None:
        return
    while chunk := await process.stdout.read(_CHUNK):
        log.write(chunk)


async def reap(process: asyncio.subprocess.Process) -> int | None:
    """Kill what is left of a program and return its exit code; None: it does not end."""
    kill(process)
    try:
        async with asyncio.timeout(_GRACE_S):
            return await process.wait()
    except TimeoutError:
        return None
    finally:
        if process.stdin is not None:
            process.stdin.close()


class _Said:
    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data = (self.data + data)[:_MOST_SAID]


async def ask(
    arguments: Sequence[str], environment: Mapping[str, str], timeout_s: float = 60.0
) -> tuple[int, str]:
    """Run a short program; return its exit code and what it says.

    A program that is not there, or takes longer than `timeout_s` [s], has the exit code -1.
    """
    said = _Said()
    try:
        process = await start(arguments, environment)
    except OSError as error:
        return -1, f"{arguments[0]}: {error.strerror}"
    try:
        if process.stdin is not None:
            process.stdin.close()
        ended = await follow(process, asyncio.Event(), said, timeout_s)
        code = await reap(process)
        code = code if ended.by_itself else None
    finally:
        kill(process)
    if code is None:
        return -1, f"{arguments[0]} gave no answer within {timeout_s:g} s."
    return code, said.data.decode(errors="replace").strip()
