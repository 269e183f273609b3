"""The safety gate: one pure function that returns every reason, and who may overrule which.

These are checks before a scan, on what is planned. The scanner's own supervision while it scans
(IEC 60601-2-33) is what protects the patient; docs/safety.md has each limit with its source.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from device_manager.acquisitions.rules import Refusal
from device_manager.safety.exposure import (
    Exposure,
    coefficient_of,
    exposure_of,
    exposure_reasons,
)
from device_manager.safety.findings import note
from device_manager.safety.flags import flag_reasons
from device_manager.safety.hardware import (
    coverage,
    hardware_reasons,
    impossible_placement,
    timing_reasons,
    told,
)
from device_manager.safety.placement import Placement, placement_of
from device_manager.safety.standard import FIRST_LEVEL_CLAUSE, Level
from device_manager.safety.stimulation import Stimulation, stimulation_of, stimulation_reasons
from scanhub_libraries.errors import ConflictError, ForbiddenError, UnprocessableError
from scanhub_libraries.models import (
    AcquisitionLimits,
    AcquisitionParameter,
    ConfirmSafety,
    OperatingMode,
    SafetyBasis,
    SafetyConfirmation,
    SafetyEstimates,
    SafetyOutcome,
    SafetyReason,
    SafetySeverity,
    SafetyVerdict,
    SequenceFacts,
    SystemLimits,
)
from scanhub_libraries.security.access import FIRST_LEVEL
from scanhub_libraries.security.principal import Principal

PATIENT_MISSING = "patient-limits"
_OUTCOMES = {
    SafetySeverity.REFUSE: SafetyOutcome.REFUSE,
    SafetySeverity.CONFIRM: SafetyOutcome.CONFIRM,
}


@dataclass(frozen=True, slots=True)
class PlannedScan:
    """What would be played, on what, on whom."""

    task_id: UUID
    device_id: UUID
    patient: AcquisitionLimits | None
    sequence_id: str | None = None
    sequence_sha256: str | None = None
    facts: SequenceFacts | None = None
    acquisition_parameter: AcquisitionParameter | None = None
    system_limits: SystemLimits | None = None
    device_parameter: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Found:
    reasons: list[SafetyReason] = field(default_factory=list)
    exposure: Exposure | None = None
    stimulation: Stimulation | None = None
    placement: Placement | None = None


def verdict(scan: PlannedScan, *, now: datetime) -> SafetyVerdict:
    """Return every reason for and against a scan, the gravest first."""
    found = _Found(list(_patient_reasons(scan.patient)))
    _judge_sequence(scan, found)
    order = list(SafetySeverity)
    reasons = sorted(found.reasons, key=lambda reason: order.index(reason.severity))
    gravest = reasons[0].severity if reasons else SafetySeverity.NOTE
    basis = _basis(scan)
    return SafetyVerdict(
        outcome=_OUTCOMES.get(gravest, SafetyOutcome.PASS),
        operating_mode=_operating_mode(found),
        reasons=reasons,
        estimates=_estimates(scan, found),
        basis=basis,
        fingerprint=fingerprint(basis),
        evaluated_at=now,
    )


def fingerprint(basis: SafetyBasis) -> str:
    """Return a hash of what a verdict is about."""
    return hashlib.sha256(basis.model_dump_json().encode()).hexdigest()


def _basis(scan: PlannedScan) -> SafetyBasis:
    coefficient = coefficient_of(scan.device_parameter)
    return SafetyBasis(
        task_id=scan.task_id,
        device_id=scan.device_id,
        sequence_id=scan.sequence_id,
        sequence_sha256=scan.sequence_sha256,
        analysis_version=scan.facts.analysis_version if scan.facts else None,
        patient=scan.patient,
        acquisition_parameter=scan.acquisition_parameter,
        system_limits=scan.system_limits,
        sar_coefficient=coefficient if coefficient is not None and coefficient > 0 else None,
    )


def _patient_reasons(patient: AcquisitionLimits | None) -> Iterator[SafetyReason]:
    if patient is None or patient.patient_weight < 1 or patient.patient_height <= 0:
        yield SafetyReason(
            code=PATIENT_MISSING,
            severity=SafetySeverity.REFUSE,
            text="The patient's weight or height is not known; the weight bounds the SAR. Enter "
            "both in the patient's record.",
            quantity="patient_weight",
            unit="kg",
        )
    if patient is not None:
        yield from flag_reasons(patient)


def _judge_sequence(scan: PlannedScan, found: _Found) -> None:
    if scan.sequence_id is None:
        text = "The task has no sequence: the calibration is the device's own, and not checked."
        found.reasons.append(note("no-sequence", text))
        return
    found.placement = placement_of(scan.acquisition_parameter)
    if found.placement is None:
        found.reasons.append(impossible_placement())
    found.reasons += coverage(scan.system_limits)
    if scan.facts is None:
        found.reasons.append(_not_analysed(told(scan.system_limits)))
        return
    placement = found.placement or Placement()
    limits = scan.system_limits or SystemLimits()
    found.reasons += timing_reasons(scan.facts)
    found.reasons += hardware_reasons(scan.facts, limits, placement)
    coefficient = coefficient_of(scan.device_parameter)
    found.exposure = exposure_of(scan.facts, scan.patient, coefficient)
    found.reasons += exposure_reasons(
        scan.facts,
        found.exposure,
        max_b1_rms=limits.max_b1_rms,
        coefficient=coefficient,
        patient=scan.patient,
    )
    found.stimulation = stimulation_of(scan.facts, scan.system_limits, placement)
    found.reasons += stimulation_reasons(found.stimulation)


def _not_analysed(limits_told: bool) -> SafetyReason:
    if not limits_told:
        text = "The sequence was not analysed: nothing of it was checked. Upload it again."
        return note("not-analysed", text)
    return SafetyReason(
        code="not-analysed",
        severity=SafetySeverity.CONFIRM,
        text="The sequence was not analysed, so it cannot be held against the limits of the "
        "device. Upload it again, or let a named person confirm the scan.",
    )


def _operating_mode(found: _Found) -> OperatingMode | None:
    if found.exposure is None or found.stimulation is None:
        return None
    silent = found.exposure.b1_6min == 0
    levels = [Level.NORMAL if silent else found.exposure.level, found.stimulation.level]
    known = [level for level in levels if level is not None]
    if known and max(known) is not Level.NORMAL:
        return max(known).mode
    return None if len(known) < len(levels) else OperatingMode.NORMAL


def _estimates(scan: PlannedScan, found: _Found) -> SafetyEstimates:
    facts, exposure, stimulation = scan.facts, found.exposure, found.stimulation
    if facts is None or exposure is None or stimulation is None or found.placement is None:
        return SafetyEstimates()
    return SafetyEstimates(
        peak_gradient_mt_per_m=found.placement.peak(facts.peak_gradient_mt_per_m),
        peak_slew_t_per_m_per_s=found.placement.peak(facts.peak_slew_t_per_m_per_s),
        b1_rms_10s_ut=exposure.b1_10s,
        b1_rms_6min_ut=exposure.b1_6min,
        sar_10s_w_per_kg=exposure.sar_10s,
        sar_6min_w_per_kg=exposure.sar_6min,
        pns_percent=stimulation.percent,
        pns_model=stimulation.model,
    )


# --- may it be started? ---------------------------------------------------------------------------


def refusals(
    found: SafetyVerdict, confirmation: ConfirmSafety | None, principal: Principal
) -> list[Refusal]:
    """Return every reason that a start is refused with."""
    refused = [
        Refusal(UnprocessableError, reason.text) for reason in _of(found, SafetySeverity.REFUSE)
    ]
    asked = [Refusal(ConflictError, reason.text) for reason in _of(found, SafetySeverity.CONFIRM)]
    if not asked:
        return refused
    if confirmation is None:
        return [*refused, *asked]
    if confirmation.fingerprint != found.fingerprint:
        text = (
            "What was confirmed is not what would be scanned now: the sequence, the patient's "
            "limits, the field of view or the device has changed. Read the reasons, and confirm "
            "again."
        )
        return [*refused, Refusal(ConflictError, text), *asked]
    if not may_confirm(principal):
        text = (
            f"{principal.actor} may not confirm the scan: it takes a person with the role "
            f"{', '.join(sorted(role.value for role in FIRST_LEVEL.roles))} "
            f"({FIRST_LEVEL_CLAUSE})."
        )
        return [*refused, Refusal(ForbiddenError, text), *asked]
    return refused


def may_confirm(principal: Principal) -> bool:
    """Say whether this is a person who may answer for a First Level scan."""
    return principal.is_user and FIRST_LEVEL.allows(principal)


def confirmed(
    found: SafetyVerdict, confirmation: ConfirmSafety | None, principal: Principal, *, now: datetime
) -> SafetyConfirmation | None:
    """Return the record of a confirmation that was needed; None if none was."""
    codes = [reason.code for reason in _of(found, SafetySeverity.CONFIRM)]
    if confirmation is None or not codes or principal.role is None:
        return None
    return SafetyConfirmation(
        confirmed_by=principal.subject,
        role=principal.role,
        confirmed_at=now,
        reason=confirmation.reason,
        fingerprint=found.fingerprint,
        sequence_sha256=found.basis.sequence_sha256,
        patient=found.basis.patient,
        codes=codes,
    )


def _of(found: SafetyVerdict, severity: SafetySeverity) -> Iterator[SafetyReason]:
    return (reason for reason in found.reasons if reason.severity is severity)
