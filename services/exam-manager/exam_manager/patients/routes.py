"""HTTP: /api/v1/patient."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, status

from exam_manager.dependencies import NowDep
from exam_manager.patients import service
from scanhub_libraries.models import BasePatient, PatientOut
from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.web import SessionDep

router = APIRouter(prefix="/api/v1/patient", tags=["patients"])


@router.post("/", status_code=status.HTTP_201_CREATED, summary="Create a patient")
async def create_patient(patient: BasePatient, session: SessionDep, now: NowDep) -> PatientOut:
    """Create a patient."""
    return await service.create_patient(session, patient, now=now)


@router.get("/", summary="All patients, or those a search finds")
async def list_patients(
    session: SessionDep,
    search: Annotated[ShortText | None, Query(description="Words in the names")] = None,
    after: Annotated[UUID | None, Query(description="Go on after this patient")] = None,
    limit: Annotated[int | None, Query(ge=1, le=1000)] = None,
) -> list[PatientOut]:
    """Return patients in the order in which they were made."""
    return await service.list_patients(session, search=search, after=after, limit=limit)


@router.get("/{patient_id}", summary="One patient")
async def get_patient(patient_id: UUID, session: SessionDep) -> PatientOut:
    """Return a patient."""
    return await service.get_patient(session, patient_id)


@router.put("/{patient_id}", summary="Change a patient")
async def update_patient(
    patient_id: UUID, patient: BasePatient, session: SessionDep, now: NowDep
) -> PatientOut:
    """Replace what is known of a patient."""
    return await service.update_patient(session, patient_id, patient, now=now)


@router.delete("/{patient_id}", status_code=status.HTTP_204_NO_CONTENT, summary="Delete a patient")
async def delete_patient(patient_id: UUID, session: SessionDep) -> None:
    """Delete a patient; refused while there are exams."""
    await service.delete_patient(session, patient_id)
