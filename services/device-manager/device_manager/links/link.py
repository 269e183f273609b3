"""What the rest of device-manager needs of a link to a scanner, in its own words."""

from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from device_manager.links.commands import Feedback
from device_manager.links.protocol import CloseCode
from scanhub_libraries.models import AcquisitionPayload, CalibrationType


class LinkClosedError(Exception):
    """The link broke before the message was out."""


class DeviceLink(Protocol):
    """A live connection to one scanner."""

    @property
    def device_id(self) -> UUID:
        """Whose link it is."""
        ...

    @property
    def home_version(self) -> int:
        """Which homecoming of the device opened it; the highest is the latest."""
        ...

    @property
    def token_rotated_at(self) -> datetime | None:
        """When the token was made with which it was opened."""
        ...

    @property
    def parameter_version(self) -> int:
        """Which version of its parameters the device has, as far as is known."""
        ...

    @property
    def registered(self) -> bool:
        """Say whether the device has introduced itself."""
        ...

    @property
    def capabilities(self) -> frozenset[str]:
        """Commands beyond version 1 that the device knows."""
        ...

    @property
    def last_heard_at(self) -> datetime:
        """When the device was last heard."""
        ...

    async def start(self, payload: AcquisitionPayload) -> None:
        """Send a scan to the device; returns when it is on its way.

        Raises:
            LinkClosedError: It could not be sent.
        """
        ...

    async def stop(self, task_id: UUID | None, acquisition_id: UUID | None) -> None:
        """Tell the device to stop, before anything else that waits to be sent.

        Raises:
            LinkClosedError: It could not be sent.
        """
        ...

    async def pause(self, task_id: UUID, acquisition_id: UUID) -> None:
        """Tell the device to let the scan rest.

        Raises:
            LinkClosedError: It could not be sent.
        """
        ...

    async def resume(self, task_id: UUID, acquisition_id: UUID) -> None:
        """Tell the device to let the scan go on.

        Raises:
            LinkClosedError: It could not be sent.
        """
        ...

    async def calibrate(
        self, calibration_id: UUID, kind: CalibrationType, device_parameter: dict[str, Any]
    ) -> None:
        """Tell the device to calibrate.

        Raises:
            LinkClosedError: It could not be sent.
        """
        ...

    def knows_parameter(self, version: int) -> None:
        """The device has parameters of this version."""
        ...

    def update_parameter(self, parameter: dict[str, Any], version: int) -> None:
        """Send parameters that are in force now, unless newer ones were sent; never waits."""
        ...

    def tell(self, feedback: Feedback) -> None:
        """Send a word about what the device has sent; never waits."""
        ...

    def close(self, reason: str, code: CloseCode = CloseCode.POLICY_VIOLATION) -> None:
        """End the link, saying why; never waits."""
        ...
