"""Cases for tests of what is told of them."""

from uuid import uuid4

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import transaction
from workflow_manager.cases.models import Case, CaseSeries
from workflow_manager.cases.rules import CaseKind, CaseState
from workflow_manager.dicom.models import DicomInstance, DicomSeries, DicomStudy

TAGS = {"PatientID": "P1", "PatientName": "ADA", "DeviceSerialNumber": "S1"}


async def add_image(session, study, series_id):
    """Put an image into the index, as the intake does."""
    series = f"{study}.1"
    session.add(DicomStudy(study_instance_uid=study))
    await session.flush()
    session.add(
        DicomSeries(
            id=series_id, study_instance_uid=study, series_instance_uid=series, source="TEST"
        )
    )
    await session.flush()
    session.add(
        DicomInstance(
            sop_instance_uid=f"{study}.2",
            series_id=series_id,
            sop_class_uid="1.2",
            transfer_syntax_uid="1.2",
            sha256="0" * 64,
            size=1,
            key="nowhere",
            tags=TAGS,
        )
    )
    return series


async def a_case(sessions, options, kind=CaseKind.SERIES, rule="head"):
    """Put a case of one image into the tables, as the service does."""
    series_id, study = uuid4(), f"2.25.{uuid4().int // 10**4}"
    async with transaction(sessions) as session:
        series = await add_image(session, study, series_id)
        case = Case(
            kind=kind,
            subject=str(series_id),
            rule=rule,
            action="route",
            options=options,
            study_instance_uid=study,
            state=CaseState.DONE,
            last_received_at=utc_now(),
        )
        session.add(case)
        await session.flush()
        session.add(
            CaseSeries(
                case_id=case.id, series_id=series_id, series_instance_uid=series, instances=1
            )
        )
    return case
