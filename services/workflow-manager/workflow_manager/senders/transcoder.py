"""Transcodes for a target that asks for it, in a process of its own. Blocking."""

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Container, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from workflow_manager.senders.encodings import choices, name_of, why_none

_PATIENCE_S = 300.0
"""How long an image may take [s]."""
_LOOK_S = 0.5
_LONGEST_ANSWER = 65_536


class TranscodeError(Exception):
    """An image is not transcoded; the text says why, for a person."""


class NoPixelsError(Exception):
    """There are no pixels: it goes as it is."""


@dataclass
class Transcoding:
    """What all who send share: so many processes, and memory for an image of so many bytes."""

    most_bytes: int = 512 * 2**20
    at_once: int = 2
    slots: threading.BoundedSemaphore = field(init=False)

    def __post_init__(self) -> None:
        self.slots = threading.BoundedSemaphore(self.at_once)


class Transcoder:
    """Transcodes the images of one shipment, one after the other.

    The process begins with the first that needs it. Each result is there until the next one.

    Args:
        transcoding: Places and limits.
        stop: Somebody wants it to end.
    """

    def __init__(self, transcoding: Transcoding, stop: threading.Event) -> None:
        self._transcoding = transcoding
        self._stop = stop
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = ""
        self._has_slot = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process, if there is one, and leave the place to another."""
        self._end()
        if self._has_slot:
            self._transcoding.slots.release()
            self._has_slot = False

    def wanted_file(
        self, source: Path, stored: str, wanted: Sequence[str], accepted: Container[str]
    ) -> tuple[Path, str]:
        """Return a file with the image in the first transfer syntax that can be made, and which.

        Not every image can be encoded in every way: JPEG 2000 wants 32 pixels each way, say.

        Args:
            source: The file.
            stored: Its transfer syntax.
            wanted: What its target wants.
            accepted: What its target takes.

        Raises:
            TranscodeError: None can be made; the reason is that of the last.
            NoPixelsError: It has no pixels.
        """
        reason = why_none(stored, wanted)
        for syntax in choices(stored, wanted, accepted):
            if syntax == stored:
                return source, stored
            try:
                return self.transcode(source, syntax), syntax
            except TranscodeError as error:
                reason = str(error)
        raise TranscodeError(reason)

    def transcode(self, source: Path, syntax: str) -> Path:
        """Return a file with the same image in another transfer syntax.

        Raises:
            TranscodeError: It cannot be done without loss, or not at all.
            NoPixelsError: It has no pixels.
        """
        name = name_of(syntax)
        self._take_slot()
        answer = self._ask({"source": str(source), "syntax": syntax})
        if answer is None:
            self._end()
            stopped = "It was not sent: sending was stopped."
            ended = f"It is not transcoded to {name}: the program that does it came to no good end."
            raise TranscodeError(stopped if self._stop.is_set() else ended)
        if answer.get("as_it_is"):
            raise NoPixelsError
        if "path" not in answer:
            raise TranscodeError(f"It is not transcoded to {name}: {answer['problem']}")
        return Path(answer["path"])

    def _take_slot(self) -> None:
        while not self._has_slot:
            if self._stop.is_set():
                raise TranscodeError("It was not sent: sending was stopped.")
            self._has_slot = self._transcoding.slots.acquire(timeout=_LOOK_S)

    def _ask(self, question: dict[str, Any]) -> dict[str, Any] | None:
        """Return the answer; None: the process died, took too long, or is to stop."""
        process = self._process = self._process or self._start()
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a process without pipes")
        with suppress(BrokenPipeError):
            process.stdin.write(f"{json.dumps(question)}\n".encode())
            process.stdin.flush()
        poll = select.poll()
        poll.register(process.stdout, select.POLLIN)
        line, deadline = b"", time.monotonic() + _PATIENCE_S
        while not line.endswith(b"\n"):
            if self._stop.is_set() or time.monotonic() > deadline:
                return None
            if poll.poll(_LOOK_S * 1000):
                data = os.read(process.stdout.fileno(), _LONGEST_ANSWER)
                if not data:
                    return None
                line += data
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _start(self) -> subprocess.Popen[bytes]:
        self._folder = tempfile.mkdtemp(prefix="scanhub-transcode-")  # mode 0700
        return subprocess.Popen(  # noqa: S603 - our own program
            [
                *(sys.executable, "-m", "workflow_manager.senders.transcode_process"),
                *(self._folder, str(self._transcoding.most_bytes)),
            ],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def _end(self) -> None:
        """End the process: kindly if it only waits, else at once."""
        process, self._process = self._process, None
        if process is None:
            return
        with process:
            if process.stdin is not None:
                process.stdin.close()  # what it waits for
            try:
                process.wait(_LOOK_S)
            except subprocess.TimeoutExpired:
                process.kill()
        shutil.rmtree(self._folder, ignore_errors=True)  # it does so itself, unless it was killed
