"""The one scan of a device: taken, run, paused, stopped, and its end reported."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from scanhub_device._calibrations import Bench, calibrate_first, reason_of
from scanhub_device._delivery import Delivery
from scanhub_device._pausing import Pauser
from scanhub_device.errors import ScannerFaultError
from scanhub_device.messages import (
    Ack,
    Calibrate,
    Message,
    StartPayload,
    StatusData,
    Stopped,
    UpdateStatus,
)
from scanhub_device.scan import Scan
from scanhub_device.scanner import PausingScanner, Scanner, can_pause
from scanhub_device.state import DeviceEvent, DeviceState

_logger = logging.getLogger(__name__)

_SHUT_DOWN = "the program of the device was ended during the scan"
_REMEMBERED = 64


class ScanRunner:
    """Runs one scan at a time and reports how it ended, whatever the link does meanwhile."""

    def __init__(
        self,
        scanner: Scanner,
        make_scan: Callable[[StartPayload], Scan],
        deliver: Callable[[Message], Awaitable[None]],
        happened: Callable[[DeviceEvent], None],
        delivery: Delivery,
    ) -> None:
        self._scanner = scanner
        self._delivery = delivery
        self._make_scan = make_scan
        self._deliver = deliver
        self._happened = happened
        self._work: asyncio.Task[None] | None = None
        self._end: asyncio.Task[None] | None = None
        self._pauser: Pauser | None = None
        self._failure: Exception | None = None
        self._told_to_stop = False
        self._shutting_down = False
        self._ended: dict[tuple[str, str | None], None] = {}  # the latest, in order
        self._idle = asyncio.Event()
        self._idle.set()
        self.bench = Bench(scanner, deliver, self._calibration_began, self._calibration_ended)
        self.scan: Scan | None = None
        self.fault: str | None = None

    @property
    def busy(self) -> bool:
        """Whether the scanner does something."""
        return self.scan is not None or self.bench.calibration is not None

    async def wait_idle(self) -> None:
        """Wait until the scanner does nothing."""
        await self._idle.wait()

    async def start(
        self, payload: StartPayload, acknowledge: Callable[[Ack], Awaitable[None]]
    ) -> None:
        """Take the scan, or say why not. A repeated `start` of the running scan is harmless."""
        ack = Ack(task_id=payload.id, acquisition_id=payload.acquisition_id)
        if self.scan is not None and _same(self.scan.payload, payload):
            await acknowledge(ack)
            return
        refusal = self.refusal() or self._repeated(payload)
        if refusal is not None:
            await self._refuse(payload, refusal)
            return
        self.scan = scan = self._make_scan(payload)
        try:
            await acknowledge(ack)
        except BaseException:
            self.scan = None  # nobody knows that we took it: scanning now would be unattended
            raise
        self._idle.clear()
        self._failure, self._told_to_stop = None, False
        self._happened(DeviceEvent.SCAN_STARTED)
        if isinstance(self._scanner, PausingScanner):
            self._pauser = Pauser(self._scanner, scan)
        self._work = asyncio.create_task(self._carry_out(scan), name=f"scan {scan.task_id}")
        self._end = asyncio.create_task(self._report_end(scan, self._work))
        await self._deliver(scan.busy_status())

    async def stop(self, task_id: str | None, acquisition_id: str | None = None) -> None:
        """End the scan; `stopped` is sent when it has ended."""
        if task_id is None and self.bench.calibration is not None:
            self.bench.stop()
        elif self.scan is None or (task_id is not None and task_id != self.scan.task_id):
            await self._deliver(Stopped(task_id=task_id))
        elif _other(acquisition_id, self.scan.payload.acquisition_id):
            _logger.warning("a stop of an earlier start of task %s: not of this one", task_id)
        else:
            self._told_to_stop = True
            self._cancel()

    async def pause(self, task_id: str, *, rest: bool) -> None:
        """Let the scan rest, or go on; `paused` or `resumed` is sent when it does."""
        scan = self.scan
        if scan is None or scan.task_id != task_id or not can_pause(self._scanner):
            _logger.warning("nothing that can pause runs for task %s", task_id)
        elif not scan.stop_requested.is_set():
            await (scan.rest.request() if rest else scan.rest.release())
            if self._pauser is not None:
                self._pauser.follow(self._fail)

    async def calibrate(self, asked: Calibrate) -> None:
        """Calibrate without a scan, or say why not."""
        await self.bench.begin(asked, self.refusal())

    async def tell_again(self, send: Callable[[Message], Awaitable[None]]) -> None:
        """Tell on a new link how it is, where that is not what `register` has said already."""
        if self.status().status is not DeviceState.ONLINE:
            await send(self.status())
        if self.scan is not None:
            await self.scan.rest.tell()

    async def shut_down(self, timeout_s: float) -> None:
        """End the scan because the program of the device ends."""
        self._shutting_down = True
        self._cancel()
        ends = {end for end in (self._end, self.bench.stop()) if end is not None}
        if ends:
            _, late = await asyncio.wait(ends, timeout=timeout_s)
            for end in late:
                _logger.error("the scanner did not come to rest within %s s", timeout_s)
                end.cancel()

    async def recover(self) -> None:
        """The scanner is well again."""
        if self.fault is not None:
            self.fault = None
            self._happened(DeviceEvent.RECOVERED)
            await self._deliver(UpdateStatus(status=DeviceState.ONLINE))

    def status(self) -> UpdateStatus:
        """The state of the device as it is now."""
        if self.fault is not None:
            return UpdateStatus(status=DeviceState.ERROR, data=StatusData(error_message=self.fault))
        if self.scan is not None:
            return self.scan.busy_status()
        return UpdateStatus(status=DeviceState.BUSY if self.busy else DeviceState.ONLINE)

    def refusal(self) -> str | None:
        """Why nothing can begin now, or None when it can."""
        if self.fault is not None:
            return f"the scanner has a fault: {self.fault}"
        if self.scan is not None:
            return f"the scanner is busy with task {self.scan.task_id}"
        if self.bench.calibration is not None:
            return f"the scanner is busy with a calibration ({self.bench.calibration.kind})"
        if self._shutting_down:
            return "the program of the device is ending"
        return None

    async def _carry_out(self, scan: Scan) -> None:
        await self._delivery.scan_began(scan.payload)
        await calibrate_first(self._scanner, scan, self._deliver)
        await self._scanner.scan(scan)

    def _repeated(self, payload: StartPayload) -> str | None:
        """No start is scanned twice, whatever was lost of how it ended."""
        if (payload.id, payload.acquisition_id) in self._ended:
            return "this start has been carried out already; start the task again"
        return None

    def remember(self, task_id: str, acquisition_id: str | None) -> None:
        """An acquisition has ended here: it is not to be carried out again."""
        if acquisition_id is not None:  # a server of version 1 counts no starts
            self._ended[task_id, acquisition_id] = None
            while len(self._ended) > _REMEMBERED:
                del self._ended[next(iter(self._ended))]

    def _cancel(self) -> None:
        if self.scan is not None and self._work is not None:
            self.scan.stop_requested.set()
            self.scan.rest.stop()
            self._work.cancel()

    def _fail(self, error: Exception) -> None:
        """The hardware neither rests nor goes on as it should: the scan ends."""
        self._failure = error
        if self.scan is not None and self._work is not None:
            self.scan.rest.stop()
            self._work.cancel()

    async def _refuse(self, payload: StartPayload, reason: str) -> None:
        _logger.warning("start of task %s refused: %s", payload.id, reason)
        await self._deliver(self._make_scan(payload).error_status(reason))
        await self._deliver(self.status())

    def _calibration_began(self) -> UpdateStatus:
        self._idle.clear()
        self._happened(DeviceEvent.CALIBRATION_STARTED)
        return self.status()

    async def _calibration_ended(self, fault: str | None) -> None:
        self.fault = fault
        ended, failed = DeviceEvent.CALIBRATION_ENDED, DeviceEvent.CALIBRATION_FAILED
        self._happened(failed if fault else ended)
        self._idle.set()
        await self._deliver(self.status())

    async def _report_end(self, scan: Scan, work: asyncio.Task[None]) -> None:
        await asyncio.wait({work})
        if self._pauser is not None:
            await self._pauser.end()
        stopped = self._told_to_stop and not self._shutting_down
        error = self._failure or (None if work.cancelled() else work.exception())
        if isinstance(error, ScannerFaultError):
            self.fault = reason_of(error)
        # the next program delivers what is in the queue: until then the server waits
        kept = self._shutting_down and self._delivery.keeps(scan.payload)
        reason = None if kept else self._reason(scan, work, error)
        self.scan = self._work = self._pauser = None
        self.remember(scan.task_id, scan.payload.acquisition_id)
        self._happened(DeviceEvent.SCAN_FAILED if reason else DeviceEvent.SCAN_ENDED)
        if reason and self.fault is None:
            self._happened(DeviceEvent.RECOVERED)
        self._idle.set()
        if reason:
            _logger.error("task %s failed: %s", scan.task_id, reason, exc_info=error)
            await self._deliver(scan.error_status(reason, getattr(error, "code", None)))
        if stopped:
            await self._deliver(Stopped(task_id=scan.task_id))
        if self.fault is None and not kept:
            await self._deliver(self.status())  # the next scan may run already
        in_vain = reason or ("the scan was stopped" if stopped else None)
        await self._delivery.scan_ended(scan.payload, in_vain)

    def _reason(
        self, scan: Scan, work: asyncio.Task[None], error: BaseException | None
    ) -> str | None:
        """Why the scan failed, or None when it ended as it should."""
        if self.fault is not None:
            return self.fault
        if self._shutting_down:
            return _SHUT_DOWN
        if self._told_to_stop:
            if error is not None:
                _logger.warning("task %s, while it was stopped: %s", scan.task_id, error)
            return None
        if error is not None:
            return reason_of(error)
        return "the program of the scanner gave up the scan" if work.cancelled() else None


def _same(one: StartPayload, other: StartPayload) -> bool:
    return (one.id, one.acquisition_id) == (other.id, other.acquisition_id)


def _other(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one != other
