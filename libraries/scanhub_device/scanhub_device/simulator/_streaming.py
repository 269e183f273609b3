"""The stream of a scan, and what goes wrong with it on purpose."""

from typing import Any

from scanhub_device.simulator.faults import FaultKind
from scanhub_device.stream import AcquisitionStream

STREAM_FAULTS = frozenset(
    {FaultKind.STREAM_BREAK, FaultKind.STREAM_STALL, FaultKind.STREAM_GARBAGE}
)
_GARBAGE = b"\xfe\xed" * 1000


class Sender:
    """Sends readouts while they are acquired."""

    def __init__(self, stream: AcquisitionStream) -> None:
        self._stream = stream
        self._stalled = False

    def put(self, acquisition: Any) -> None:
        """Send a readout, unless the stream stalls."""
        if not self._stalled:
            self._stream.put(acquisition)

    def strike(self, kind: FaultKind) -> None:
        """Let something happen to the stream; the scan does not notice."""
        match kind:
            case FaultKind.STREAM_BREAK:
                self._stream.abort("a fault on purpose")
            case FaultKind.STREAM_STALL:
                self._stalled = True
            case FaultKind.STREAM_GARBAGE:
                self._stream.put_message(_GARBAGE)

    def close(self) -> None:
        """A stream that stalls says no goodbye."""
        if self._stalled:
            self._stream.abort("a fault on purpose")
