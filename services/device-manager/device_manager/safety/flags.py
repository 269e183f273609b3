"""What of the patient a person has to weigh before a scan: no number is held against a limit."""

from collections.abc import Iterator

from device_manager.safety.findings import note
from scanhub_libraries.models import (
    AcquisitionLimits,
    PregnancyStatus,
    SafetyReason,
    SafetySeverity,
)

_PREGNANCY = {
    PregnancyStatus.POSSIBLY_PREGNANT: "The patient may be pregnant.",
    PregnancyStatus.DEFINITELY_PREGNANT: "The patient is pregnant.",
}


def flag_reasons(patient: AcquisitionLimits) -> Iterator[SafetyReason]:
    """Yield what a named person has to answer for, and what nobody has asked."""
    if patient.has_implant:
        yield SafetyReason(
            code="implant",
            severity=SafetySeverity.CONFIRM,
            text="The patient has an implant or other metal in the body. Read under which "
            "conditions it may be scanned (field, gradients, SAR), and let a named person confirm "
            "that this scan meets them.",
            quantity="has_implant",
        )
    pregnancy = patient.pregnancy_status
    if pregnancy in _PREGNANCY:
        yield SafetyReason(
            code="pregnancy",
            severity=SafetySeverity.CONFIRM,
            text=f"{_PREGNANCY[pregnancy]} Let a named person confirm that the scan cannot wait.",
            quantity="pregnancy_status",
        )
    if patient.has_implant is None:
        yield note("not-screened", "Nobody has entered whether the patient has implants.")
    if pregnancy is PregnancyStatus.UNKNOWN:
        yield note("pregnancy-unknown", "It is not known whether the patient is pregnant.")
    if patient.patient_position is None:
        yield note(
            "position-not-told",
            "How the patient lies was not told: the images take the scanner's word for it.",
        )
