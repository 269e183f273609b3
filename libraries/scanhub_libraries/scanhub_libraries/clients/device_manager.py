"""Client of device-manager."""

from uuid import UUID

from scanhub_libraries.clients.base import ServiceClient
from scanhub_libraries.models import (
    AcquisitionOut,
    AcquisitionTaskOut,
    ConfirmSafety,
    DeviceOut,
    SafetyRequest,
    SafetyVerdict,
    StartResult,
    StopRequest,
    StopResult,
)

DEVICE = "/api/v1/device"


class DeviceManagerClient(ServiceClient):
    """The scanners."""

    service = "device-manager"

    async def list_devices(self, *, token: str | None = None) -> list[DeviceOut]:
        """Return all devices."""
        return await self.call(list[DeviceOut], "GET", f"{DEVICE}/", token=token)

    async def get_device(self, device_id: UUID, *, token: str | None = None) -> DeviceOut:
        """Return a device."""
        return await self.call(DeviceOut, "GET", f"{DEVICE}/{device_id}", token=token)

    async def start_scan(
        self,
        task: AcquisitionTaskOut,
        *,
        confirmation: ConfirmSafety | None = None,
        token: str | None = None,
    ) -> StartResult:
        """Start an acquisition on its device."""
        body = task.model_dump(mode="json")
        if confirmation is not None:
            body["safety_confirmation"] = confirmation.model_dump(mode="json")
        return await self.call(
            StartResult,
            "POST",
            f"{DEVICE}/start_scan_via_websocket",
            json=body,
            token=token,
        )

    async def find_acquisition(
        self, task_id: UUID, *, token: str | None = None
    ) -> AcquisitionOut | None:
        """Return the latest acquisition of a task."""
        found = await self.call(
            list[AcquisitionOut],
            "GET",
            f"{DEVICE}/acquisitions",
            params={"task_id": str(task_id), "limit": 1},
            token=token,
        )
        return found[0] if found else None

    async def judge_scan(
        self, device_id: UUID, request: SafetyRequest, *, token: str | None = None
    ) -> SafetyVerdict:
        """Return every reason for and against a start, and start nothing."""
        return await self.call(
            SafetyVerdict,
            "POST",
            f"{DEVICE}/{device_id}/safety",
            json=request.model_dump(mode="json"),
            token=token,
        )

    async def stop(
        self, device_id: UUID, request: StopRequest, *, token: str | None = None
    ) -> StopResult:
        """Stop what runs on a device."""
        return await self.call(
            StopResult,
            "POST",
            f"{DEVICE}/{device_id}/stop",
            json=request.model_dump(mode="json"),
            token=token,
        )
