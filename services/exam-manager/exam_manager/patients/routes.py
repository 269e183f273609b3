"""HTTP: /api/v1/patient."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response, status

from exam_manager.dependencies import NowDep
from exam_manager.pages import PageDep
from exam_manager.patients import service
from exam_manager.patients.service import ORDERS, PatientOrder
from scanhub_libraries.models import BasePatient, PatientOut
from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.versions import etag
from scanhub_libraries.web import IfMatchDep, SessionDep

router = APIRouter(prefix="/api/v1/patient", tags=["patients"])


@router.post("/", status_code=status.HTTP_201_CREATED, summary="Create a patient")
async def create_patient(patient: BasePatient, session: SessionDep, now: NowDep) -> PatientOut:
    """Create a patient."""
    return await service.create_patient(session, patient, now=now)


@router.get("/", summary="All patients, or those a search finds")
async def list_patients(
    *,
    session: SessionDep,
    page: PageDep,
    request: Request,
    response: Response,
    search: Annotated[ShortText | None, Query(description="Words in the names")] = None,
    patient_id: Annotated[
        ShortText | None, Query(description="How the hospital's number begins")
    ] = None,
    birth_date: Annotated[date | None, Query(description="Born on this day")] = None,
    order: Annotated[PatientOrder, Query(description="What comes first")] = PatientOrder.CREATED,
) -> list[PatientOut]:
    """Return patients, without another order in that in which they were made."""
    query = service.select_patients(search=search, patient_id=patient_id, birth_date=birth_date)
    backwards = order is PatientOrder.NEWEST
    query = await page.select(session, query, ORDERS[order], backwards=backwards)
    found = await service.list_patients(session, query)
    return page.cut(found, lambda patient: patient.id, request, response)


@router.get("/{patient_id}", summary="One patient")
async def get_patient(patient_id: UUID, session: SessionDep, response: Response) -> PatientOut:
    """Return a patient."""
    patient = await service.get_patient(session, patient_id)
    response.headers.update(etag(patient.version))
    return patient


@router.put("/{patient_id}", summary="Change a patient")
async def update_patient(
    *,
    patient_id: UUID,
    patient: BasePatient,
    session: SessionDep,
    now: NowDep,
    response: Response,
    if_match: IfMatchDep = None,
) -> PatientOut:
    """Replace what is known of a patient."""
    changed = await service.update_patient(session, patient_id, patient, if_match=if_match, now=now)
    response.headers.update(etag(changed.version))
    return changed


@router.delete("/{patient_id}", status_code=status.HTTP_204_NO_CONTENT, summary="Delete a patient")
async def delete_patient(
    patient_id: UUID, session: SessionDep, if_match: IfMatchDep = None
) -> None:
    """Delete a patient; refused while there are exams."""
    await service.delete_patient(session, patient_id, if_match=if_match)
