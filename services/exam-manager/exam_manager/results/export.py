"""What leaves the platform: a result as zip, its images as NIfTI, its images to XNAT."""

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from exam_manager.audit.disclosures import Disclosures
from exam_manager.exams.models import Exam
from exam_manager.patients.models import Patient
from exam_manager.results.archive import ZipStream
from exam_manager.results.dicom_copy import Identity
from exam_manager.results.files import Place, find_path, find_paths
from exam_manager.results.leaving import Form, downloaded
from exam_manager.results.models import Result
from exam_manager.results.nifti import Converted, NiftiConverter
from exam_manager.sequences.models import Sequence
from exam_manager.tasks.models import Task
from exam_manager.workflows.models import Workflow
from scanhub_libraries.database import Sessions, reading
from scanhub_libraries.errors import NotFoundError, UnprocessableError
from scanhub_libraries.lake import Lake
from scanhub_libraries.models import ResultType

EVERY_FILE = "*"
_Paths = dict[str, Path]


@dataclass(frozen=True, slots=True)
class Branch:
    """A result and what stands above it."""

    result: Result
    task: Task
    place: Place
    exam: Exam | None
    patient: Patient | None
    sequence_sha256: str | None


async def find_branch(session: AsyncSession, result_id: UUID) -> Branch:
    """Return a result with what stands above it.

    Raises:
        NotFoundError: There is no such result.
    """
    query = (
        sa.select(Result, Task, Exam, Patient, col(Sequence.sha256))
        .join(Task, col(Task.id) == col(Result.task_id))
        .outerjoin(Workflow, col(Workflow.id) == col(Task.workflow_id))
        .outerjoin(Exam, col(Exam.id) == col(Workflow.exam_id))
        .outerjoin(Patient, col(Patient.id) == col(Exam.patient_id))
        .outerjoin(Sequence, col(Sequence.id) == col(Task.sequence_id))
        .where(col(Result.id) == result_id)
    )
    found = (await session.execute(query)).one_or_none()
    if found is None:
        raise NotFoundError(f"There is no result {result_id}.")
    result, task, exam, patient, sha256 = found
    if task.workflow_id is None:
        raise NotFoundError("A template has no results.")
    place = Place(task.workflow_id, task.id, result.id)
    return Branch(result, task, place, exam, patient, sha256)


async def find_file(
    sessions: Sessions, lake: Lake, result_id: UUID, filename: str
) -> tuple[Path, Place]:
    """Return where a file lies that a result lists, and the place of the result.

    Raises:
        NotFoundError: There is no such result, or it has no such file.
    """
    async with reading(sessions) as session:
        branch = await find_branch(session, result_id)
    return await find_path(lake, branch.place, branch.result, filename), branch.place


async def prepare_zip(
    sessions: Sessions, disclosures: Disclosures, lake: Lake, result_id: UUID, *, now: datetime
) -> ZipStream:
    """Return all files of a result as a zip that is made while it is read.

    Raises:
        NotFoundError: There is no such result, or a file of it is gone.
    """
    async with reading(sessions) as session:
        branch = await find_branch(session, result_id)
    paths = await find_paths(lake, branch.place, branch.result)
    sizes = await asyncio.to_thread(
        lambda: {name: path.stat().st_size for name, path in paths.items()}
    )
    await disclosures.tell(downloaded(branch.place, Form.ZIP, len(paths)))
    manifest = json.dumps(_manifest(branch, sizes, now), indent=2).encode() + b"\n"
    return ZipStream(
        files={f"files/{name}": path for name, path in paths.items()},
        sizes={f"files/{name}": size for name, size in sizes.items()},
        documents={"manifest.json": manifest},
        made_at=branch.result.datetime_created,
    )


def _manifest(branch: Branch, sizes: dict[str, int], now: datetime) -> dict[str, Any]:
    result, task, exam = branch.result, branch.task, branch.exam
    return {
        "result_id": str(result.id),
        "task_id": str(task.id),
        "workflow_id": str(task.workflow_id),
        "exam_id": str(exam.id) if exam else None,
        "study_instance_uid": exam.study_instance_uid if exam else None,
        "type": result.type.value,
        "task_type": task.task_type.value,
        "datetime_created": result.datetime_created.isoformat(),
        "task_started_at": task.started_at.isoformat() if task.started_at else None,
        "task_finished_at": task.finished_at.isoformat() if task.finished_at else None,
        "exported_at": now.isoformat(),
        "sequence_id": task.sequence_id,
        "sequence_sha256": branch.sequence_sha256,
        "files": [{"name": name, "size_bytes": size} for name, size in sizes.items()],
    }


def _check_images(result: Result) -> None:
    if result.type is not ResultType.DICOM:
        raise UnprocessableError(
            f"The result is {result.type.value}: only images (DICOM) can be exported so. "
            "Reconstruct it first, or download it as zip."
        )


async def convert_images(
    sessions: Sessions,
    disclosures: Disclosures,
    lake: Lake,
    convert: NiftiConverter,
    result_id: UUID,
) -> Converted:
    """Return the images of a result as NIfTI; no connection is held while they are converted.

    Raises:
        NotFoundError: There is no such result, or a file of it is gone.
        UnprocessableError: The result has no images, or none that can be converted.
    """
    async with reading(sessions) as session:
        branch = await find_branch(session, result_id)
    _check_images(branch.result)
    paths = await find_paths(lake, branch.place, branch.result)
    made = await convert(paths)
    try:
        await disclosures.tell(downloaded(branch.place, Form.NIFTI, len(paths)))
    except BaseException:
        made.file.close()
        raise
    return made


async def find_images_to_send(
    sessions: Sessions, lake: Lake, place: Place, filename: str
) -> tuple[_Paths, Identity]:
    """Return one image of a result or, named `*`, all of them; and whose they are by the record.

    Raises:
        NotFoundError: There is no such result or file.
        UnprocessableError: The result has no images, or belongs to no patient.
    """
    async with reading(sessions) as session:
        branch = await find_branch(session, place.result_id)
    if branch.place != place:
        raise NotFoundError("There is no such result.")
    _check_images(branch.result)
    if branch.exam is None or branch.patient is None:
        raise UnprocessableError("The result belongs to no exam of a patient.")
    identity = Identity(
        patient_id=branch.patient.patient_id or str(branch.patient.id),
        family_name=branch.patient.last_name,
        given_name=branch.patient.first_name,
        study_description=branch.exam.name,
    )
    if filename == EVERY_FILE:
        return await find_paths(lake, place, branch.result), identity
    return {filename: await find_path(lake, place, branch.result, filename)}, identity
