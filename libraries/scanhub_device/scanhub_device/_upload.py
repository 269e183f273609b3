"""Files to the server: announced, sent in frames, confirmed by the server, else sent again."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from scanhub_device._link import Link
from scanhub_device.errors import LinkLostError, UploadError
from scanhub_device.messages import Feedback, FileTransfer
from scanhub_device.settings import ClientSettings

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UploadReceipt:
    """The server has stored the file."""

    filename: str
    sha256: str
    size_bytes: int
    result_id: str | None


class Uploads:
    """Sends one file at a time: the binary frames of two files cannot be told apart."""

    def __init__(self, link: Link, settings: ClientSettings) -> None:
        self._link = link
        self._settings = settings
        self._turn = asyncio.Lock()
        self._open: tuple[FileTransfer, asyncio.Future[Feedback]] | None = None

    async def upload(self, path: Path, header: FileTransfer) -> UploadReceipt:
        """Send until the server confirms; a lost link does not count as a failure.

        Raises:
            UploadError: the server refused the file at the first try and at every retry.
        """
        delays = iter(self._settings.upload_retry_delays_s)
        async with self._turn:
            while True:
                await self._link.wait_up()
                try:
                    verdict = await self._transfer(path, header)
                except LinkLostError:
                    _logger.warning("link lost while sending %s, waiting for it", header.filename)
                    await asyncio.sleep(0.05)
                    continue
                if _is_stored(verdict):
                    return UploadReceipt(
                        header.filename, header.sha256, header.size_bytes, verdict.result_id
                    )
                delay = next(delays, None)
                if delay is None:
                    raise UploadError(f"upload of {header.filename} failed: {verdict.message}")
                _logger.warning("%s not stored: %s", header.filename, verdict.message)
                await asyncio.sleep(delay)

    def take_feedback(self, feedback: Feedback) -> bool:
        """Say whether this is the verdict on the file in flight."""
        if self._open is None:
            return False
        header, verdict = self._open
        # version 1 names the file in the text only
        named = feedback.filename or (
            header.filename if header.filename in feedback.message else None
        )
        if named != header.filename or feedback.task_id not in (None, header.task_id):
            return False
        if not verdict.done():
            verdict.set_result(feedback)
        return True

    def link_lost(self) -> None:
        """Nobody will answer on this link any more."""
        if self._open is not None and not self._open[1].done():
            self._open[1].set_exception(LinkLostError("the link broke"))

    async def _transfer(self, path: Path, header: FileTransfer) -> Feedback:
        with self._awaited_verdict(header) as verdict:
            await self._link.send(header)
            async with aclosing(_chunks(path, self._settings.chunk_bytes)) as chunks:
                async for chunk in chunks:
                    if verdict.done():  # refused before the end: the rest is of no use
                        break
                    await self._link.send_bytes(chunk)
            try:
                return await asyncio.wait_for(verdict, self._settings.upload_answer_timeout_s)
            except TimeoutError:
                return Feedback(command="feedback", message="the server did not answer", ok=False)

    @contextmanager
    def _awaited_verdict(self, header: FileTransfer) -> Iterator[asyncio.Future[Feedback]]:
        verdict: asyncio.Future[Feedback] = asyncio.get_running_loop().create_future()
        self._open = (header, verdict)
        try:
            yield verdict
        finally:
            self._open = None
            # an error that nobody waits for any more is no news
            if not verdict.cancel() and not verdict.cancelled():
                verdict.exception()


async def fingerprint(path: Path) -> tuple[int, str]:
    """Size [byte] and SHA-256 of a file, without holding up the event loop."""
    return await asyncio.to_thread(_fingerprint, path)


def _fingerprint(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest


def _is_stored(verdict: Feedback) -> bool:
    if verdict.ok is not None:
        return verdict.ok
    return verdict.result_id is not None or "saved" in verdict.message


async def _chunks(path: Path, size: int) -> AsyncGenerator[bytes]:
    """Read ahead by one chunk, so that disk and network work at the same time."""
    file = await asyncio.to_thread(path.open, "rb", 0)
    try:
        ahead = asyncio.create_task(asyncio.to_thread(file.read, size))
        while chunk := await ahead:
            ahead = asyncio.create_task(asyncio.to_thread(file.read, size))
            yield chunk
    finally:
        await asyncio.wait({ahead})
        file.close()
