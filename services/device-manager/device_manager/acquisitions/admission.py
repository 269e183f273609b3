"""Who asks for a start, and the safety gate on its way: what was planned, and what was taken."""

from dataclasses import dataclass
from uuid import UUID

from device_manager.acquisitions import service
from device_manager.acquisitions.control_room import ControlRoom
from device_manager.acquisitions.lease import Lease
from device_manager.devices.models import Device
from device_manager.safety.gate import admit, judge
from scanhub_libraries.database import transaction
from scanhub_libraries.models import (
    AcquisitionLimits,
    AcquisitionTaskOut,
    ConfirmSafety,
    MRISequenceOut,
    SafetyRecord,
    SafetyVerdict,
)
from scanhub_libraries.security.principal import Principal


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks for a start, and what they say with it."""

    principal: Principal
    key: UUID | None = None
    """Id of this very start; repeating it starts nothing."""
    confirmation: ConfirmSafety | None = None
    """What a person takes over that the safety gate does not pass by itself."""

    @property
    def token(self) -> str:
        """Return the token that exam-manager is asked with."""
        return self.principal.token


@dataclass(frozen=True, slots=True)
class Plan:
    """What is known of a task before its device is taken."""

    sequence_found: bool
    sequence: MRISequenceOut | None = None
    patient: AcquisitionLimits | None = None
    """None: not known yet; the safety gate judges after the claim."""


def judge_plan(task: AcquisitionTaskOut, plan: Plan, device: Device | None) -> SafetyVerdict | None:
    """Return the verdict before anything is taken; None while too little is known for one."""
    if device is None or plan.patient is None or not plan.sequence_found:
        return None
    return judge(
        task,
        plan.sequence,
        plan.patient,
        device_id=device.id,
        limits=device.system_limits,
        parameter=device.parameter,
    )


def judge_taken(
    task: AcquisitionTaskOut,
    sequence: MRISequenceOut | None,
    patient: AcquisitionLimits | None,
    lease: Lease,
) -> SafetyVerdict:
    """Return the verdict on what would be sent to the device that was taken."""
    return judge(
        task,
        sequence,
        patient,
        device_id=lease.device_id,
        limits=lease.system_limits,
        parameter=lease.device_parameter,
    )


async def pass_gate(room: ControlRoom, lease: Lease, found: SafetyVerdict, asker: Asker) -> None:
    """Keep what the gate found with the acquisition; a confirmation is on record before the start.

    Without one, it is written with the device's answer: a start waits for no second commit.
    """
    lease.safety = SafetyRecord(verdict=found).model_dump(mode="json")
    record = admit(found, asker.confirmation, asker.principal)
    if record.confirmation is None:
        return
    lease.safety = record.model_dump(mode="json")
    async with lease.lock, transaction(room.sessions) as session:
        await service.note_safety(session, lease.id, lease.safety)
