"""What device-manager asks of exam-manager, under ScanHub's names.

Each function takes the token first and foremost: it acts with the rights of whoever is behind it.
`exam_manager` is the client of the running application; without it, a client to `EXAM_MANAGER_URL`
lives for the length of the call, so that a script can use these functions alone.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import httpx

from scanhub_libraries.clients import ExamManagerClient
from scanhub_libraries.clock import utc_now
from scanhub_libraries.errors import BadRequestError
from scanhub_libraries.models import (
    AcquisitionLimits,
    AcquisitionTaskOut,
    MRISequenceOut,
    ResultOut,
    SetResult,
    TaskOut,
)
from scanhub_libraries.patient_limits import acquisition_limits, limit_reasons

EXAM_MANAGER_URL = "http://exam-manager:8000"
TASK_URI = f"{EXAM_MANAGER_URL}/api/v1/exam/task"
RESULT_URI = f"{EXAM_MANAGER_URL}/api/v1/exam/result"
SEQUENCE_URI = f"{EXAM_MANAGER_URL}/api/v1/exam/sequence"
_TIMEOUT_SECONDS = 10.0


@asynccontextmanager
async def _client(bound: ExamManagerClient | None) -> AsyncIterator[ExamManagerClient]:
    if bound is not None:
        yield bound
        return
    async with httpx.AsyncClient(base_url=EXAM_MANAGER_URL, timeout=_TIMEOUT_SECONDS) as http:
        yield ExamManagerClient(http)


def _identifier(value: str, what: str) -> UUID:
    try:
        return UUID(str(value))
    except ValueError:
        raise BadRequestError(f"{str(value)[:80]!r} is not the id of a {what}.") from None


def acquisition(task: TaskOut) -> AcquisitionTaskOut:
    """Return a task as an acquisition.

    Raises:
        BadRequestError: It is not one.
    """
    if not isinstance(task, AcquisitionTaskOut):
        raise BadRequestError(
            f"Task {task.id} is a {task.task_type} task: only an ACQUISITION task can be scanned."
        )
    return task


async def get_task(
    task_id: str, user_access_token: str, *, exam_manager: ExamManagerClient | None = None
) -> AcquisitionTaskOut:
    """Return an acquisition task.

    Raises:
        NotFoundError: There is no such task.
        BadRequestError: It is not an acquisition task, or the id is malformed.
    """
    async with _client(exam_manager) as client:
        task = await client.get_task(_identifier(task_id, "task"), token=user_access_token)
    return acquisition(task)


async def set_task(
    task_id: str,
    payload: AcquisitionTaskOut,
    user_access_token: str,
    *,
    exam_manager: ExamManagerClient | None = None,
) -> AcquisitionTaskOut:
    """Replace the fields of an acquisition task that the bearer may change.

    Raises:
        ScanHubError: What exam-manager refused it with.
    """
    async with _client(exam_manager) as client:
        task = await client.put_task(_identifier(task_id, "task"), payload, token=user_access_token)
    return acquisition(task)


async def get_sequence(
    sequence_id: str, user_access_token: str, *, exam_manager: ExamManagerClient | None = None
) -> MRISequenceOut:
    """Return a sequence with the text of its file.

    Raises:
        NotFoundError: There is no such sequence.
    """
    async with _client(exam_manager) as client:
        return await client.get_sequence(sequence_id, token=user_access_token)


async def get_patient_limits(
    task: AcquisitionTaskOut,
    user_access_token: str,
    *,
    exam_manager: ExamManagerClient | None = None,
) -> AcquisitionLimits | None:
    """Return what of the patient bounds a scan of the task, as its claim would tell it now.

    None: the task belongs to no patient, or height or weight is missing.

    Raises:
        ScanHubError: What exam-manager refused it with.
    """
    if task.workflow_id is None:
        return None
    token = user_access_token
    async with _client(exam_manager) as client:
        workflow = await client.get_workflow(task.workflow_id, token=token)
        if workflow.exam_id is None:
            return None
        exam = await client.get_exam(workflow.exam_id, token=token)
        if exam.patient_id is None:
            return None
        patient = await client.get_patient(exam.patient_id, token=token)
    if limit_reasons(patient.height, patient.weight):
        return None
    return acquisition_limits(
        height=patient.height,
        weight=patient.weight,
        sex=patient.sex,
        birth_date=patient.birth_date,
        today=utc_now().date(),
        position=exam.patient_position,
        pregnancy_status=patient.pregnancy_status,
        implants=patient.implants,
    )


async def create_blank_result(
    task_id: str,
    user_access_token: str,
    *,
    result_id: UUID | None = None,
    exam_manager: ExamManagerClient | None = None,
) -> ResultOut:
    """Create a blank result of a task; with a `result_id`, repeating is harmless.

    Raises:
        ScanHubError: What exam-manager refused it with.
    """
    async with _client(exam_manager) as client:
        return await client.create_result(
            _identifier(task_id, "task"), result_id=result_id, token=user_access_token
        )


async def delete_blank_result(
    result_id: str, user_access_token: str, *, exam_manager: ExamManagerClient | None = None
) -> None:
    """Delete a blank result.

    Raises:
        ScanHubError: What exam-manager refused it with.
    """
    async with _client(exam_manager) as client:
        await client.delete_result(_identifier(result_id, "result"), token=user_access_token)


async def set_result(
    result_id: str,
    payload: SetResult,
    user_access_token: str,
    *,
    task_id: UUID | None = None,
    exam_manager: ExamManagerClient | None = None,
) -> ResultOut:
    """Write what was stored into a result; with a `task_id` it need not have been created.

    Raises:
        ScanHubError: What exam-manager refused it with.
    """
    async with _client(exam_manager) as client:
        return await client.set_result(
            _identifier(result_id, "result"), payload, task_id=task_id, token=user_access_token
        )
