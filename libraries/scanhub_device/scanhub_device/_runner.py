"""The one scan of a device: taken, run, stopped, and its end reported."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from scanhub_device.errors import ScannerFaultError
from scanhub_device.messages import Ack, Message, StartPayload, StatusData, Stopped, UpdateStatus
from scanhub_device.scan import Scan, Scanner
from scanhub_device.state import DeviceEvent, DeviceState

_logger = logging.getLogger(__name__)

_SHUT_DOWN = "the program of the device was ended during the scan"


class ScanRunner:
    """Runs one scan at a time and reports how it ended, whatever the link does meanwhile."""

    def __init__(
        self,
        scanner: Scanner,
        make_scan: Callable[[StartPayload], Scan],
        deliver: Callable[[Message], Awaitable[None]],
        happened: Callable[[DeviceEvent], None],
    ) -> None:
        self._scanner = scanner
        self._make_scan = make_scan
        self._deliver = deliver
        self._happened = happened
        self._work: asyncio.Task[None] | None = None
        self._end: asyncio.Task[None] | None = None
        self._shutting_down = False
        self.scan: Scan | None = None
        self.fault: str | None = None

    async def start(
        self, payload: StartPayload, acknowledge: Callable[[Ack], Awaitable[None]]
    ) -> None:
        """Take the scan, or say why not. A repeated `start` of the running scan is harmless."""
        ack = Ack(task_id=payload.id, acquisition_id=payload.acquisition_id)
        if self.scan is not None and _same(self.scan.payload, payload):
            await acknowledge(ack)
            return
        refusal = self._refusal()
        if refusal is not None:
            await self._refuse(payload, refusal)
            return
        self.scan = scan = self._make_scan(payload)
        try:
            await acknowledge(ack)
        except BaseException:
            self.scan = None  # nobody knows that we took it: scanning now would be unattended
            raise
        self._happened(DeviceEvent.SCAN_STARTED)
        self._work = asyncio.create_task(self._scanner.scan(scan), name=f"scan {scan.task_id}")
        self._end = asyncio.create_task(self._report_end(scan, self._work))
        await self._deliver(scan.busy_status())

    async def stop(self, task_id: str | None) -> None:
        """End the scan; `stopped` is sent when it has ended."""
        if self.scan is None or (task_id is not None and task_id != self.scan.task_id):
            await self._deliver(Stopped(task_id=task_id))
            return
        self._cancel()

    async def shut_down(self, timeout_s: float) -> None:
        """End the scan because the program of the device ends."""
        self._shutting_down = True
        self._cancel()
        if self._end is not None:
            done, _ = await asyncio.wait({self._end}, timeout=timeout_s)
            if not done:
                _logger.error("the scanner did not come to rest within %s s", timeout_s)
                self._end.cancel()

    async def recover(self) -> None:
        """The scanner is well again."""
        if self.fault is not None:
            self.fault = None
            self._happened(DeviceEvent.RECOVERED)
            await self._deliver(UpdateStatus(status=DeviceState.ONLINE))

    def _cancel(self) -> None:
        if self.scan is not None and self._work is not None:
            self.scan.stop_requested.set()
            self._work.cancel()

    def _refusal(self) -> str | None:
        if self.fault is not None:
            return f"the scanner has a fault: {self.fault}"
        if self.scan is not None:
            return f"the scanner is busy with task {self.scan.task_id}"
        return None

    async def _refuse(self, payload: StartPayload, reason: str) -> None:
        _logger.warning("start of task %s refused: %s", payload.id, reason)
        await self._deliver(self._make_scan(payload).error_status(reason))
        await self._deliver(self.status())

    def status(self) -> UpdateStatus:
        """The state of the device as it is now."""
        if self.fault is not None:
            return UpdateStatus(status=DeviceState.ERROR, data=StatusData(error_message=self.fault))
        return self.scan.busy_status() if self.scan else UpdateStatus(status=DeviceState.ONLINE)

    async def _report_end(self, scan: Scan, work: asyncio.Task[None]) -> None:
        await asyncio.wait({work})
        stopped = scan.stop_requested.is_set() and not self._shutting_down
        error = None if work.cancelled() else work.exception()
        if isinstance(error, ScannerFaultError):
            self.fault = str(error)
        reason = self._reason(scan, work, error)
        self.scan = self._work = None
        self._happened(DeviceEvent.SCAN_FAILED if reason else DeviceEvent.SCAN_ENDED)
        if reason and self.fault is None:
            self._happened(DeviceEvent.RECOVERED)
        if reason:
            _logger.error("task %s failed: %s", scan.task_id, reason, exc_info=error)
            await self._deliver(scan.error_status(reason))
        if stopped:
            await self._deliver(Stopped(task_id=scan.task_id))
        if self.fault is None:
            await self._deliver(self.status())  # the next scan may run already

    def _reason(
        self, scan: Scan, work: asyncio.Task[None], error: BaseException | None
    ) -> str | None:
        """Why the scan failed, or None when it ended as it should."""
        if self.fault is not None:
            return self.fault
        if self._shutting_down:
            return _SHUT_DOWN
        if scan.stop_requested.is_set():
            if error is not None:
                _logger.warning("task %s, while it was stopped: %s", scan.task_id, error)
            return None
        if work.cancelled():
            return "the program of the scanner gave up the scan"
        return (str(error) or type(error).__name__) if error else None


def _same(one: StartPayload, other: StartPayload) -> bool:
    return (one.id, one.acquisition_id) == (other.id, other.acquisition_id)
