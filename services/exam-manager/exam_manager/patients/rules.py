"""What a patient means for a scan."""

from collections.abc import Sequence
from datetime import date
from math import floor
from uuid import UUID

from scanhub_libraries.errors import ConflictError
from scanhub_libraries.models import AcquisitionLimits, Gender


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
    *, height: float, weight: float, sex: Gender, birth_date: date, today: date
) -> AcquisitionLimits:
    """Return what the scanner must know: the weight rounded down, the safe side for SAR."""
    return AcquisitionLimits(
        patient_height=height,
        patient_weight=floor(weight),
        patient_gender=sex,
        patient_age=age_years(birth_date, today),
    )


def check_no_exams(exam_ids: Sequence[UUID]) -> None:
    """Refuse to delete a patient who has exams.

    Raises:
        ConflictError: With the list of exams.
    """
    if exam_ids:
        raise ConflictError(
            f"The patient has {len(exam_ids)} exams: delete them first.",
            exams=[str(exam_id) for exam_id in exam_ids],
        )


def check_number_free(holder: UUID | None, own_id: UUID | None) -> None:
    """Refuse a number of the hospital that another patient has.

    Raises:
        ConflictError: Naming that patient.
    """
    if holder is not None and holder != own_id:
        raise ConflictError(
            f"Patient {holder} has this patient_id: one number is one person.",
            field="patient_id",
            patient=str(holder),
        )
