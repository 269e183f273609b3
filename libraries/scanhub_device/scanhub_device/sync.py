"""For builders who do not use asyncio: a scanner of plain functions, each called in a thread."""

import asyncio
import threading
from abc import ABC, abstractmethod
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

from scanhub_device._upload import UploadReceipt
from scanhub_device.calibration import Calibration, CalibrationResult
from scanhub_device.errors import ScanStoppedError
from scanhub_device.messages import DeviceDetails, StartPayload
from scanhub_device.scan import Scan
from scanhub_device.scanner import Scanner
from scanhub_device.stream import AcquisitionStream


class SyncScan:
    """One scan, for the thread that carries it out.

    Attributes:
        payload: what the server sent with `start`.
        stop_requested: set when the scan has to end; look at it often, and wait with
            `stop_requested.wait(seconds)` instead of `time.sleep`.
    """

    def __init__(self, scan: Scan) -> None:
        self.payload: StartPayload = scan.payload
        self.stop_requested: threading.Event = scan.stop_requested
        self._scan = scan
        self._loop = asyncio.get_running_loop()
        self._uploads: set[asyncio.Task[Any]] = set()

    @property
    def task_id(self) -> str:
        """The acquisition task."""
        return self._scan.task_id

    @property
    def sequence_text(self) -> str:
        """Text of the Pulseq file; raises ScanError when the task has none."""
        return self._scan.sequence_text

    @property
    def device_parameter(self) -> dict[str, Any]:
        """The parameters to scan with, the calibrations of this scan included."""
        return self._scan.device_parameter

    @property
    def pause_requested(self) -> threading.Event:
        """Set while the scan is to rest."""
        return self._scan.pause_requested

    def report_progress(self, percent: float, seconds_left: float | None = None) -> None:
        """Tell how far the scan is [%] and how long it still takes [s]; returns at once."""
        self._scan.report_progress_from_thread(percent, seconds_left)

    def wait_while_paused(self) -> None:
        """Rest here while the scan is paused, if it is; call it when the hardware is at rest.

        Returns at once when the scan is to stop. The scanner has `can_pause = True`.
        """
        self._scan.wait_while_paused()

    def raise_if_stopped(self) -> None:
        """End the scan here if it is to stop.

        Raises:
            ScanStoppedError: it is; let it pass, and bring the hardware to rest on its way.
        """
        if self.stop_requested.is_set():
            raise ScanStoppedError("the scan was stopped")

    def stream(self, header: str | bytes) -> AcquisitionStream:
        """Return a context that sends readouts to the server while they are acquired.

            with scan.stream(header_xml) as stream:
                stream.put(acquisition)

        It is a preview and may be given up at any moment, without an error. The scanner has
        `can_stream = True`.
        """
        return self._scan.stream(header)

    def upload(
        self,
        path: Path,
        *,
        filename: str | None = None,
        content_type: str = "application/octet-stream",
        hand_over: bool = False,
    ) -> UploadReceipt:
        """Deliver a file as a result of the task; returns when the server has stored it.

        Raises:
            UploadError: the server did not take it, also after the retries.
            ScanStoppedError: the scan was stopped meanwhile.
        """
        sending = self._upload(path, filename, content_type, hand_over=hand_over)
        try:
            return asyncio.run_coroutine_threadsafe(sending, self._loop).result()
        except CancelledError:
            raise ScanStoppedError("the scan was stopped during an upload") from None

    async def _upload(
        self, path: Path, filename: str | None, content_type: str, *, hand_over: bool
    ) -> UploadReceipt:
        self.raise_if_stopped()
        task = asyncio.current_task()
        if task is not None:  # always: it is run by `run_coroutine_threadsafe`
            self._uploads.add(task)
            task.add_done_callback(self._uploads.discard)
        return await self._scan.upload(
            path, filename=filename, content_type=content_type, hand_over=hand_over
        )

    def cancel_uploads(self) -> None:
        """Wake a thread that waits for an upload; for the loop."""
        for upload in self._uploads:
            upload.cancel()


class SyncScanner(ABC):
    """A scanner of plain functions. Derive from it, give it `details` and write `scan`.

    Each function is called in a thread, one at a time. A thread cannot be ended from outside:
    **return soon after `scan.stop_requested` is set**, with the hardware at rest. The technician
    sees the scan as stopped when `scan` has returned, and not before.

    Attributes:
        details: what the scanner says of itself when it connects.
        can_pause: True when `scan` calls `scan.wait_while_paused()` between its steps.
        can_stream: True when `scan` sends its readouts by `scan.stream()`.
    """

    details: DeviceDetails
    can_pause: bool = False
    can_stream: bool = False

    @abstractmethod
    def scan(self, scan: SyncScan, /) -> None:
        """Play the sequence, report progress, upload the data; raises ScanError when it fails."""

    def calibrate(self, calibration: Calibration, /) -> CalibrationResult:
        """Measure; a scanner that does not override this does not offer calibrations."""
        raise NotImplementedError

    def parameter_changed(  # noqa: B027 - whoever needs it overrides it
        self, parameter: dict[str, Any], version: int, /
    ) -> None:
        """Take parameters that were changed on the server; called while nothing runs."""


class _Threaded:
    """A SyncScanner as a Scanner."""

    def __init__(self, scanner: SyncScanner) -> None:
        self._scanner = scanner
        self.can_pause = scanner.can_pause
        self.can_stream = scanner.can_stream

    @property
    def details(self) -> DeviceDetails:
        return self._scanner.details

    async def scan(self, scan: Scan, /) -> None:
        facade = SyncScan(scan)
        work = asyncio.create_task(scan.run_in_thread(self._scanner.scan, facade))
        try:
            await asyncio.wait({work})
        except asyncio.CancelledError:
            scan.stop_requested.set()
            facade.cancel_uploads()
            work.cancel()
            await asyncio.wait({work})
            raise
        work.result()

    async def parameter_changed(self, parameter: dict[str, Any], version: int, /) -> None:
        await asyncio.to_thread(self._scanner.parameter_changed, parameter, version)


class _CalibratingThreaded(_Threaded):
    """A SyncScanner that calibrates."""

    async def calibrate(self, calibration: Calibration, /) -> CalibrationResult:
        return await calibration.run_in_thread(self._scanner.calibrate, calibration)


def as_scanner(scanner: Scanner | SyncScanner) -> Scanner:
    """Return what the client drives."""
    if not isinstance(scanner, SyncScanner):
        return scanner
    calibrates = type(scanner).calibrate is not SyncScanner.calibrate
    return _CalibratingThreaded(scanner) if calibrates else _Threaded(scanner)
