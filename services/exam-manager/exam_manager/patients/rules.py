"""What a patient means for a scan."""

from collections.abc import Sequence
from uuid import UUID

from scanhub_libraries.errors import ConflictError
from scanhub_libraries.patient_limits import acquisition_limits, age_years, limit_reasons

__all__ = [
    "acquisition_limits",
    "age_years",
    "check_no_exams",
    "check_number_free",
    "limit_reasons",
]


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
