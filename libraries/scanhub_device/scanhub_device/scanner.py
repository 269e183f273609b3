"""What the builder of a device writes: a Scanner, and what it may offer beyond scanning."""

from typing import Any, Protocol, runtime_checkable

from scanhub_device.calibration import Calibration, CalibrationResult
from scanhub_device.messages import DeviceDetails
from scanhub_device.scan import Scan


class Scanner(Protocol):
    """What the builder of a device writes.

    `scan` returns when the data is uploaded. It is cancelled when the scan is to stop, and must
    not end before the scanner is at rest: its end is what the technician gets confirmed.
    It raises ScanError when the scan failed and ScannerFaultError when the scanner is broken.

    A scanner that has the methods of PausingScanner or CalibratingScanner too offers these to the
    technician; one that has not is never asked for them.
    """

    @property
    def details(self) -> DeviceDetails:
        """What the scanner says of itself when it connects."""
        ...

    async def scan(self, scan: Scan, /) -> None:
        """Play the sequence, report progress, upload the data."""
        ...


@runtime_checkable
class RestingScanner(Protocol):
    """A scanner whose `scan` waits in `wait_while_paused` (or `rest_while_paused`) by itself.

    Attributes:
        can_pause: True to offer it to the technician.
    """

    can_pause: bool


@runtime_checkable
class PausingScanner(Protocol):
    """A scanner whose hardware rests and goes on while `scan` runs on.

    One of the two runs at a time. A stop cancels them and `scan`; both have to be ready for it. An
    error in one of them ends the scan: nobody knows any more what the hardware does.
    """

    async def pause(self, scan: Scan, /) -> None:
        """Let the hardware rest; returns when it does."""
        ...

    async def resume(self, scan: Scan, /) -> None:
        """Let the hardware go on; returns when it does."""
        ...


@runtime_checkable
class CalibratingScanner(Protocol):
    """A scanner that calibrates: before a scan that asks for it, or by itself."""

    async def calibrate(self, calibration: Calibration, /) -> CalibrationResult:
        """Measure; raises ScanError when it cannot, ScannerFaultError when it is broken.

        It is cancelled when it is to stop, as `scan` is.
        """
        ...


@runtime_checkable
class ParameterListener(Protocol):
    """A scanner that wants to know when its parameters were changed on the server."""

    async def parameter_changed(self, parameter: dict[str, Any], version: int, /) -> None:
        """Take all parameters, as they hold from the next scan on. Called while nothing runs."""
        ...


@runtime_checkable
class StreamingScanner(Protocol):
    """A scanner whose `scan` sends its readouts by `scan.stream` while it acquires them.

    Attributes:
        can_stream: True to offer it to the server.
    """

    can_stream: bool


def can_pause(scanner: Scanner) -> bool:
    """Say whether the scanner offers to pause."""
    if isinstance(scanner, RestingScanner) and scanner.can_pause:
        return True
    return isinstance(scanner, PausingScanner)


def capabilities_of(scanner: Scanner) -> tuple[str, ...]:
    """Return what the device knows beyond version 1, by the words of the wire."""
    words = ["ack", "stop", "idle", "parameter_update"]
    if can_pause(scanner):
        words.append("pause")
    if isinstance(scanner, CalibratingScanner):
        words.append("calibrate")
    if isinstance(scanner, StreamingScanner) and scanner.can_stream:
        words.append("stream")
    return tuple(words)
