"""What of a patient bounds a scan: the same numbers before the start and in the claim."""

from collections.abc import Sequence
from datetime import date
from math import floor

from scanhub_libraries.models.enums import Gender, PatientPosition, PregnancyStatus
from scanhub_libraries.models.task import AcquisitionLimits


def age_years(birth_date: date, today: date) -> int:
    """Return the age in completed years; 0 for who is born on what is tomorrow in UTC."""
    had_birthday = (today.month, today.day) >= (birth_date.month, birth_date.day)
    return max(0, today.year - birth_date.year - (not had_birthday))


def limit_reasons(height: float | None, weight: float | None) -> list[str]:
    """Return why a patient cannot be scanned yet; empty when nothing is missing."""
    reasons = []
    if not height or height <= 0:
        reasons.append("The patient's height is missing.")
    if not weight or weight < 1:
        reasons.append("The patient's weight is missing or below 1 kg; it bounds the SAR.")
    return reasons


def acquisition_limits(
    *,
    height: float,
    weight: float,
    sex: Gender,
    birth_date: date,
    today: date,
    position: PatientPosition | None = None,
    pregnancy_status: PregnancyStatus | None = None,
    implants: Sequence[str] | None = None,
) -> AcquisitionLimits:
    """Return what the scanner must know: the weight rounded down, the safe side for SAR."""
    return AcquisitionLimits(
        patient_height=height,
        patient_weight=floor(weight),
        patient_gender=sex,
        patient_age=age_years(birth_date, today),
        patient_position=position,
        pregnancy_status=pregnancy_status,
        has_implant=None if implants is None else bool(implants),
    )
