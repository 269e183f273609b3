"""One scan, as the program of the scanner sees it."""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from scanhub_device._delivery import Delivery
from scanhub_device._pausing import Rest
from scanhub_device._spool import Source
from scanhub_device._upload import UploadReceipt
from scanhub_device._work import Work
from scanhub_device.errors import LinkLostError, ScanError
from scanhub_device.messages import (
    FileTransfer,
    Message,
    StartPayload,
    StatusData,
    UpdateStatus,
)
from scanhub_device.state import DeviceState
from scanhub_device.stream import AcquisitionStream, StreamTarget

_LONGEST_REASON = 2000  # characters


class Scan(Work):
    """One scan: what is asked for, and how to report and deliver.

    Attributes:
        payload: what the server sent with `start`.
        stop_requested: set when the scan has to end; for the threads of the scanner program.
        device_parameter: the parameters to scan with, the calibrations of this scan included;
            they are stored beside its files.
        rest: how it is paused; see `wait_while_paused`.
    """

    def __init__(
        self,
        payload: StartPayload,
        send: Callable[[Message], Awaitable[None]],
        delivery: Delivery,
        device_parameter: dict[str, Any],
        stream_target: StreamTarget | None = None,
    ) -> None:
        super().__init__()
        self.payload = payload
        self._stream_target = stream_target
        asked = payload.device_parameter
        self.device_parameter: dict[str, Any] = dict(device_parameter if asked is None else asked)
        self.rest = Rest(payload.id, send, self.stop_requested)
        self._send = send
        self._delivery = delivery
        self._progress = 0
        self._seconds_left: float | None = None

    @property
    def task_id(self) -> str:
        """The acquisition task."""
        return self.payload.id

    @property
    def sequence_text(self) -> str:
        """Text of the Pulseq file.

        Raises:
            ScanError: the task has no sequence.
        """
        if self.payload.sequence is None or not self.payload.sequence.seq_file.strip():
            raise ScanError("the task carries no sequence; choose a Pulseq file for it")
        return self.payload.sequence.seq_file

    @property
    def pause_requested(self) -> threading.Event:
        """Set while the scan is to rest; for the threads of the scanner program."""
        return self.rest.requested

    async def report_progress(self, percent: float, seconds_left: float | None = None) -> None:
        """Tell how far the scan is [%] and how long it still takes [s].

        While the link is down only the last word is kept.
        """
        progress = min(max(int(percent), 0), 100)
        if progress == self._progress or self.stop_requested.is_set():
            return
        self._progress, self._seconds_left = progress, seconds_left
        with contextlib.suppress(LinkLostError):
            await self._send(self.busy_status())

    def report_progress_from_thread(
        self, percent: float, seconds_left: float | None = None
    ) -> None:
        """Tell how far the scan is, from a thread that `run_in_thread` started."""
        if int(percent) != self._progress:
            telling = self.report_progress(percent, seconds_left)
            asyncio.run_coroutine_threadsafe(telling, self._loop)

    async def rest_while_paused(self) -> None:
        """Rest here while the scan is paused, if it is; call it when the hardware is at rest.

        A scanner that calls this (or `wait_while_paused`) has `can_pause = True`.
        """
        await self.rest.while_wanted()

    def wait_while_paused(self) -> None:
        """Like `rest_while_paused`, for a thread. Returns at once when the scan is to stop."""
        if self.rest.wanted:
            asyncio.run_coroutine_threadsafe(self.rest.while_wanted(), self._loop).result()

    def stream(self, header: str | bytes) -> AcquisitionStream:
        """Return a context that sends readouts to the server while they are acquired.

            async with scan.stream(header_xml) as stream:
                stream.put(acquisition)  # an ismrmrd.Acquisition, or what serialises as one

        It is a preview and may be given up at any moment, without an error: upload the file as
        ever. `put` returns at once, from any thread; in a thread the context is a plain `with`.
        A scanner that calls this has `can_stream = True`.

        Args:
            header: the ISMRMRD header of the measurement, as XML.
        """
        return AcquisitionStream(self._stream_target, header, self.stop_requested)

    async def upload(
        self,
        path: Path,
        *,
        filename: str | None = None,
        content_type: str = "application/octet-stream",
        hand_over: bool = False,
    ) -> UploadReceipt:
        """Deliver a file as a result of the task; returns when the server has stored it.

        With a queue on the disk the file is safe there first; it may be changed when this returns,
        not before.

        Args:
            path: the file.
            filename: its name on the server; default: that of the path.
            content_type: what it is.
            hand_over: give the file away: it is moved into the queue, which spares a copy, and
                removed when it is delivered.

        Raises:
            UploadError: the server did not take it, also after the retries.
        """

        def header(size_bytes: int, sha256: str | None) -> FileTransfer:
            return FileTransfer(
                task_id=self.task_id,
                user_access_token=self.payload.access_token,
                filename=filename or path.name,
                size_bytes=size_bytes,
                content_type=content_type,
                sha256=sha256,
                device_parameter=self.device_parameter,
            )

        payload = self.payload
        source = Source(
            path,
            header,
            payload.acquisition_id,
            payload.upload_url,
            hand_over,
            takes_trailer=payload.upload_trailer == "sha256",
        )
        return await self._delivery.deliver(source)

    def busy_status(self) -> UpdateStatus:
        """The message that says how far the scan is."""
        data = StatusData(progress=self._progress, seconds_left=self._seconds_left)
        return self._status(DeviceState.BUSY, data)

    def error_status(self, reason: str, code: str | None = None) -> UpdateStatus:
        """The message that says why the scan failed, with a word that programs can compare."""
        data = StatusData(error_code=code, error_message=reason[:_LONGEST_REASON])
        return self._status(DeviceState.ERROR, data)

    def _status(self, status: DeviceState, data: StatusData) -> UpdateStatus:
        return UpdateStatus(
            status=status,
            data=data,
            task_id=self.task_id,
            user_access_token=self.payload.access_token,
        )
