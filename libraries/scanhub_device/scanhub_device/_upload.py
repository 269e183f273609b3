"""Files to the server: announced, sent in frames, confirmed by the server, else sent again."""

import asyncio
import http.client
import logging
import ssl as ssl_module
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from random import SystemRandom

from scanhub_device._connections import Connections
from scanhub_device._endings import CERTIFICATE_PROBLEM
from scanhub_device._http import (
    Answer,
    CancelledUploadError,
    HttpUpload,
    address_of,
    fits_http,
)
from scanhub_device._link import Link
from scanhub_device._sum import Checksum, with_sum, with_trailer
from scanhub_device.errors import LinkLostError, UploadError
from scanhub_device.messages import Feedback, FileTransfer
from scanhub_device.settings import ClientSettings

_logger = logging.getLogger(__name__)
_random = SystemRandom()
_AT_ONCE = 2
_BLOCK_BYTES = 4 << 20
_STORED = (201, 204)
# Not offered here, or not through the gateway in between: the link takes the file.
_NOT_HERE = (404, 405, 411, 413, 414, 415, 431, 501)
_KNOWN_NAME = 422
_NOT_NOW = 503
_FINAL = (400, 401, 403, 410, 412, 422)
_MOST_FAILURES = 5


@dataclass(frozen=True, slots=True)
class UploadReceipt:
    """The server has stored the file."""

    filename: str
    sha256: str
    size_bytes: int
    result_id: str | None


class _Patience:
    """How long a server may say that it can take nothing at the moment."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    @property
    def lasts(self) -> bool:
        return time.monotonic() < self._ends


class Uploads:
    """Sends files over HTTP if the server offers it, else over the link.

    Over the link it is one file at a time: the binary frames of two cannot be told apart.
    """

    def __init__(
        self,
        link: Link,
        settings: ClientSettings,
        url: str = "",
        ssl: ssl_module.SSLContext | None = None,
    ) -> None:
        self._link = link
        self._settings = settings
        self._url = url
        self._connections = Connections(settings, ssl)
        self._turn = asyncio.Lock()
        self._over_http = asyncio.Semaphore(_AT_ONCE)
        self._open: tuple[FileTransfer, asyncio.Future[Feedback]] | None = None

    def close(self) -> None:
        """Close the connections that wait for a file."""
        self._connections.close()

    async def upload(
        self,
        path: Path,
        header: FileTransfer,
        upload_url: str | None = None,
        *,
        by_http: bool = False,
        takes_trailer: bool = False,
    ) -> UploadReceipt:
        """Send until the server confirms; a lost link does not count as a failure.

        Args:
            path: The file.
            header: What it is, with the token of its scan.
            upload_url: Where the server takes files over HTTP, as it said with `start`.
            by_http: Over HTTP also if it is small: there a refusal says whether it is final.
            takes_trailer: The server takes the SHA-256 behind the last byte. If it is not in the
                header, the first byte need not wait for the sum of all.

        Raises:
            UploadError: the server refused the file at the first try and at every retry.
        """
        address, checksum = address_of(self._url, upload_url), Checksum(path, header.sha256)
        if header.sha256 is None and not takes_trailer:
            header = await asyncio.to_thread(with_sum, header, checksum)
        large = header.size_bytes >= self._settings.http_upload_bytes
        if address is not None and fits_http(header) and (large or by_http):
            job = HttpUpload(
                address,
                path,
                header,
                checksum,
                settings=self._settings,
                connections=self._connections,
            )
            async with self._over_http:
                stored = await self._send_over_http(job, header)
            if stored is not None:
                return await _receipt(header, checksum, stored.result_id)
            _logger.warning("%s is sent over the link", header.filename)
        verdict = await self._send_over_link(path, header, checksum)
        return await _receipt(header, checksum, verdict.result_id)

    async def _send_over_http(self, job: HttpUpload, header: FileTransfer) -> Answer | None:
        """Return None when the server, or what lies before it, does not take files this way."""
        delays = iter(self._settings.upload_retry_delays_s)
        patience = _Patience(self._settings.upload_patience_s)
        failures = 0
        while failures < _MOST_FAILURES:
            had = job.offset
            try:
                answer = await _in_thread(job)
            except (OSError, http.client.HTTPException) as error:
                failures = 0 if job.offset > had else failures + 1
                _logger.warning(
                    "%s: %s; going on", header.filename, str(error) or type(error).__name__
                )
                await self._link.wait_up()
                await asyncio.sleep(self._jittered(failures))
                continue
            if answer.status in _STORED and answer.offset == header.size_bytes:
                return answer
            if answer.status in _NOT_HERE and not answer.announced:
                return None
            if answer.status == _KNOWN_NAME and job.has_trailer:
                continue  # a file of this name is there: with its sum it may be this one
            final = _is_final(answer)
            if answer.status == _NOT_NOW and patience.lasts:
                _logger.warning("%s not stored yet: %s", header.filename, answer.detail)
                await asyncio.sleep(self._jittered(1))
                continue
            delay = None if final else self._delay(answer, delays)
            if delay is None:
                why = f"upload of {header.filename} failed: {answer.detail}"
                raise UploadError(why, final=final)
            _logger.warning("%s not stored: %s", header.filename, answer.detail)
            failures = 0 if answer.offset > had else failures + 1
            await asyncio.sleep(delay)
        return None

    def _delay(self, answer: Answer, delays: Iterator[float]) -> float | None:
        """Return the wait before the next try [s], None if there is none."""
        if answer.offset > 0:  # the server has a part and says from where to go on
            return self._jittered(0)
        return next(delays, None)

    def _jittered(self, failures: int) -> float:
        longest = self._settings.reconnect_base_s * 2**failures
        return _random.uniform(0, min(longest, self._settings.reconnect_max_s))

    async def _send_over_link(
        self, path: Path, header: FileTransfer, checksum: Checksum
    ) -> Feedback:
        if header.sha256 is None:
            header = with_trailer(header)
        delays = iter(self._settings.upload_retry_delays_s)
        patience = _Patience(self._settings.upload_patience_s)
        async with self._turn:
            while True:
                await self._link.wait_up()
                try:
                    verdict = await self._transfer(path, header, checksum)
                except LinkLostError:
                    _logger.warning("link lost while sending %s, waiting for it", header.filename)
                    await asyncio.sleep(0.05)
                    header = await asyncio.to_thread(with_sum, header, checksum)
                    continue
                if _is_stored(verdict):
                    return verdict
                header = await asyncio.to_thread(with_sum, header, checksum)
                delay = verdict.retry_after_s if patience.lasts else None
                if delay is None:
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

    async def _transfer(self, path: Path, header: FileTransfer, checksum: Checksum) -> Feedback:
        with self._awaited_verdict(header) as verdict:
            await self._link.send(header)
            async with aclosing(_chunks(path, self._settings.chunk_bytes)) as chunks:
                async for chunk in chunks:
                    if verdict.done():  # refused before the end: the rest is of no use
                        break
                    await self._link.send_bytes(chunk)
            if header.trailer is not None and not verdict.done():
                await self._link.send_bytes(await asyncio.to_thread(checksum.trailer))
            # Not `wait_for`: before Python 3.12 it forgets that it was cancelled if the link breaks
            # at the same moment, and the file would wait for a link that nobody opens any more.
            try:
                async with asyncio.timeout(self._settings.upload_answer_timeout_s):
                    return await verdict
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


async def _receipt(
    header: FileTransfer, checksum: Checksum, result_id: str | None
) -> UploadReceipt:
    sha256 = await asyncio.to_thread(checksum.wait)
    return UploadReceipt(header.filename, sha256, header.size_bytes, result_id)


def _is_final(answer: Answer) -> bool:
    """Say whether the same answer will come again. A certificate may be bound later."""
    return answer.status in _FINAL and not answer.problem.endswith(CERTIFICATE_PROBLEM)


async def _in_thread(job: HttpUpload) -> Answer:
    """Run one try. When cancelled, wait for the thread to end: no byte may follow a stop."""
    work = asyncio.ensure_future(asyncio.to_thread(job.attempt))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        job.cancel()
        await asyncio.wait({work})
        with suppress(CancelledUploadError, OSError, http.client.HTTPException):
            work.result()
        raise


def _is_stored(verdict: Feedback) -> bool:
    if verdict.ok is not None:
        return verdict.ok
    return verdict.result_id is not None or "saved" in verdict.message


async def _chunks(path: Path, size: int) -> AsyncGenerator[memoryview]:
    """Read ahead by one block, so that disk and network work at the same time.

    A block is read in one go, a frame is a part of it: one hop into a thread for each frame would
    cost more than the frame. The two blocks are used again and again.
    """
    file = await _open(path)
    blocks = [memoryview(bytearray(max(size, _BLOCK_BYTES))) for _ in range(2)]
    ahead = asyncio.ensure_future(asyncio.to_thread(file.readinto, blocks[0]))
    try:
        while count := await asyncio.shield(ahead):
            block = blocks[0][:count]
            blocks.reverse()
            ahead = asyncio.ensure_future(asyncio.to_thread(file.readinto, blocks[0]))
            for offset in range(0, count, size):
                yield block[offset : offset + size]
    finally:
        # A thread may read it still, and whoever waits for that be cancelled once more.
        ahead.add_done_callback(lambda _: file.close())
        await asyncio.wait({ahead})


async def _open(path: Path) -> FileIO:
    """Open a file in a thread; it is closed again if nobody waits for it any more."""
    opening: asyncio.Task[FileIO] = asyncio.create_task(asyncio.to_thread(path.open, "rb", 0))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_unread)
        await asyncio.wait({opening})
        raise


def _close_unread(opening: asyncio.Task[FileIO]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
