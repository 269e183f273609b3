"""Which state of an acquisition may follow which, and who may start or report. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from scanhub_libraries.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    ScanHubError,
    UnavailableError,
    UnprocessableError,
)
from scanhub_libraries.models import AcquisitionTaskOut, DeviceStatus, ItemStatus
from scanhub_libraries.security.principal import Principal, PrincipalKind


class AcquisitionState(StrEnum):
    """State of an acquisition."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"
    RUNNING = "running"
    PAUSED = "paused"
    LOST = "lost"
    STOPPING = "stopping"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"


_S = AcquisitionState
_ENDS = frozenset({_S.FINISHED, _S.STOPPED, _S.FAILED})
OPEN_STATES = frozenset(AcquisitionState) - _ENDS
GATE_CLOSED = "safety"
"""`error_code` of an acquisition that the safety gate refused: nothing was sent to the device."""

TRANSITIONS: dict[AcquisitionState, frozenset[AcquisitionState]] = {
    _S.REQUESTED: frozenset({_S.ACCEPTED, _S.RUNNING, _S.STOPPING}) | _ENDS,
    _S.ACCEPTED: frozenset({_S.RUNNING, _S.LOST, _S.STOPPING}) | _ENDS,
    _S.RUNNING: frozenset({_S.PAUSED, _S.LOST, _S.STOPPING}) | _ENDS,
    _S.PAUSED: frozenset({_S.RUNNING, _S.LOST, _S.STOPPING}) | _ENDS,
    # The device holds its scan while nobody hears it: it may come back with it in any state.
    _S.LOST: frozenset({_S.ACCEPTED, _S.RUNNING, _S.PAUSED, _S.STOPPING}) | _ENDS,
    # Data that is whole in spite of a stop is kept: the scan had finished. A stop that was asked
    # for is not forgotten while the device is away: it is told again when it comes back.
    _S.STOPPING: _ENDS,
    _S.FINISHED: frozenset(),
    _S.STOPPED: frozenset(),
    _S.FAILED: frozenset(),
}
_IN_HANDS = frozenset({ItemStatus.STARTED, ItemStatus.INPROGRESS, ItemStatus.PAUSED})


def may_become(state: AcquisitionState, to: AcquisitionState) -> bool:
    """Say whether an acquisition may go from one state to another."""
    return to in TRANSITIONS[state]


# --- may this task be started on this device? -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class DeviceSituation:
    """What matters of a device when a task asks for it."""

    name: str
    status: DeviceStatus
    status_detail: str | None
    online: bool
    open_task_id: UUID | None
    calibrating: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason against a start."""

    error: type[ScanHubError]
    reason: str


# The status of an answer with several reasons: what is missing, what is wrong, what will pass.
_PRECEDENCE: Sequence[type[ScanHubError]] = (
    NotFoundError,
    UnprocessableError,
    ForbiddenError,
    UnavailableError,
    ConflictError,
)


def start_refusals(
    task: AcquisitionTaskOut, device: DeviceSituation | None, *, sequence_found: bool
) -> list[Refusal]:
    """Return every reason why the task cannot be started on its device now."""
    return [*_task_refusals(task, sequence_found=sequence_found), *_device_refusals(task, device)]


def _task_refusals(task: AcquisitionTaskOut, *, sequence_found: bool) -> Iterator[Refusal]:
    if task.is_template:
        yield Refusal(UnprocessableError, "The task is a template: make an exam from it first.")
    if task.workflow_id is None:
        yield Refusal(UnprocessableError, "The task belongs to no workflow.")
    if not task.sequence_id and not task.calibration:
        yield Refusal(
            UnprocessableError, "The task has neither a sequence nor a calibration: choose one."
        )
    if task.sequence_id and not sequence_found:
        yield Refusal(NotFoundError, "The sequence of the task does not exist: choose another.")
    if task.status in _IN_HANDS:
        yield Refusal(ConflictError, f"The task is being carried out ({task.status}).")


def _device_refusals(task: AcquisitionTaskOut, device: DeviceSituation | None) -> Iterator[Refusal]:
    if task.device_id is None:
        yield Refusal(NotFoundError, "The task has no device: choose one.")
        return
    if device is None:
        yield Refusal(NotFoundError, "The device of the task does not exist: choose another.")
        return
    yield from device_refusals(device)


def device_refusals(device: DeviceSituation) -> Iterator[Refusal]:
    """Return every reason why nothing can be begun on a device now."""
    if not device.online:
        yield Refusal(UnavailableError, f"Device offline: {device.name} is not connected.")
    if device.open_task_id is not None:
        yield Refusal(
            ConflictError,
            f"Device is busy: {device.name} is carrying out task {device.open_task_id}.",
        )
    elif device.calibrating:
        yield Refusal(
            ConflictError,
            f"Device is busy: {device.name} calibrates. Wait for it, or stop it.",
        )
    elif device.online and device.status is DeviceStatus.BUSY:
        yield Refusal(ConflictError, f"Device is busy: {device.name} says so itself.")
    if device.online and device.status is DeviceStatus.ERROR:
        detail = device.status_detail or "it gave no reason"
        yield Refusal(ConflictError, f"{device.name} reports an error: {detail}")


def raise_refusals(refusals: Sequence[Refusal], **extensions: Any) -> None:
    """Raise one error that names all reasons, if there are any."""
    if not refusals:
        return
    kinds = {refusal.error for refusal in refusals}
    error = next(kind for kind in _PRECEDENCE if kind in kinds)
    reasons = [refusal.reason for refusal in refusals]
    raise error(" ".join(reasons), reasons=reasons, **extensions)


# --- may this device report on this acquisition? --------------------------------------------------


def check_task_token(principal: Principal, device_id: UUID, task_id: UUID) -> UUID:
    """Return the acquisition that a task token speaks for.

    Raises:
        ForbiddenError: It is no task token, or one of another device or task.
    """
    if principal.kind is not PrincipalKind.TASK or principal.claim_id is None:
        raise ForbiddenError("user_access_token: this is not the token that came with `start`.")
    if principal.device_id != device_id:
        raise ForbiddenError("user_access_token: this token belongs to another device.")
    if principal.task_id != task_id:
        raise ForbiddenError("user_access_token: this token belongs to another task.")
    return principal.claim_id
