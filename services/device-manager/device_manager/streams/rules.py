"""What a stream may be: whose, how large, how fast. Pure."""

from device_manager.acquisitions.rules import AcquisitionState
from scanhub_libraries.errors import GoneError, PayloadTooLargeError

_STOPS = frozenset({AcquisitionState.STOPPING, AcquisitionState.STOPPED})
_ENDED = frozenset({AcquisitionState.FINISHED, AcquisitionState.STOPPED, AcquisitionState.FAILED})


def check_takes_stream(state: AcquisitionState) -> None:
    """Refuse a stream of a scan that has ended.

    Raises:
        GoneError: It has.
    """
    if state in _ENDED:
        raise GoneError(f"The acquisition has ended ({state}): there is nothing to preview.")


def check_size(size_bytes: int, largest: int) -> None:
    """Refuse what is too much for a preview.

    Raises:
        PayloadTooLargeError: It is.
    """
    if size_bytes > largest:
        raise PayloadTooLargeError(
            f"The stream has more than {largest} bytes; the preview ends here. The file of the "
            "scan is not concerned: send it."
        )


def ended_with_scan(state: AcquisitionState, *, stopped: bool) -> str | None:
    """Return why a device hung up that ended its scan: it says no goodbye then; None: it did not.

    Args:
        state: Of the acquisition.
        stopped: A stop was asked for.
    """
    if state is AcquisitionState.FAILED:
        return "the scan failed"
    if state is not AcquisitionState.FINISHED and (stopped or state in _STOPS):
        return "the scan was stopped"
    return None


class Pace:
    """Says how long to wait so that on average no more than so many bytes come in a second.

    Args:
        bytes_per_second: The rate.
        now: The time of a clock that never goes back [s].
    """

    def __init__(self, bytes_per_second: float, now: float) -> None:
        self._rate = bytes_per_second
        self._free_at = now

    def delay(self, size_bytes: int, now: float) -> float:
        """Return the wait after so many bytes [s]. One second's worth may come at once."""
        self._free_at = max(self._free_at, now - 1.0) + size_bytes / self._rate
        return max(0.0, self._free_at - now)
