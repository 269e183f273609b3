"""A clinical record in memory: exam-manager's endpoints as far as workflow-manager calls them.

It stands in where a test needs exam-manager to be away, to refuse, or to forget.
"""

from typing import Any
from uuid import UUID

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from scanhub_libraries.clock import utc_now
from scanhub_libraries.ids import dicom_uid, new_id

PATIENT = {
    "first_name": "Zoë",
    "last_name": "Müller",
    "birth_date": "1980-02-29",
    "sex": "FEMALE",
    "height": 172.0,
    "weight": 61.5,
    "issuer": "test",
    "status": "NEW",
}


class ClinicalRecord:
    """One exam with one workflow: a scan, and the job that reads it."""

    def __init__(self) -> None:
        self.away = False
        self.away_at: str | None = None
        self.refuse_finish: str | None = None
        self.calls: list[str] = []
        self.releases: list[dict[str, Any]] = []
        self.exam_id, self.workflow_id, self.patient_id = new_id(), new_id(), new_id()
        self.tasks: dict[str, dict[str, Any]] = {}
        self.claims: dict[str, str] = {}
        self.scan = self._add("GRE", task_type="ACQUISITION", status="NEW")
        self.job = self._add(
            "Reconstruction",
            task_type="DAG",
            dag_type="RECONSTRUCTION",
            dag_id="cartesian_reconstruction",
            input_task_ids=[str(self.scan)],
        )
        self.app = self._build()

    def _add(self, name: str, **fields: Any) -> UUID:
        task_id = new_id()
        self.tasks[str(task_id)] = {
            "id": str(task_id),
            "workflow_id": str(self.workflow_id),
            "name": name,
            "status": "NEW",
            "progress": 0,
            "creator": "tester",
            "datetime_created": utc_now().isoformat(),
            "results": [],
            "position": len(self.tasks),
            "version": 1,
            **fields,
        }
        return task_id

    def task(self, task_id: UUID) -> dict[str, Any]:
        return self.tasks[str(task_id)]

    def add_raw_data(self, filename: str = "data.mrd") -> UUID:
        """The scan has finished and left raw data; return the result's id."""
        result_id = new_id()
        scan = self.task(self.scan)
        scan["status"], scan["progress"] = "FINISHED", 100
        directory = f"lake/{self.workflow_id}/{self.scan}/{result_id}"
        scan["results"].append(self._result(result_id, self.scan, "MRD", directory, [filename]))
        return result_id

    @staticmethod
    def _result(
        result_id: UUID | str, task_id: UUID | str, kind: str, directory: str, files: list[str]
    ) -> dict[str, Any]:
        return {
            "id": str(result_id),
            "task_id": str(task_id),
            "type": kind,
            "directory": directory,
            "files": files,
            "meta": None,
            "datetime_created": utc_now().isoformat(),
        }

    def finished_event(self) -> dict[str, Any]:
        """The event that exam-manager writes when the scan has finished."""
        return {
            "id": str(new_id()),
            "type": "exam.task.finished",
            "source": "exam-manager",
            "subject": str(self.scan),
            "time": utc_now().isoformat(),
            "data": {"task_id": str(self.scan), "workflow_id": str(self.workflow_id)},
        }

    def _build(self) -> FastAPI:
        app = FastAPI()
        app.middleware("http")(self._watch)
        for method, path, answer in (
            ("GET", "/api/v1/exam/task/{task_id}", self.answer_get_task),
            ("GET", "/api/v1/exam/workflow/{workflow_id}", self.answer_get_workflow),
            ("POST", "/api/v1/exam/task/{task_id}/claim", self.answer_claim),
            ("POST", "/api/v1/exam/task/{task_id}/report", self.answer_report),
            ("POST", "/api/v1/exam/task/{task_id}/release", self.answer_release),
            ("POST", "/api/v1/exam/result", self.answer_result),
            ("POST", "/api/v1/exam/task/{task_id}/finish", self.answer_finish),
        ):
            app.add_api_route(path, answer, methods=[method], response_model=None)
        return app

    async def _watch(self, request: Request, call_next: Any) -> Any:
        self.calls.append(f"{request.method} {request.url.path}")
        if self.away or (self.away_at and request.url.path.endswith(self.away_at)):
            return _problem(503, "away")
        return await call_next(request)

    async def answer_get_task(self, task_id: str) -> Any:
        return self.tasks.get(task_id) or _problem(404, "no such task")

    async def answer_get_workflow(self, workflow_id: str) -> Any:
        if workflow_id != str(self.workflow_id):
            return _problem(404, "no such workflow")
        return {
            "id": workflow_id,
            "exam_id": str(self.exam_id),
            "name": "Head",
            "creator": "tester",
            "datetime_created": utc_now().isoformat(),
            "version": 1,
            "tasks": list(self.tasks.values()),
        }

    async def answer_claim(self, task_id: str, body: dict[str, Any]) -> Any:
        task = self.tasks[task_id]
        if self.claims.get(task_id) != body["claim_id"]:
            if task["status"] in {"STARTED", "INPROGRESS", "PAUSED"}:
                return _problem(409, f"Task {task['name']!r} is running already.")
            self.claims[task_id] = body["claim_id"]
            task["status"] = "STARTED"
        return {
            "claim_id": body["claim_id"],
            "task": task,
            "task_token": "token",
            "exam_id": str(self.exam_id),
            "exam_name": "First light",
            "study_instance_uid": dicom_uid(self.exam_id),
            "accession_number": "A-1",
            "patient": {
                **PATIENT,
                "id": str(self.patient_id),
                "datetime_created": utc_now().isoformat(),
            },
        }

    async def answer_report(self, task_id: str, body: dict[str, Any]) -> Any:
        task = self.tasks[task_id]
        task["progress"] = body["progress"]
        task["status"] = body["status"] or task["status"]
        return task

    async def answer_release(self, task_id: str, body: dict[str, Any]) -> Any:
        task = self.tasks[task_id]
        if self.claims.get(task_id) != body["claim_id"]:
            return _problem(409, "This claim does not hold.")
        self.releases.append(body)
        task["status"], task["status_reason"] = body["status"], body["reason"]
        return task

    async def answer_result(self, task_id: str, result_id: str) -> Any:
        results = self.tasks[task_id]["results"]
        found = next((r for r in results if r["id"] == result_id), None)
        if found is None:
            found = self._result(result_id, task_id, "NOT_SET", "", [])
            results.append(found)
        return found

    async def answer_finish(self, task_id: str, body: dict[str, Any]) -> Any:
        if self.refuse_finish is not None:
            return _problem(409, self.refuse_finish)
        task = self.tasks[task_id]
        result = next(r for r in task["results"] if r["id"] == body["result_id"])
        result.update(body["result"])
        task["status"], task["progress"] = "FINISHED", 100
        return task


def _problem(status: int, detail: str) -> JSONResponse:
    return JSONResponse({"detail": detail}, status_code=status)
