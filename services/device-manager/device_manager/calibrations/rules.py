"""May this device calibrate now? Pure."""

from collections.abc import Iterator

from device_manager.acquisitions.rules import DeviceSituation, Refusal, device_refusals
from scanhub_libraries.errors import ConflictError

CALIBRATE = "calibrate"


def calibration_refusals(
    device: DeviceSituation, capabilities: frozenset[str]
) -> Iterator[Refusal]:
    """Return every reason why the device cannot be calibrated now."""
    yield from device_refusals(device)
    if device.online and CALIBRATE not in capabilities:
        yield Refusal(ConflictError, f"{device.name} does not announce that it can calibrate.")
