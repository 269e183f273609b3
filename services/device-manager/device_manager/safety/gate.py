"""The safety gate at a start: what was planned is judged, and passes or is refused."""

from typing import Any
from uuid import UUID

from device_manager.acquisitions.rules import Refusal, raise_refusals
from device_manager.safety.rules import (
    PATIENT_MISSING,
    PlannedScan,
    confirmed,
    refusals,
    verdict,
)
from scanhub_libraries.clock import utc_now
from scanhub_libraries.models import (
    AcquisitionLimits,
    AcquisitionParameter,
    AcquisitionTaskOut,
    ConfirmSafety,
    MRISequenceOut,
    SafetyRecord,
    SafetyVerdict,
    SystemLimits,
)
from scanhub_libraries.security.principal import Principal


def judge(
    task: AcquisitionTaskOut,
    sequence: MRISequenceOut | None,
    patient: AcquisitionLimits | None,
    *,
    device_id: UUID,
    limits: dict[str, Any] | None,
    parameter: dict[str, Any] | None,
    placed: AcquisitionParameter | None = None,
) -> SafetyVerdict:
    """Return the verdict on a task with its sequence, on a device.

    Args:
        task: The plan.
        sequence: What would be sent; None only if the task has none.
        patient: What of the patient bounds the scan.
        device_id: The device.
        limits: What it told of its hardware.
        parameter: Its parameters.
        placed: A draft of the field of view; without it that of the task counts.
    """
    return verdict(
        PlannedScan(
            task_id=task.id,
            device_id=device_id,
            patient=patient,
            sequence_id=sequence.id if sequence else None,
            sequence_sha256=sequence.sha256 if sequence else None,
            facts=sequence.facts if sequence else None,
            acquisition_parameter=placed or task.acquisition_parameter,
            system_limits=SystemLimits.model_validate(limits) if limits else None,
            device_parameter=parameter or {},
        ),
        now=utc_now(),
    )


def gate_refusals(
    found: SafetyVerdict | None, confirmation: ConfirmSafety | None, principal: Principal
) -> list[Refusal]:
    """Return what the gate has against a start; nothing if it was not asked."""
    return [] if found is None else refusals(found, confirmation, principal)


def extension(found: SafetyVerdict | None) -> dict[str, Any]:
    """Return the member of a problem document that carries a verdict."""
    return {} if found is None else {"safety": found.model_dump(mode="json")}


def kept_reason(found: dict[str, Any]) -> str:
    """Return the reason that task and journal keep: what it was, and no number of the patient."""
    outcome = found["outcome"]
    codes = [
        reason["code"] for reason in found["reasons"] if reason["severity"] in ("refuse", "confirm")
    ]
    what = "a person has to confirm it" if outcome == "confirm" else "the safety gate refuses it"
    return f"Not started: {what} ({', '.join(dict.fromkeys(codes))})."


def looks_open(
    found: SafetyVerdict, confirmation: ConfirmSafety | None, principal: Principal
) -> bool:
    """Say whether a guess at the plan would pass; the patient need not be known yet."""
    known = [reason for reason in found.reasons if reason.code != PATIENT_MISSING]
    return not refusals(found.model_copy(update={"reasons": known}), confirmation, principal)


def admit(
    found: SafetyVerdict, confirmation: ConfirmSafety | None, principal: Principal
) -> SafetyRecord:
    """Return what is kept with an acquisition that may begin.

    Raises:
        ScanHubError: It may not; `reasons` has every reason, `safety` the verdict.
    """
    raise_refusals(refusals(found, confirmation, principal), **extension(found))
    by_whom = confirmed(found, confirmation, principal, now=utc_now())
    return SafetyRecord(verdict=found, confirmation=by_whom)
