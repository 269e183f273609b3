"""Reads Pulseq files beside the event loop: seconds of work, in a process that can be ended."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from scanhub_libraries.errors import UnprocessableError
from scanhub_libraries.models import SequenceFacts

SequenceReader = Callable[[bytes], Awaitable[SequenceFacts]]
_AT_ONCE = 2
_SMALLER = (
    "Try again when less is going on, or split the sequence and repeat shapes instead of writing "
    "them anew."
)


def unreadable(line: int, message: str, section: str = "", remedy: str = "") -> UnprocessableError:
    """Return the error that a sequence file cannot be read: where, why, and what to do."""
    place = f"seq_file, line {line}" if line else "seq_file"
    where = {"line": line} if line else {}
    if section:
        return UnprocessableError(
            f"{place} in {section}: {message}. {remedy}".strip(),
            **{"field": "seq_file", **where, "section": section},
        )
    detail = f"{place}: {message}. {remedy}" if remedy else f"{place}: {message}"
    return UnprocessableError(detail, field="seq_file", **where)


class ReaderProcess:
    """Reads each file in a process of its own, at low priority, for a limited time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def __call__(self, data: bytes) -> SequenceFacts:
        """Return what the file says of itself.

        Raises:
            UnprocessableError: The file cannot be read; with the line where known.
        """
        async with self._places:
            answer = await self._run(data)
        if "facts" not in answer:
            raise unreadable(answer["line"], answer["error"], answer["section"], answer["remedy"])
        return SequenceFacts.model_validate(answer["facts"])

    async def _run(self, data: bytes) -> dict[str, Any]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-I", "-X", "utf8", "-m", "exam_manager.sequences.pulseq"),
            str(max(1, round(self._seconds))),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "Agg"},
        )
        try:
            async with asyncio.timeout(self._seconds):
                output, _ = await process.communicate(data)
        except TimeoutError as error:
            raise unreadable(
                0, f"could not be read within {self._seconds:g} s", remedy=_SMALLER
            ) from error
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode != 0:
            raise unreadable(
                0, "could not be read: it takes too much time or memory", remedy=_SMALLER
            )
        answer: dict[str, Any] = json.loads(output)
        return answer
