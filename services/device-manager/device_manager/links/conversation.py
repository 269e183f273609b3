"""The conversation with one device: each frame read and passed on, nothing waited for."""

import asyncio
import time
from contextlib import suppress
from uuid import UUID

from starlette.websockets import WebSocket

from device_manager.acquisitions import reports
from device_manager.acquisitions.confirmations import Word
from device_manager.acquisitions.control_room import ControlRoom
from device_manager.acquisitions.lease import Lease
from device_manager.acquisitions.rules import AcquisitionState
from device_manager.calibrations import desk as calibrations
from device_manager.links.commands import Feedback, refusal
from device_manager.links.messages import (
    Ack,
    Calibrated,
    DeviceMessage,
    DeviceParameterUpdate,
    FileTransfer,
    MessageError,
    Paused,
    Ping,
    Register,
    Resumed,
    Stopped,
    UpdateStatus,
    parse,
)
from device_manager.links.protocol import CloseCode
from device_manager.links.websocket import WebsocketLink
from device_manager.parameters import desk as parameters
from device_manager.uploads.archive import Archive
from device_manager.uploads.intake import Intake
from scanhub_libraries.errors import ScanHubError
from scanhub_libraries.logging import get_logger
from scanhub_libraries.models import DeviceStatus

logger = get_logger(__name__)
_QUEUE = 256
_GOODBYE_SECONDS = 1.0
_LAST_WORDS_SECONDS = 5.0
_WATCH_SECONDS = 1.0
_OUR_FAULT = "Something went wrong on our side; nothing was changed. Send it again."


class Conversation:
    """Reads a link. What takes time is done by a worker, in the order in which it came."""

    def __init__(
        self, websocket: WebSocket, link: WebsocketLink, room: ControlRoom, archive: Archive
    ) -> None:
        self._websocket = websocket
        self._link = link
        self._room = room
        self._intake = Intake(link, room, archive)
        self._jobs: asyncio.Queue[DeviceMessage] = asyncio.Queue(_QUEUE)
        self._running: tuple[str, Lease] | None = None
        self._taking = False  # while the disk is slower than the network, a frame takes its time

    async def run(self) -> None:
        """Serve the link until it ends, whoever ends it."""
        reader = asyncio.create_task(self._read(), name="link-reader")
        closing = asyncio.create_task(self._link.wait_closing(), name="link-closing")
        sender = asyncio.create_task(self._link.run(), name="link-sender")
        worker = asyncio.create_task(self._work(), name="link-worker")
        watch = asyncio.create_task(self._watch(), name="link-watch")
        try:
            # A peer that is gone without a word ends no reading: what was decided here counts.
            await asyncio.wait({reader, closing}, return_when=asyncio.FIRST_COMPLETED)
            if self._link.is_closing:  # the reason goes out first
                await asyncio.wait({sender}, timeout=_GOODBYE_SECONDS)
            await self._finish_jobs()
        finally:
            self._intake.link_ended()
            await _end(reader, closing, sender, worker, watch)

    async def _finish_jobs(self) -> None:
        """What came before the link ended counts: a failure may be a device's last word."""
        if self._room.links.is_current(self._link):
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS_SECONDS):
                    await self._jobs.join()

    async def _read(self) -> None:
        while True:
            frame = await self._websocket.receive()
            if self._room.homes.doubtful:  # what comes now may have waited for long
                await self._room.homes.make_sure()
            if frame["type"] == "websocket.disconnect" or not self._is_current():
                return
            self._link.last_heard = time.monotonic()
            self._taking = True
            try:
                await self._take(frame.get("text"), frame.get("bytes"))
            except MessageError as error:
                self._link.tell(refusal(str(error)))
            except Exception:
                logger.exception("a frame failed", device_id=str(self._link.device_id))
                self._link.tell(refusal(_OUR_FAULT))
            finally:
                self._taking = False
                self._link.last_heard = time.monotonic()

    def _is_current(self) -> bool:
        # A device that has gone can be told nothing, but what it said before is still read.
        return not self._link.is_ended_here and self._room.links.is_current(self._link)

    async def _take(self, text: str | None, data: bytes | None) -> None:
        settings = self._room.settings
        largest = settings.max_frame_bytes if text is None else settings.max_text_bytes
        if len(text or data or b"") > largest:
            kind = "frame" if text is None else "text frame"
            self._link.close(f"a {kind} is larger than {largest} bytes", CloseCode.TOO_BIG)
        elif text is not None:
            await self._take_text(text)
        elif data is not None:
            await self._intake.take(data)

    async def _take_text(self, text: str) -> None:
        message = parse(text)
        match message:
            case Ping():
                self._link.sends_heartbeats = True
                self._link.pong()
            case FileTransfer():
                await self._intake.begin(message)
            case UpdateStatus() if self._is_progress(message):
                await self._take_progress(message)
            case Stopped():
                self._intake.stopped()
                self._heard(message.task_id, Word.STOPPED)
                await self._jobs.put(message)
            case Paused():
                self._heard(message.task_id, Word.PAUSED)
                await self._jobs.put(message)
            case Resumed():
                self._heard(message.task_id, Word.RESUMED)
                await self._jobs.put(message)
            case Register() | UpdateStatus() | Ack() | Calibrated() | DeviceParameterUpdate():
                await self._jobs.put(message)

    def _heard(self, task_id: UUID | None, word: Word) -> None:
        """Somebody may wait for this word: it needs no worker."""
        self._room.confirmations.heard(self._link.device_id, task_id, word)

    # --- progress: the message that comes most often touches no database --------------------------

    def _is_progress(self, message: UpdateStatus) -> bool:
        """Say whether this is one more progress of the scan that runs, by the same token."""
        if self._running is None or message.status is not DeviceStatus.BUSY:
            return False
        token, lease = self._running
        return (
            message.data.progress is not None
            and message.user_access_token == token
            and message.task_id == lease.task_id
            and lease.state is AcquisitionState.RUNNING
            and self._jobs.empty()
            and self._room.presence.status(lease.device_id) is DeviceStatus.BUSY
        )

    async def _take_progress(self, message: UpdateStatus) -> None:
        if self._running is None or message.data.progress is None:
            return
        _, lease = self._running
        await self._room.progress.put(lease, message.data.progress)
        self._link.tell(reports.progress_noted(lease, message.data.progress))

    # --- everything else, one after the other -----------------------------------------------------

    async def _work(self) -> None:
        while True:
            message = await self._jobs.get()
            try:
                answer = await self._handle(message)
            except ScanHubError as error:
                answer = refusal(error.detail)
            except Exception:
                logger.exception("a message failed", device_id=str(self._link.device_id))
                answer = refusal(_OUR_FAULT)
            finally:
                self._jobs.task_done()
            if answer is not None:
                self._link.tell(answer)

    async def _handle(self, message: DeviceMessage) -> Feedback | None:
        match message:
            case Register():
                self._link.introduced(message.data.capabilities)
                answer = await reports.registered(self._room, self._link, message.data)
                await reports.start_again(self._room, self._link)
                return answer
            case UpdateStatus():
                answer = await reports.status(self._room, self._link, message)
                self._remember(message)
                return answer
            case Ack():
                return await reports.acknowledged(self._room, self._link, message)
            case Stopped():
                await reports.stopped(self._room, self._link, message)
            case _:
                return await self._handle_more(message)
        return None

    async def _handle_more(self, message: DeviceMessage) -> Feedback | None:
        """Handle what version 1 does not know."""
        match message:
            case Paused():
                return await reports.paused(self._room, self._link, message)
            case Resumed():
                return await reports.resumed(self._room, self._link, message)
            case Calibrated():
                return await calibrations.calibrated(self._room, self._link, message)
            case DeviceParameterUpdate():
                return await parameters.changed_by_device(self._room, self._link, message)
        return None

    def _remember(self, message: UpdateStatus) -> None:
        """Keep the token that was good for the scan that runs."""
        lease = self._room.leases.find_open(self._link.device_id)
        token = message.user_access_token
        if lease is not None and lease.task_id == message.task_id and token is not None:
            self._running = (token, lease)

    async def _watch(self) -> None:
        """Close a link on which a device that sends heartbeats has fallen silent."""
        seconds = self._room.settings.idle_timeout_seconds
        while True:
            await asyncio.sleep(min(seconds / 4, _WATCH_SECONDS))
            silence = time.monotonic() - self._link.last_heard
            if self._link.sends_heartbeats and not self._taking and silence > seconds:
                self._link.close(f"nothing heard for {silence:.0f} s", CloseCode.SILENT)


async def _end(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            logger.error("a link ended with an error", exc_info=result)
