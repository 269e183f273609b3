"""One scan, as the program of the scanner sees it."""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, ParamSpec, Protocol, TypeVar

from scanhub_device._upload import UploadReceipt, Uploads, fingerprint
from scanhub_device.errors import LinkLostError, ScanError
from scanhub_device.messages import (
    DeviceDetails,
    FileTransfer,
    Message,
    StartPayload,
    StatusData,
    UpdateStatus,
)
from scanhub_device.state import DeviceState

_P = ParamSpec("_P")
_T = TypeVar("_T")
_LONGEST_REASON = 2000  # characters


class Scanner(Protocol):
    """What the builder of a device writes.

    `scan` returns when the data is uploaded. It is cancelled when the scan is to stop, and must
    not end before the scanner is at rest: its end is what the technician gets confirmed.
    It raises ScanError when the scan failed and ScannerFaultError when the scanner is broken.
    """

    @property
    def details(self) -> DeviceDetails:
        """What the scanner says of itself when it connects."""
        ...

    async def scan(self, scan: "Scan", /) -> None:
        """Play the sequence, report progress, upload the data."""
        ...


class Scan:
    """One scan: what is asked for, and how to report and deliver.

    Attributes:
        payload: what the server sent with `start`.
        stop_requested: set when the scan has to end; for the threads of the scanner program.
    """

    def __init__(
        self,
        payload: StartPayload,
        send: Callable[[Message], Awaitable[None]],
        uploads: Uploads,
        device_parameter: dict[str, Any],
    ) -> None:
        self.payload = payload
        self.stop_requested = threading.Event()
        self._send = send
        self._uploads = uploads
        self._device_parameter = device_parameter
        self._loop = asyncio.get_running_loop()
        self._progress = 0

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

    async def report_progress(self, percent: float) -> None:
        """Tell how far the scan is [%]; while the link is down only the last word is kept."""
        progress = min(max(int(percent), 0), 100)
        if progress == self._progress or self.stop_requested.is_set():
            return
        self._progress = progress
        with contextlib.suppress(LinkLostError):
            await self._send(self.busy_status())

    def report_progress_from_thread(self, percent: float) -> None:
        """Tell how far the scan is [%], from a thread that `run_in_thread` started."""
        if int(percent) != self._progress:
            asyncio.run_coroutine_threadsafe(self.report_progress(percent), self._loop)

    async def run_in_thread(
        self, function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """Run blocking code, which looks at `stop_requested` often and returns when it is set.

        A thread cannot be cancelled: a stopped scan waits here until the function has returned.
        """
        work = asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            self.stop_requested.set()
            await asyncio.wait({work})
            if not work.cancelled():
                work.exception()
            raise

    async def upload(
        self,
        path: Path,
        *,
        filename: str | None = None,
        content_type: str = "application/octet-stream",
    ) -> UploadReceipt:
        """Deliver a file as a result of the task; returns when the server has stored it.

        Raises:
            UploadError: the server did not take it, also after the retries.
        """
        size_bytes, sha256 = await fingerprint(path)
        header = FileTransfer(
            task_id=self.task_id,
            user_access_token=self.payload.access_token,
            filename=filename or path.name,
            size_bytes=size_bytes,
            content_type=content_type,
            sha256=sha256,
            device_parameter=self._device_parameter,
        )
        return await self._uploads.upload(path, header, self.payload.upload_url)

    def busy_status(self) -> UpdateStatus:
        """The message that says how far the scan is."""
        return self._status(DeviceState.BUSY, StatusData(progress=self._progress))

    def error_status(self, reason: str) -> UpdateStatus:
        """The message that says why the scan failed."""
        return self._status(DeviceState.ERROR, StatusData(error_message=reason[:_LONGEST_REASON]))

    def _status(self, status: DeviceState, data: StatusData) -> UpdateStatus:
        return UpdateStatus(
            status=status,
            data=data,
            task_id=self.task_id,
            user_access_token=self.payload.access_token,
        )
