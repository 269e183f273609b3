"""Client of exam-manager."""

from typing import Any
from urllib.parse import quote
from uuid import UUID

from pydantic import TypeAdapter

from scanhub_libraries.clients.base import ServiceClient
from scanhub_libraries.models import (
    BaseExam,
    BasePatient,
    ClaimTask,
    ExamOut,
    FinishTask,
    MRISequenceOut,
    PatientOut,
    RefusedReport,
    ReleaseTask,
    ResultOut,
    Revocations,
    SetResult,
    TaskClaim,
    TaskOut,
    TaskReport,
    TaskReports,
    User,
    WorkflowOut,
)

EXAM = "/api/v1/exam"
TASK = f"{EXAM}/task"
RESULT = f"{EXAM}/result"
SEQUENCE = f"{EXAM}/sequence"
PATIENT = "/api/v1/patient"
LOGIN = "/api/v1/userlogin"
_TASK_OUT: TypeAdapter[TaskOut] = TypeAdapter(TaskOut)
_REFUSED: TypeAdapter[list[RefusedReport]] = TypeAdapter(list[RefusedReport])


def _json(model: Any) -> Any:
    return model.model_dump(mode="json")


class ExamManagerClient(ServiceClient):
    """The clinical record."""

    service = "exam-manager"

    async def login(self, username: str, password: str) -> User:
        """Log in; the answer's `access_token` is the bearer token."""
        return await self.call(
            User, "POST", f"{LOGIN}/login", data={"username": username, "password": password}
        )

    async def create_patient(self, patient: BasePatient, *, token: str | None = None) -> PatientOut:
        """Create a patient."""
        return await self.call(PatientOut, "POST", f"{PATIENT}/", json=_json(patient), token=token)

    async def get_patient(self, patient_id: UUID, *, token: str | None = None) -> PatientOut:
        """Return a patient."""
        return await self.call(PatientOut, "GET", f"{PATIENT}/{patient_id}", token=token)

    async def get_exam(self, exam_id: UUID, *, token: str | None = None) -> ExamOut:
        """Return an exam with its whole tree."""
        return await self.call(ExamOut, "GET", f"{EXAM}/{exam_id}", token=token)

    async def copy_exam(
        self, template_id: UUID, exam: BaseExam, *, token: str | None = None
    ) -> ExamOut:
        """Make an exam from a template."""
        return await self.call(
            ExamOut,
            "POST",
            f"{EXAM}/",
            params={"template_id": str(template_id)},
            json=_json(exam),
            token=token,
        )

    async def get_workflow(self, workflow_id: UUID, *, token: str | None = None) -> WorkflowOut:
        """Return a workflow with its tasks."""
        return await self.call(WorkflowOut, "GET", f"{EXAM}/workflow/{workflow_id}", token=token)

    async def get_task(self, task_id: UUID, *, token: str | None = None) -> TaskOut:
        """Return a task."""
        response = await self.request("GET", f"{TASK}/{task_id}", token=token)
        return _TASK_OUT.validate_json(response.content)

    async def put_task(self, task_id: UUID, task: Any, *, token: str | None = None) -> TaskOut:
        """Replace the fields of a task that the bearer may change."""
        response = await self.request("PUT", f"{TASK}/{task_id}", json=_json(task), token=token)
        return _TASK_OUT.validate_json(response.content)

    async def claim_task(
        self, task_id: UUID, claim: ClaimTask, *, token: str | None = None
    ) -> TaskClaim:
        """Take a task. Repeating with the same claim id is harmless."""
        return await self.call(
            TaskClaim, "POST", f"{TASK}/{task_id}/claim", json=_json(claim), token=token
        )

    async def report_task(
        self, task_id: UUID, report: TaskReport, *, token: str | None = None
    ) -> TaskOut:
        """Tell how far a claimed task is."""
        response = await self.request(
            "POST", f"{TASK}/{task_id}/report", json=_json(report), token=token
        )
        return _TASK_OUT.validate_json(response.content)

    async def report_tasks(
        self, reports: TaskReports, *, token: str | None = None
    ) -> list[RefusedReport]:
        """Tell how far many claimed tasks are; return what was not taken."""
        response = await self.request("POST", f"{TASK}/reports", json=_json(reports), token=token)
        return _REFUSED.validate_json(response.content)

    async def release_task(
        self, task_id: UUID, release: ReleaseTask, *, token: str | None = None
    ) -> TaskOut:
        """Give a claimed task back with a reason."""
        response = await self.request(
            "POST", f"{TASK}/{task_id}/release", json=_json(release), token=token
        )
        return _TASK_OUT.validate_json(response.content)

    async def finish_task(
        self, task_id: UUID, finish: FinishTask, *, token: str | None = None
    ) -> TaskOut:
        """End a claimed task with its result, in one transaction."""
        response = await self.request(
            "POST", f"{TASK}/{task_id}/finish", json=_json(finish), token=token
        )
        return _TASK_OUT.validate_json(response.content)

    async def create_result(
        self, task_id: UUID, *, result_id: UUID | None = None, token: str | None = None
    ) -> ResultOut:
        """Create a blank result; with a `result_id`, repeating is harmless."""
        params = {"task_id": str(task_id)}
        if result_id is not None:
            params["result_id"] = str(result_id)
        return await self.call(ResultOut, "POST", RESULT, params=params, token=token)

    async def get_result(self, result_id: UUID, *, token: str | None = None) -> ResultOut:
        """Return a result."""
        return await self.call(ResultOut, "GET", f"{RESULT}/{result_id}", token=token)

    async def set_result(
        self,
        result_id: UUID,
        result: SetResult,
        *,
        task_id: UUID | None = None,
        token: str | None = None,
    ) -> ResultOut:
        """Write a result; with a `task_id` it is created for this task if it is not there."""
        params = {} if task_id is None else {"task_id": str(task_id)}
        return await self.call(
            ResultOut,
            "PUT",
            f"{RESULT}/{result_id}",
            params=params,
            json=_json(result),
            token=token,
        )

    async def delete_result(self, result_id: UUID, *, token: str | None = None) -> None:
        """Delete a result."""
        await self.request("DELETE", f"{RESULT}/{result_id}", token=token)

    async def get_sequence(self, sequence_id: str, *, token: str | None = None) -> MRISequenceOut:
        """Return a sequence with the text of its file."""
        quoted = quote(sequence_id, safe="", errors="replace")  # from a body: no path of its own
        return await self.call(MRISequenceOut, "GET", f"{SEQUENCE}/{quoted}", token=token)

    async def get_revocations(self, after: int) -> Revocations:
        """Return what was revoked after a number."""
        return await self.call(Revocations, "GET", f"{LOGIN}/revocations", params={"after": after})
