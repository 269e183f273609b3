"""Answers what is drawn of a sequence, from a file beside it that is made when it is missing."""

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from exam_manager.sequences.plot.array_file import Array, NotAnArrayFileError, unpack
from scanhub_libraries.errors import UnavailableError, UnprocessableError
from scanhub_libraries.lake import Lake
from scanhub_libraries.logging import get_logger
from scanhub_libraries.threads import to_the_end

logger = get_logger(__name__)
PATIENCE_S = 5.0
"""So long a request waits for a plot that is not ready."""
RETRY_AFTER_S = 2
_AT_ONCE = 2
_PIECE = 2**20
Tables = tuple[dict[str, Array], dict[str, Any]]


class Plotter:
    """Makes the files for plots, each in a process of its own, and opens them.

    Whoever asks for a file that is being made waits for it: it is made once.
    """

    def __init__(self, lake: Lake, seconds: float, patience_seconds: float = PATIENCE_S) -> None:
        self._lake = lake
        self._seconds = seconds
        self._patience_seconds = patience_seconds
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._making: dict[str, asyncio.Task[None]] = {}
        self._given_up: dict[str, str] = {}
        """Why: what took too long once would again, until the service starts anew."""

    async def open(self, key: str, seq_key: str) -> Tables:
        """Return the tables of a sequence; nothing but their headers is read.

        Args:
            key: Where the file for plots lies, or will lie.
            seq_key: Where the Pulseq file lies.

        Raises:
            UnavailableError: It is not ready yet, and goes on being made: ask again.
            UnprocessableError: The sequence cannot be plotted.
        """
        tables = await asyncio.to_thread(self._find, key)
        if tables is None:
            if key in self._given_up:
                raise UnprocessableError(self._given_up[key])
            await self._wait(self.make(key, seq_key))
            tables = await asyncio.to_thread(unpack, self._lake.path(key))
        reason = tables[1].get("error")
        if reason is not None:
            raise UnprocessableError(f"The sequence cannot be plotted: {reason}.")
        return tables

    async def _wait(self, making: asyncio.Task[None]) -> None:
        """Wait a while for what others may wait for too, and which goes on without any of them."""
        await asyncio.wait({making}, timeout=self._patience_seconds)
        if not making.done():
            raise UnavailableError(
                "The plot is being made, which takes a while for a long sequence: ask again.",
                retry_after=RETRY_AFTER_S,
            )
        if making.cancelled():
            raise UnavailableError("The plot was given up: ask again.", retry_after=RETRY_AFTER_S)
        making.result()

    def _find(self, key: str) -> Tables | None:
        if not self._lake.exists(key):
            return None
        try:
            return unpack(self._lake.path(key))
        except NotAnArrayFileError:
            return None

    def make(self, key: str, seq_key: str) -> asyncio.Task[None]:
        """Make the file, unless that is under way; return what to wait for."""
        task = self._making.get(key)
        if task is None:
            task = asyncio.create_task(self._make(key, seq_key))
            self._making[key] = task
            task.add_done_callback(lambda done: self._made(key, done))
        return task

    def _made(self, key: str, task: asyncio.Task[None]) -> None:
        del self._making[key]
        if task.cancelled() or (error := task.exception()) is None:
            return
        logger.warning("no file for plots", key=key, reason=str(error))
        if isinstance(error, UnprocessableError):
            self._given_up[key] = error.detail

    @property
    def busy(self) -> bool:
        """Say whether files are being made."""
        return bool(self._making)

    async def forget(self, key: str) -> None:
        """End the making of a file whose sequence is gone."""
        self._given_up.pop(key, None)
        task = self._making.get(key)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def stop(self) -> None:
        """End what is under way; it is made when it is asked for again."""
        tasks = list(self._making.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _make(self, key: str, seq_key: str) -> None:
        source = self._lake.path(seq_key)
        async with self._places:
            process = await _started(source, self._seconds)
            try:
                async with asyncio.timeout(self._seconds), self._lake.writer(key) as part:
                    while piece := await _output(process).read(_PIECE):
                        await part.write(piece)
                    if await process.wait() != 0:
                        raise UnprocessableError(
                            "The sequence cannot be plotted: it takes too much time or memory. "
                            "Upload it in parts."
                        )
                    await part.commit()
            except TimeoutError as error:
                raise UnprocessableError(
                    f"The sequence cannot be plotted within {self._seconds:g} s. Upload it in "
                    "parts, or ask the administrator for more time."
                ) from error
            finally:
                if process.returncode is None:
                    with suppress(ProcessLookupError):
                        process.kill()
                    await process.wait()


async def _started(source: Path, seconds: float) -> asyncio.subprocess.Process:
    file = await to_the_end(source.open, "rb", discard=lambda opened: opened.close())
    try:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-I", "-X", "utf8", "-m", "exam_manager.sequences.plot.program"),
            str(max(1, round(seconds))),
            stdin=file,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_PIECE,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
    finally:
        file.close()


def _output(process: asyncio.subprocess.Process) -> asyncio.StreamReader:
    if process.stdout is None:
        raise RuntimeError("the process was started without a pipe")
    return process.stdout
