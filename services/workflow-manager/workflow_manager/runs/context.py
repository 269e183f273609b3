"""What a job is told of patient and study: exam-manager's words in DICOM's."""

import json
import platform
from typing import Any

from scanhub_jobs.reconstruction_context import (
    JobPatient,
    JobProcessing,
    JobSeries,
    JobStudy,
    ReconstructionContext,
    person_name,
)
from scanhub_libraries.models import (
    AcquisitionTaskOut,
    Gender,
    PatientOut,
    PatientPosition,
    PregnancyStatus,
    ResultOut,
    TaskClaim,
    TaskOut,
)
from workflow_manager.runs.models import Run

_SEX: dict[Gender, Any] = {Gender.MALE: "M", Gender.FEMALE: "F", Gender.OTHER: "O"}
_PREGNANCY: dict[PregnancyStatus | None, Any] = {
    PregnancyStatus.NOT_PREGNANT: 1,
    PregnancyStatus.POSSIBLY_PREGNANT: 2,
    PregnancyStatus.DEFINITELY_PREGNANT: 3,
    PregnancyStatus.UNKNOWN: 4,
}
_LONGEST = 64
"""Characters of a Long String (PS3.5 section 6.2)."""


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
            medical_alerts=(*_implants(patient), *patient.medical_alerts),
            allergies=tuple(patient.allergies),
            pregnancy_status=_PREGNANCY.get(patient.pregnancy_status),
        ),
        study=JobStudy(
            instance_uid=claim.study_instance_uid,
            id=claim.exam_id.hex[-12:],
            accession_number=claim.accession_number or "",
            study_date=local.date(),
            study_time=local.time().replace(microsecond=0),
            description=claim.exam_name,
        ),
        processing=_processing(run, raw_data),
        series=JobSeries(
            number=100 * (source.position + 1) + run.attempt,
            description=source.name,
            protocol_name=source.name,
            patient_position=_position(source),
        ),
    )


def _position(source: TaskOut) -> PatientPosition | None:
    """Return how the patient lay when the scan was started."""
    limits = source.acquisition_limits if isinstance(source, AcquisitionTaskOut) else None
    return limits.patient_position if limits else None


def _implants(patient: PatientOut) -> list[str]:
    """Return implants as Medical Alerts: DICOM has no other place for them."""
    return [f"Implant: {implant}"[:_LONGEST] for implant in patient.implants or []]


def _processing(run: Run, raw_data: ResultOut) -> JobProcessing:
    """Return what images say of the run that made them; the same when a step is repeated."""
    told = json.dumps(run.told_parameters, sort_keys=True).replace("\\", "/")
    known = (raw_data.meta or {}).get("sha256")
    details = [f"run {run.id}", f"parameters {told}", *([f"input sha256 {known}"] if known else [])]
    return JobProcessing(
        job=run.job_id,
        version=run.job_version,
        started_at=run.created_at,
        station_name=platform.node(),
        details="; ".join(details),
    )
