"""A program in a session of its own: what it says is read, and it is killed in time."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

_CHUNK = 65_536
_GRACE_S = 10.0
_LAST_WORDS_S = 2.0
_MOST_SAID = 65_536


class Log(Protocol):
    """Takes what a program says."""

    def write(self, data: bytes) -> None:
        """Take bytes as they come; must not block for long."""
        ...


Hear = Callable[[bytes], Awaitable[None]]
"""Takes what a program says on its standard output, as it comes."""


async def start(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    folder: Path | None = None,
    *,
    apart: bool = False,
) -> asyncio.subprocess.Process:
    """Start a program in a session of its own.

    Args:
        arguments: The program, and what it is given.
        environment: All variables that it gets.
        folder: Where it runs; none: here.
        apart: Its standard output is a stream of its own; else both streams are one.
    """
    place: dict[str, Any] = {} if folder is None else {"cwd": folder}
    return await asyncio.create_subprocess_exec(
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE if apart else asyncio.subprocess.STDOUT,
        start_new_session=True,
        env=dict(environment),
        **place,
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
    process: asyncio.subprocess.Process,
    cancel: asyncio.Event,
    log: Log,
    timeout_s: float | None,
    hear: Hear | None = None,
) -> Ended:
    """Read what a program says until it ends, is to be stopped, or its time is over.

    A chunk is read when the one before is taken: who says more faster waits, and nothing piles up.
    What it leaves behind may hold its output open: that is not waited for.

    Args:
        process: It was started by `start`.
        cancel: Set: stop it.
        log: Takes what it says.
        timeout_s: How long it may take [s]; none: as long as it likes.
        hear: Takes its standard output instead of the log; what it raises ends the waiting.
    """
    reading = _Reading(process, log, hear)
    ending = asyncio.ensure_future(_ended(process))
    canceling = asyncio.ensure_future(cancel.wait())
    tasks: set[asyncio.Future[Any]] = {reading.task, ending, canceling}
    try:
        in_time = await _first(ending, canceling, reading.task, timeout_s)
        if ending.done():
            kill(process)  # what it leaves behind
            await reading.rest()
            return Ended()
        return Ended(canceled=in_time, timed_out=not in_time)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _first(
    ending: asyncio.Future[Any],
    canceling: asyncio.Future[Any],
    reading: asyncio.Future[Any],
    timeout_s: float | None,
) -> bool:
    """Wait until a program ends or is to be stopped; say whether one came in time."""
    waited_for = {ending, canceling, reading}
    try:
        async with asyncio.timeout(timeout_s):
            while not (ending.done() or canceling.done()):
                done, _ = await asyncio.wait(waited_for, return_when=asyncio.FIRST_COMPLETED)
                if reading in done:
                    reading.result()  # it may have failed
                    waited_for.discard(reading)
    except TimeoutError:
        return ending.done() or canceling.done()
    return True


class _Reading:
    """Reads what a program says."""

    def __init__(self, process: asyncio.subprocess.Process, log: Log, hear: Hear | None) -> None:
        self._log = log
        self._taken = 0
        self._busy = 0
        self.task = asyncio.ensure_future(self._read_all(process, hear or self._write))

    async def rest(self) -> None:
        """Read what is left, unless nothing comes for a while."""
        taken = -1
        while not self.task.done() and (self._busy or taken != self._taken):
            taken = self._taken
            await asyncio.wait({self.task}, timeout=_LAST_WORDS_S)
        if self.task.done():
            self.task.result()

    async def _read_all(self, process: asyncio.subprocess.Process, hear: Hear) -> None:
        both = [
            asyncio.ensure_future(self._read(process.stdout, hear)),
            asyncio.ensure_future(self._read(process.stderr, self._write)),
        ]
        try:
            await asyncio.gather(*both)
        finally:
            for one in both:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async def _read(self, stream: asyncio.StreamReader | None, take: Hear) -> None:
        while stream is not None and (chunk := await stream.read(_CHUNK)):
            self._taken += 1
            self._busy += 1
            try:
                await take(chunk)
            finally:
                self._busy -= 1

    async def _write(self, chunk: bytes) -> None:
        self._log.write(chunk)


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
