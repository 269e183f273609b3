"""Which devices a simulated scanner may stand in for."""

from scanhub_libraries.errors import ConflictError

NOT_HERE = (
    "This server starts no simulated scanners: its setting SCANHUB_SIMULATORS is off, or "
    "device-manager runs alone. Start one by hand: scanhub simulate-device."
)


def check_stands_in(device_type: str | None, simulated: str) -> None:
    """Refuse to take the token of a real scanner away.

    Args:
        device_type: What the device has said it is; None: it was never connected.
        simulated: What simulated scanners say.

    Raises:
        ConflictError: It is a device of another type.
    """
    if device_type not in (None, simulated):
        raise ConflictError(
            f"This is a scanner of type {device_type!r}, which a simulated one cannot stand in "
            "for: leave device_id out, and a device is made."
        )
