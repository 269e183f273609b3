"""Where simulated scanners run, in the words of whoever asks for them."""

from typing import Protocol
from uuid import UUID

from device_manager.simulators.rules import NOT_HERE
from scanhub_libraries.errors import ForbiddenError
from scanhub_libraries.models import DeviceCredentials


class Park(Protocol):
    """Starts simulated scanners beside the server, and ends them."""

    device_type: str
    """What they say they are."""

    def refusal(self) -> str | None:
        """Return why none can be started now; None when one can."""

    def running(self) -> list[UUID]:
        """Return the devices whose simulated scanner runs."""

    async def start(self, credentials: DeviceCredentials, name: str) -> None:
        """Start the scanner of a device, in the place of one that runs."""

    async def stop(self, device_id: UUID) -> None:
        """End the scanner of a device for good; harmless when none runs."""


class NoPark:
    """Where none can be started."""

    device_type = ""

    def refusal(self) -> str | None:
        """Say why not."""
        return NOT_HERE

    def running(self) -> list[UUID]:
        """Return none."""
        return []

    async def start(self, credentials: DeviceCredentials, name: str) -> None:
        """Refuse.

        Raises:
            ForbiddenError: Always.
        """
        raise ForbiddenError(f"{NOT_HERE} {name} ({credentials.device_id}) was not started.")

    async def stop(self, device_id: UUID) -> None:
        """Do nothing: none runs."""
