"""A job runs as a process of its own: it cannot block the service, and it dies with it.

The job speaks JSON lines on standard output. It has its own session, so that stopping it stops
whatever it started, and it ends when this process dies, also by kill -9.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

OnProgress = Callable[[int, str], Awaitable[None]]
OnPreview = Callable[[dict[str, Any]], Awaitable[None]]
_STDERR_TAIL = 8192
_LINE_LIMIT = 1 << 20
_GRACE_S = 2.0


@dataclass(slots=True)
class JobEnd:
    """How a job ended."""

    exit_code: int
    canceled: bool = False
    last: dict[str, Any] = field(default_factory=dict)
    stderr_tail: str = ""

    @property
    def failure(self) -> str | None:
        """Why the job failed, for a person to read; None when it did not."""
        if self.exit_code == 0 and self.last.get("event") == "result":
            return None
        if self.last.get("event") == "error":
            return str(self.last.get("detail", "The job gave no reason."))
        last_words = self.stderr_tail.strip().splitlines()[-1:] or ["it said nothing"]
        if self.exit_code == -signal.SIGKILL:
            return "The job was killed by the system, most likely because memory ran out."
        return f"The job ended with code {self.exit_code}: {last_words[0][:500]}"


async def _ignore(*_: Any) -> None:
    """Nobody wants to know."""


async def run_job(
    module: str,
    arguments: list[str],
    cancel: asyncio.Event,
    on_progress: OnProgress = _ignore,
    on_preview: OnPreview = _ignore,
) -> JobEnd:
    """Run a job module to its end, or kill it when `cancel` is set or this task is cancelled."""
    process = await _start(module, arguments)
    end = JobEnd(exit_code=-1)
    reading = asyncio.gather(
        _read_lines(process, end, on_progress, on_preview), _read_stderr(process, end)
    )
    canceling = asyncio.ensure_future(cancel.wait())
    both: set[asyncio.Future[Any]] = {reading, canceling}
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        end.canceled = cancel.is_set() and not reading.done()
        if end.canceled:
            _kill(process)
        await reading
        end.exit_code = await process.wait()
    finally:
        canceling.cancel()
        _kill(process)
        if not reading.done():
            reading.cancel()
        with contextlib.suppress(asyncio.CancelledError, TimeoutError):
            async with asyncio.timeout(_GRACE_S):
                await process.wait()
        _close(process)
    return end


async def _start(module: str, arguments: list[str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "scanhub_jobs.supervised",
        str(os.getpid()),
        module,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        limit=_LINE_LIMIT,
    )


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _close(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()


async def _read_lines(
    process: asyncio.subprocess.Process,
    end: JobEnd,
    on_progress: OnProgress,
    on_preview: OnPreview,
) -> None:
    if process.stdout is None:
        return
    async for raw in process.stdout:
        try:
            line = json.loads(raw)
        except ValueError:
            continue  # a library that prints; not ours to judge
        if not isinstance(line, dict):
            continue
        if line.get("event") == "progress":
            percent = line.get("percent", 0)
            if isinstance(percent, int) and 0 <= percent <= 100:  # noqa: PLR2004 - percent
                await on_progress(percent, str(line.get("message", ""))[:500])
        elif line.get("event") == "preview":
            await on_preview(line)
        else:
            end.last = line


async def _read_stderr(process: asyncio.subprocess.Process, end: JobEnd) -> None:
    if process.stderr is None:
        return
    tail = b""
    while chunk := await process.stderr.read(65536):
        tail = (tail + chunk)[-_STDERR_TAIL:]
    end.stderr_tail = tail.decode(errors="replace")
