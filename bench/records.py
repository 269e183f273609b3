"""Fills the clinical record for a measurement: rows as the service writes them, many at once."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from exam_manager.exams.models import Exam
from exam_manager.patients.models import Patient
from exam_manager.results.models import Result
from exam_manager.tasks.models import Task
from exam_manager.workflows.models import Workflow
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import create_engine
from scanhub_libraries.ids import dicom_uid, new_id
from scanhub_libraries.models import Gender, ItemStatus, ResultType, TaskType

Rows = dict[type[Any], list[dict[str, Any]]]
_AT_ONCE = 1000
_ORDER: tuple[type[Any], ...] = (Patient, Exam, Workflow, Task, Result)


def patient_rows(count: int) -> Rows:
    """Return patients with names and numbers of their own."""
    rows = []
    for number in range(count):
        first, last = f"First{number % 997}", f"Last{number}"
        rows.append(
            {
                "id": new_id(),
                "first_name": first,
                "last_name": last,
                "search_text": f"{first} {last} {first}".casefold(),
                "patient_id": f"BENCH-{new_id().hex[-12:]}",
                "birth_date": date(1940, 1, 1) + timedelta(days=number % 25_000),
                "sex": Gender.OTHER,
                "height": 170.0,
                "weight": 70.0,
                "issuer": "bench",
                "status": ItemStatus.NEW,
                "datetime_created": utc_now(),
            }
        )
    return {Patient: rows}


def tree_rows(patient_id: UUID | None, workflows: int, tasks: int) -> Rows:
    """Return an exam of a patient with results, or, without a patient, a template without."""
    is_template = patient_id is None
    plain = {
        "status": ItemStatus.NEW,
        "is_template": is_template,
        "creator": "bench",
        "datetime_created": utc_now(),
    }
    exam = new_id()
    rows: Rows = {Exam: [{**plain, "id": exam, "patient_id": patient_id, "name": "Head"}]}
    rows[Exam][0] |= {
        "study_instance_uid": None if is_template else dicom_uid(exam),
        "protocol_id": exam if is_template else None,
        "protocol_version": 1 if is_template else None,
    }
    rows |= {Workflow: [], Task: [], Result: []}
    for place in range(workflows):
        workflow = new_id()
        where = {"exam_id": exam, "position": place}
        rows[Workflow].append({**plain, "id": workflow, **where, "name": "Brain"})
        for position in range(tasks):
            task = new_id()
            where = {"workflow_id": workflow, "position": position}
            rows[Task].append({**plain, "id": task, **where, **_PLAN})
            if not is_template:
                rows[Result].append(_result(workflow, task))
    return rows


_PLAN: dict[str, Any] = {
    "name": "T1 gradient echo",
    "description": "sagittal, 64 slices",
    "task_type": TaskType.ACQUISITION,
    "calibration": ["frequency", "shims"],
    "input_task_ids": [],
    "acquisition_parameter": {
        name: {"x": 1.0, "y": 1.0, "z": 1.0}
        for name in ("fov_scaling", "fov_offset", "fov_rotation")
    },
}


def _result(workflow_id: UUID, task_id: UUID) -> dict[str, Any]:
    identifier = new_id()
    return {
        "id": identifier,
        "task_id": task_id,
        "type": ResultType.MRD,
        "directory": f"lake/{workflow_id}/{task_id}/{identifier}",
        "files": ["raw.mrd", "device_parameter.json"],
        "meta": {"instance_count": 1},
        "datetime_created": utc_now(),
    }


async def store(url: str, several: Iterable[Rows]) -> None:
    """Write rows into the database of a service that need not be running."""
    engine = create_engine(url)
    try:
        for some in _gathered(several):
            async with engine.begin() as connection:
                for table in _ORDER:
                    if some.get(table):
                        await connection.execute(sa.insert(table.__table__), some[table])
        if engine.dialect.name == "postgresql":
            # Its own housekeeping does so within a minute of so many rows; plans are made by it.
            async with engine.begin() as connection:
                await connection.execute(sa.text("ANALYZE"))
    finally:
        await engine.dispose()


def _gathered(several: Iterable[Rows]) -> Iterable[Rows]:
    some: Rows = {}
    for number, rows in enumerate(several, start=1):
        for table, more in rows.items():
            some.setdefault(table, []).extend(more)
        if number % _AT_ONCE == 0:
            yield some
            some = {}
    yield some
