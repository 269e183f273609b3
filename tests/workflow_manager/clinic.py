"""A clinic: the real exam-manager, and in it an exam with a scan and the job that reads it."""

from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import sqlalchemy as sa
from fastapi import FastAPI
from pydantic import SecretStr
from raw_files import Scan, write

from exam_manager.database import OutboxEvent
from exam_manager.main import create_app
from exam_manager.settings import ExamManagerSettings
from exam_manager.tasks.job_check import CheckJob
from scanhub_libraries.database import reading, sqlite_url
from scanhub_libraries.events import Event
from scanhub_libraries.ids import new_id
from scanhub_libraries.outbox import Deliver
from scanhub_libraries.security.tokens import SigningKeys, TokenSigner

EXAM = "/api/v1/exam"
SECRET = "the secret of workflow-manager, of which nobody knows"
PATIENT = {
    "first_name": "Zoë",
    "last_name": "Müller",
    "birth_date": "1980-02-29",
    "sex": "FEMALE",
    "height": 172.0,
    "weight": 61.5,
    "issuer": "test",
}


def build_exam_manager(
    folder: Path,
    keys: SigningKeys,
    *,
    deliver: Deliver | None = None,
    check_job: CheckJob | None = None,
    **more: Any,
) -> FastAPI:
    """The application on a migrated file; without `deliver` its events wait in the outbox."""
    settings = ExamManagerSettings(
        database_url=sqlite_url(folder / "exam.sqlite"),
        **{"lake_root": folder / "lake", **more},
        keys_folder=folder / "keys",
        service_secrets={"workflow-manager": SecretStr(SECRET)},
        migrate=False,
    )
    return create_app(settings, deliver=deliver, keys=keys, check_job=check_job)


class Clinic:
    """What people and devices do there, over HTTP."""

    patient_id: UUID
    exam_id: UUID
    workflow_id: UUID
    scan: UUID
    job: UUID

    def __init__(
        self, client: httpx.AsyncClient, headers: dict[str, str], keys: SigningKeys, lake: Path
    ) -> None:
        self.client, self.headers, self.lake = client, headers, lake
        token = TokenSigner(keys.private_pem).service_token("device-manager")
        self.service = {"Authorization": f"Bearer {token}"}

    async def call(
        self, method: str, path: str, headers: dict[str, str] | None = None, **options: Any
    ) -> Any:
        answer = await self.client.request(method, path, headers=headers or self.headers, **options)
        assert answer.is_success, answer.text
        return answer.json()

    async def plan(self) -> None:
        """A patient's exam with a scan and its reconstruction."""
        self.patient_id = await self._new("/api/v1/patient/", PATIENT)
        exam = {"name": "First light", "patient_id": str(self.patient_id)}
        self.exam_id = await self._new(f"{EXAM}/new", exam)
        workflow = {"name": "Head", "exam_id": str(self.exam_id)}
        self.workflow_id = await self._new(f"{EXAM}/workflow/new", workflow)
        place = {"workflow_id": str(self.workflow_id)}
        scan = {"name": "GRE", "task_type": "ACQUISITION", "calibration": ["shims"], **place}
        self.scan = await self._new(f"{EXAM}/task/new", scan)
        job = {
            "name": "Reconstruction",
            "task_type": "DAG",
            "dag_type": "RECONSTRUCTION",
            "dag_id": "cartesian_reconstruction",
            "input_task_ids": [str(self.scan)],
            **place,
        }
        self.job = await self._new(f"{EXAM}/task/new", job)

    async def _new(self, path: str, body: dict[str, Any]) -> UUID:
        return UUID((await self.call("POST", path, json=body))["id"])

    async def task(self, task_id: UUID) -> dict[str, Any]:
        found: dict[str, Any] = await self.call("GET", f"{EXAM}/task/{task_id}")
        return found

    async def change(self, task_id: UUID, **changes: Any) -> None:
        """A person edits a task."""
        body = {**await self.task(task_id), **changes}
        await self.call("PUT", f"{EXAM}/task/{task_id}", json=body)

    async def measure(self, scan: Scan | None = None, content: bytes | None = None) -> UUID:
        """Do what a device does: claim, store raw data, finish; return the result's id."""
        claim_id, result_id, path = str(new_id()), new_id(), f"{EXAM}/task/{self.scan}"
        body = {"claim_id": claim_id, "device_id": str(new_id())}
        if device := (await self.task(self.scan))["device_id"]:
            body["device_id"] = device
        claim = await self.call("POST", f"{path}/claim", self.service, json=body)
        token = {"Authorization": f"Bearer {claim['task_token']}"}
        directory = f"lake/{self.workflow_id}/{self.scan}/{result_id}"
        await self.keep(directory, scan or Scan(), content)
        stored = {"type": "MRD", "directory": directory, "files": ["data.mrd"]}
        finish = {"claim_id": claim_id, "result_id": str(result_id), "result": stored}
        await self.call("POST", f"{path}/finish", token, json=finish)
        return result_id

    async def keep(self, directory: str, scan: Scan, content: bytes | None) -> None:
        """Bring raw data into the lake."""
        (self.lake / directory).mkdir(parents=True)
        if content is not None:
            (self.lake / directory / "data.mrd").write_bytes(content)
        else:
            write(self.lake / directory / "data.mrd", scan)

    async def claim_job(self, claim_id: UUID) -> None:
        """Somebody else takes the job."""
        body = {"claim_id": str(claim_id), "run_id": str(claim_id)}
        await self.call("POST", f"{EXAM}/task/{self.job}/claim", self.service, json=body)

    async def release_job(self, claim_id: UUID | str, reason: str) -> None:
        """Somebody takes the job from whoever holds it."""
        body = {"claim_id": str(claim_id), "status": "CANCELED", "reason": reason}
        await self.call("POST", f"{EXAM}/task/{self.job}/release", self.service, json=body)


class QuietClinic(Clinic):
    """A clinic whose events wait in the outbox, so that a test says when they travel."""

    def __init__(
        self, app: FastAPI, headers: dict[str, str], keys: SigningKeys, lake: Path
    ) -> None:
        transport = httpx.ASGITransport(app=app)
        client = httpx.AsyncClient(transport=transport, base_url="http://exam-manager")
        super().__init__(client, headers, keys, lake)
        self.app = app

    async def event(self, kind: str = "exam.task.finished") -> dict[str, Any]:
        """The newest event of a kind, as exam-manager wrote it."""
        table: Any = OutboxEvent
        query = sa.select(table).where(table.type == kind).order_by(table.number.desc()).limit(1)
        async with reading(self.app.state.sessions) as session:
            row = (await session.scalars(query)).one()
            return Event.model_validate(row, from_attributes=True).model_dump(mode="json")
