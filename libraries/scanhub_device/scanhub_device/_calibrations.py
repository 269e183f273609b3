"""Calibrations: those that a scan asks for, and those that are asked for by themselves."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable

from scanhub_device.calibration import Calibration, CalibrationResult
from scanhub_device.errors import ScanError, ScannerFaultError
from scanhub_device.messages import Calibrate, Calibrated, Message, Stopped
from scanhub_device.scan import Scan
from scanhub_device.scanner import CalibratingScanner, Scanner

_logger = logging.getLogger(__name__)
_Deliver = Callable[[Message], Awaitable[None]]
_CANNOT = "this scanner cannot calibrate"


async def calibrate_first(scanner: Scanner, scan: Scan, deliver: _Deliver) -> None:
    """Carry out the calibrations that the scan asks for; it is played with what they give.

    Raises:
        ScanError: the scanner cannot, or a calibration failed.
        ScannerFaultError: the scanner is broken.
    """
    for kind in scan.payload.calibration:
        if not isinstance(scanner, CalibratingScanner):
            raise ScanError(
                f"{_CANNOT}, and the task asks for: {', '.join(scan.payload.calibration)}; "
                "take it out of the task"
            )
        calibration = Calibration(
            kind, dict(scan.device_parameter), scan=scan, stop_requested=scan.stop_requested
        )
        about = Calibrated(
            kind=kind, task_id=scan.task_id, user_access_token=scan.payload.access_token
        )
        try:
            result = await _measure(scanner, calibration)
        except Exception as error:
            failed = {"error_message": reason_of(error)}
            await deliver(about.model_copy(update=failed))
            if isinstance(error, ScannerFaultError):
                raise
            raise ScanError(f"calibration of {kind} failed: {reason_of(error)}") from error
        scan.device_parameter.update(result.values)
        await deliver(_with(about, result))


def reason_of(error: BaseException) -> str:
    """Return what to tell of an error."""
    return str(error) or type(error).__name__


async def _measure(scanner: CalibratingScanner, calibration: Calibration) -> CalibrationResult:
    """Calibrate; what comes back can be told."""
    result = await scanner.calibrate(calibration)
    if not isinstance(result, CalibrationResult):
        raise ScanError("`calibrate` of this scanner has to return a CalibrationResult")
    try:
        json.dumps([result.values, result.quality])
    except (TypeError, ValueError) as error:
        raise ScanError(f"what was measured is no plain numbers and texts: {error}") from error
    return result


def _with(about: Calibrated, result: CalibrationResult) -> Calibrated:
    return about.model_copy(update={"values": result.values, "quality": result.quality or None})


class Bench:
    """Calibrations without a scan, one at a time.

    Args:
        scanner: what calibrates.
        deliver: sends a message, now or when there is a link.
        began: told when one begins; returns what to tell of the device.
        ended: told when it has ended, with the fault of the scanner if there is one.
    """

    def __init__(
        self,
        scanner: Scanner,
        deliver: _Deliver,
        began: Callable[[], Message],
        ended: Callable[[str | None], Awaitable[None]],
    ) -> None:
        self._scanner = scanner
        self._deliver = deliver
        self._began = began
        self._ended = ended
        self._id: str | None = None
        self._work: asyncio.Task[CalibrationResult] | None = None
        self._end: asyncio.Task[None] | None = None
        self.calibration: Calibration | None = None

    async def begin(self, asked: Calibrate, refusal: str | None) -> None:
        """Begin, or say why not. The same command again changes nothing."""
        if self.calibration is not None and self._id == asked.calibration_id:
            return
        if not isinstance(self._scanner, CalibratingScanner):
            refusal = _CANNOT
        about = Calibrated(calibration_id=asked.calibration_id, kind=asked.kind)
        if refusal is not None or not isinstance(self._scanner, CalibratingScanner):
            _logger.warning("calibration of %s refused: %s", asked.kind, refusal)
            await self._deliver(about.model_copy(update={"error_message": refusal}))
            return
        self._id = asked.calibration_id
        self.calibration = calibration = Calibration(asked.kind, dict(asked.device_parameter))
        busy = self._began()
        self._work = asyncio.create_task(_measure(self._scanner, calibration))
        self._end = asyncio.create_task(self._report(calibration, self._work, about))
        await self._deliver(busy)

    def stop(self) -> asyncio.Task[None] | None:
        """End what runs; returns what ends when it has been told."""
        if self.calibration is not None:
            self.calibration.stop_requested.set()
            if self._work is not None:
                self._work.cancel()
        return self._end

    async def _report(
        self,
        calibration: Calibration,
        work: asyncio.Task[CalibrationResult],
        about: Calibrated,
    ) -> None:
        await asyncio.wait({work})
        stopped, fault = calibration.stop_requested.is_set(), None
        error = None if work.cancelled() else work.exception()
        if isinstance(error, ScannerFaultError):
            fault = reason_of(error)
        if error is not None:
            _logger.error("calibration of %s failed: %s", about.kind, error, exc_info=error)
            answer = about.model_copy(update={"error_message": reason_of(error)})
        elif stopped or work.cancelled():
            answer = about.model_copy(update={"error_message": "the calibration was stopped"})
        else:
            answer = _with(about, work.result())
        self.calibration = self._work = self._id = None
        await self._deliver(answer)
        if stopped:
            await self._deliver(Stopped())
        await self._ended(fault)
