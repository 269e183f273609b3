"""What a job is told of patient and study: exam-manager's words in DICOM's."""

from typing import Any

from scanhub_jobs.reconstruction_context import (
    JobPatient,
    JobSeries,
    JobStudy,
    ReconstructionContext,
    person_name,
)
from scanhub_libraries.models import Gender, ResultOut, TaskClaim, TaskOut
from workflow_manager.runs.models import Run

_SEX: dict[Gender, Any] = {Gender.MALE: "M", Gender.FEMALE: "F", Gender.OTHER: "O"}


def job_context(
    run: Run, claim: TaskClaim, source: TaskOut, raw_data: ResultOut
) -> ReconstructionContext:
    """Return the context of a run: patient, study, series and when the data were measured."""
    patient = claim.patient
    started = source.started_at or raw_data.datetime_created
    local = started.astimezone()
    return ReconstructionContext(
        run_id=str(run.id),
        acquired_at=raw_data.datetime_created,
        patient=JobPatient(
            id=patient.patient_id or str(patient.id),
            name=person_name(patient.last_name, patient.first_name),
            birth_date=patient.birth_date,
            sex=_SEX.get(patient.sex, ""),
            weight_kg=patient.weight,
            height_m=patient.height / 100,
        ),
        study=JobStudy(
            instance_uid=claim.study_instance_uid,
            id=claim.exam_id.hex[-12:],
            accession_number=claim.accession_number or "",
            study_date=local.date(),
            study_time=local.time().replace(microsecond=0),
            description=claim.exam_name,
        ),
        series=JobSeries(
            number=100 * (source.position + 1) + run.attempt,
            description=source.name,
            protocol_name=source.name,
        ),
    )
