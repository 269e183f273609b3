"""How files get from a scan to the server: at once, or by way of a queue on the disk."""

import asyncio
import logging
import threading
import time
from pathlib import Path
from random import SystemRandom
from typing import Protocol

from scanhub_device._spool import Entry, RunningScan, Source, Spool
from scanhub_device._upload import UploadReceipt, Uploads
from scanhub_device.errors import SpoolError, UploadError
from scanhub_device.messages import StartPayload, StatusData, UpdateStatus
from scanhub_device.settings import ClientSettings
from scanhub_device.state import DeviceState

_logger = logging.getLogger(__name__)
_random = SystemRandom()
_BROKE_OFF = (
    "the program of the device ended during the scan, before there was a file to deliver; "
    "scan again"
)


class Delivery(Protocol):
    """Gets files to the server."""

    async def deliver(self, source: Source) -> UploadReceipt:
        """Return when the server has stored the file.

        Raises:
            UploadError: it did not take it.
        """
        ...

    async def scan_began(self, payload: StartPayload) -> None:
        """A scan begins."""
        ...

    def keeps(self, payload: StartPayload) -> bool:
        """Say whether files of a scan will be delivered, though its program ends."""
        ...

    async def scan_ended(self, payload: StartPayload, why_in_vain: str | None) -> None:
        """A scan has ended; `why_in_vain` when the server takes no more of its files."""
        ...


class DirectDelivery:
    """Files are sent from where they lie."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads

    async def deliver(self, source: Source) -> UploadReceipt:
        """Send the file; returns when the server has stored it."""
        size = (await asyncio.to_thread(source.path.stat)).st_size
        receipt = await self._uploads.upload(
            source.path,
            source.header(size, None),
            source.upload_url,
            takes_trailer=source.takes_trailer,
        )
        if source.hand_over:
            await asyncio.to_thread(source.path.unlink, missing_ok=True)
        return receipt

    async def scan_began(self, payload: StartPayload) -> None:
        """Nothing is noted."""

    def keeps(self, payload: StartPayload) -> bool:  # noqa: ARG002 - nothing is kept
        """Without a queue nothing outlives the program."""
        return False

    async def scan_ended(self, payload: StartPayload, why_in_vain: str | None) -> None:
        """Nothing is noted."""


class QueuedDelivery:
    """Files are safe in the queue before they are sent, and stay there until they are stored.

    `deliver` sends at once; what an earlier program has left is sent beside it.
    """

    def __init__(self, spool: Spool, uploads: Uploads, settings: ClientSettings) -> None:
        self._spool = spool
        self._uploads = uploads
        self._settings = settings
        self._direct = DirectDelivery(uploads)
        self._kept: dict[str, Entry] = {}
        self._left: list[Entry] = []
        self._noting = asyncio.Lock()
        self._running: tuple[str, str | None] | None = None

    # --- what an earlier program has left ---------------------------------------------------------

    async def recover(self) -> tuple[RunningScan | None, UpdateStatus | None]:
        """Return the scan that broke off with the last program, if one did.

        With it what is to be told of it, if it is lost: if it has left no file.
        """
        self._left = await asyncio.to_thread(self._spool.recover)
        broken = await asyncio.to_thread(self._spool.broken_scan)
        if broken is None:
            return None, None
        await asyncio.to_thread(self._spool.scan_ended)
        if any(_scan_of(entry) == (broken.task_id, broken.acquisition_id) for entry in self._left):
            return broken, None
        return broken, UpdateStatus(
            status=DeviceState.ERROR,
            data=StatusData(error_code="program-ended", error_message=_BROKE_OFF),
            task_id=broken.task_id,
            user_access_token=broken.access_token,
        )

    async def deliver_left(self) -> None:
        """Deliver what an earlier program has left."""
        if self._left:
            _logger.info("%d file(s) of earlier scans to deliver", len(self._left))
            await asyncio.gather(*(self._deliver_left(entry) for entry in self._left))

    async def _deliver_left(self, entry: Entry) -> None:
        try:
            await self._send(entry)
        except UploadError as error:
            _logger.error("%s", error)  # noqa: TRY400 - a sentence, not a trace
        except OSError:
            _logger.exception("%s cannot be delivered", entry.header.filename)
        else:
            _logger.info("%s of an earlier scan delivered", entry.header.filename)

    # --- the scan that runs -----------------------------------------------------------------------

    async def deliver(self, source: Source) -> UploadReceipt:
        """Make the file safe, then send it for as long as it takes."""
        entry = await self._put(source)
        if entry is None:
            return await self._direct.deliver(source)
        self._kept[entry.id] = entry
        if source.hand_over:
            await asyncio.to_thread(source.path.unlink, missing_ok=True)
        return await self._send(entry)

    async def scan_began(self, payload: StartPayload) -> None:
        """Note the scan."""
        running = RunningScan(
            task_id=payload.id,
            access_token=payload.access_token,
            acquisition_id=payload.acquisition_id,
        )
        self._running = _key(payload)
        try:
            async with self._noting:
                await asyncio.to_thread(self._spool.scan_began, running)
        except OSError as error:
            _logger.warning("a crash during this scan will not be told: %s", error)

    def keeps(self, payload: StartPayload) -> bool:
        """Say whether files of the scan wait in the queue."""
        return any(_scan_of(entry) == _key(payload) for entry in self._kept.values())

    async def scan_ended(self, payload: StartPayload, why_in_vain: str | None) -> None:
        """Note the end; files that the server will not take any more are set aside."""
        try:
            async with self._noting:
                if self._running == _key(payload):  # else the next scan runs already
                    await asyncio.to_thread(self._spool.scan_ended)
            for entry in list(self._kept.values()):
                if why_in_vain is not None and _scan_of(entry) == _key(payload):
                    await self._set_aside(entry, why_in_vain)
        except OSError:
            _logger.exception("the end of task %s cannot be noted", payload.id)

    async def _put(self, source: Source) -> Entry | None:
        """Return None when the queue cannot take the file: better sent unsafe than not at all."""
        cancelled = threading.Event()
        try:
            return await asyncio.to_thread(self._spool.put, source, cancelled)
        except asyncio.CancelledError:
            cancelled.set()  # the thread clears up behind itself
            raise
        except (SpoolError, OSError) as error:
            if not source.path.exists():
                raise
            _logger.warning("%s is sent without being safe: %s", source.path.name, error)
            return None

    async def _send(self, entry: Entry) -> UploadReceipt:
        """Send a file until the server has it, or will never take it."""
        tries, until = 0, entry.queued_at + self._settings.spool_patience_s
        while True:
            try:
                receipt = await self._uploads.upload(
                    self._spool.data(entry), entry.header, entry.upload_url, by_http=tries > 0
                )
            except UploadError as error:
                if error.final or time.time() > until:
                    place = await self._set_aside(entry, str(error))
                    raise UploadError(f"{error}; it is kept at {place}", final=True) from error
                _logger.warning("%s; it is safe and will be tried again", error)
            else:
                await asyncio.to_thread(self._spool.remove, entry)
                self._kept.pop(entry.id, None)
                return receipt
            longest = min(2.0**tries, self._settings.spool_retry_max_s)
            await asyncio.sleep(_random.uniform(longest / 2, longest))
            tries += 1

    async def _set_aside(self, entry: Entry, problem: str) -> Path:
        self._kept.pop(entry.id, None)
        place = await asyncio.to_thread(self._spool.set_aside, entry, problem)
        _logger.error(
            "%s of task %s is set aside (%s): %s",
            entry.header.filename,
            entry.header.task_id,
            place,
            problem,
        )
        return place


def _key(payload: StartPayload) -> tuple[str, str | None]:
    return payload.id, payload.acquisition_id


def _scan_of(entry: Entry) -> tuple[str, str | None]:
    return entry.header.task_id, entry.acquisition_id
