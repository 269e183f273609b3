"""Jobs: programs that say with lines of JSON how far they are and what they made.

The lines are on standard output. Whatever else they say, on either stream, is their log.
"""

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workflow_manager.programs.child import Log
from workflow_manager.programs.supervised import End, Limits, Supervised, run

OnProgress = Callable[[int, str], Awaitable[None]]
OnPreview = Callable[[dict[str, Any]], Awaitable[None]]
_TAIL = 8192
_LONGEST_LINE = 1 << 20
_LONGEST_MESSAGE = 500
_ALL = 100
_NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a job works that others wrote, and how it is told to stop before it is killed."""

    home: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    """Beside those that every program gets."""
    ask_to_stop: Callable[[], Awaitable[None]] | None = None


_HERE = Place()


@dataclass(slots=True)
class JobEnd:
    """How a job ended."""

    exit_code: int
    canceled: bool = False
    timed_out: bool = False
    last: dict[str, Any] = field(default_factory=dict)
    """Its last line: a result or an error."""
    log_tail: str = ""

    @property
    def input_at_fault(self) -> bool:
        """Trying it again is no use."""
        return self.last.get("event") == "error" and bool(self.last.get("input_at_fault"))

    @property
    def failure(self) -> str | None:
        """Why the job failed, for a person to read; None when it did not."""
        if self.timed_out:
            return "The job was killed: it took longer than it may."
        if self.exit_code == 0 and self.last.get("event") == "result":
            return None
        if self.last.get("event") == "error":
            return str(self.last.get("detail", "The job gave no reason."))
        last_words = self.log_tail.strip().splitlines()[-1:] or ["it said nothing"]
        if self.exit_code == -signal.SIGKILL:
            return "The job was killed by the system, most likely because memory ran out."
        return f"The job ended with code {self.exit_code}: {last_words[0][:_LONGEST_MESSAGE]}"


async def _ignore(*_: Any) -> None:
    """Nobody wants to know."""


async def run_job(
    module: str,
    arguments: Sequence[str],
    cancel: asyncio.Event,
    on_progress: OnProgress = _ignore,
    on_preview: OnPreview = _ignore,
    *,
    log: Log | None = None,
    limits: Limits = _NO_LIMITS,
    place: Place = _HERE,
) -> JobEnd:
    """Run a job module to its end, or kill it when `cancel` is set or this task is cancelled."""
    tail = _Tail(log)
    lines = _Lines(tail, on_progress, on_preview)
    home = {} if place.home is None else {"HOME": str(place.home), "TMPDIR": str(place.home)}
    variables = {**home, **place.variables}
    work = Supervised(module, arguments, variables=variables, folder=place.home, limits=limits)
    end: End = await run(work, cancel, tail, lines.hear, ask_to_stop=place.ask_to_stop)
    await lines.end()
    return JobEnd(end.exit_code, end.canceled, end.timed_out, lines.last, tail.text)


class _Tail:
    """Keeps the end of a log, and hands all of it on."""

    def __init__(self, log: Log | None) -> None:
        self._log, self._data = log, b""

    def write(self, data: bytes) -> None:
        self._data = (self._data + data)[-_TAIL:]
        if self._log is not None:
            self._log.write(data)

    @property
    def text(self) -> str:
        return self._data.decode(errors="replace")


class _Lines:
    """Takes what a job says on its standard output apart."""

    def __init__(self, log: Log, on_progress: OnProgress, on_preview: OnPreview) -> None:
        self._log, self._on_progress, self._on_preview = log, on_progress, on_preview
        self._rest = b""
        self.last: dict[str, Any] = {}

    async def hear(self, chunk: bytes) -> None:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            await self._take(line + b"\n")
        if len(self._rest) > _LONGEST_LINE:
            self._log.write(self._rest)
            self._rest = b""

    async def end(self) -> None:
        """Take the last line, should it not have ended."""
        if self._rest:
            await self._take(self._rest)

    async def _take(self, raw: bytes) -> None:
        try:
            line = json.loads(raw)
        except ValueError:
            line = None
        if not isinstance(line, dict) or "event" not in line:
            self._log.write(raw)  # a library that prints
        elif line["event"] == "progress":
            await self._progress(line)
        elif line["event"] == "preview":
            await self._on_preview(line)
        else:
            self.last = line

    async def _progress(self, line: dict[str, Any]) -> None:
        percent, message = line.get("percent", 0), str(line.get("message", ""))[:_LONGEST_MESSAGE]
        if not isinstance(percent, int) or not 0 <= percent <= _ALL:
            return
        self._log.write(f"{percent} % {message}\n".encode())
        await self._on_progress(percent, message)
