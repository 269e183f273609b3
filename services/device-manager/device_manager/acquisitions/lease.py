"""Leases in memory: what runs on each device, so that a progress message costs no query.

The table `acquisition` is the truth; a lease follows it after each commit.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from device_manager.acquisitions.models import Acquisition
from device_manager.acquisitions.rules import OPEN_STATES, AcquisitionState
from scanhub_libraries.models import AcquisitionPayload, CalibrationType


@dataclass(slots=True, eq=False)
class Lease:
    """An acquisition as the running process knows it."""

    id: UUID
    task_id: UUID
    workflow_id: UUID
    device_id: UUID
    state: AcquisitionState
    exam_id: UUID | None = None
    device_parameter: dict[str, Any] = field(default_factory=dict)
    parameter_version: int | None = None
    """Of `device_parameter`; None: the device has none."""
    calibration: list[CalibrationType] = field(default_factory=list)
    """What was planned to be calibrated first."""
    files: list[dict[str, Any]] = field(default_factory=list)
    stop_reason: str | None = None
    progress: int = 0
    payload: AcquisitionPayload | None = None
    """What was sent and not yet confirmed: a device that comes back gets it again."""
    system_limits: dict[str, Any] | None = None
    """Of the device, as it told them (SystemLimits)."""
    safety: dict[str, Any] | None = None
    """What the safety gate found (SafetyRecord); written with the next change of state."""
    uploading: bool = False
    here: bool = True
    """False: the device has come home to another process, which knows better."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def is_open(self) -> bool:
        """Say whether the device is held."""
        return self.state in OPEN_STATES


def lease_of(row: Acquisition, device_parameter: dict[str, Any] | None = None) -> Lease:
    """Return the lease of a row."""
    return Lease(
        id=row.id,
        task_id=row.task_id,
        workflow_id=row.workflow_id,
        device_id=row.device_id,
        state=row.state,
        exam_id=row.exam_id,
        device_parameter=dict(device_parameter or {}),
        parameter_version=row.parameter_version,
        files=list(row.files),
        stop_reason=row.stop_reason,
        progress=row.progress,
    )


class LeaseBook:
    """The latest lease of every device."""

    def __init__(self) -> None:
        self._by_device: dict[UUID, Lease] = {}

    def add(self, lease: Lease) -> None:
        """Take in a lease; it takes the place of the device's former one."""
        self._by_device[lease.device_id] = lease

    def latest(self, device_id: UUID) -> Lease | None:
        """Return the device's latest lease, open or ended."""
        return self._by_device.get(device_id)

    def find_open(self, device_id: UUID) -> Lease | None:
        """Return what runs on the device."""
        lease = self._by_device.get(device_id)
        return lease if lease is not None and lease.is_open else None

    def forget(self, device_id: UUID) -> None:
        """Drop what is known of a device."""
        self._by_device.pop(device_id, None)

    def devices(self) -> list[UUID]:
        """Return the devices of which a lease is known, open or ended."""
        return list(self._by_device)

    def find(self, acquisition_id: UUID) -> Lease | None:
        """Return what runs, by its own id."""
        return next((lease for lease in self.all_open() if lease.id == acquisition_id), None)

    def all_open(self) -> list[Lease]:
        """Return what runs anywhere."""
        return [lease for lease in self._by_device.values() if lease.is_open]
