"""The demo's people, patient, scanner, sequence and protocol, made through the public API."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from scanhub.demo.errors import DemoError
from scanhub_device.simulator import DEVICE_TYPE, PARAMETER_SCHEMA

USERNAME = "technician"
PASSWORD = "first-light-demo"  # noqa: S105 - printed for the person who runs the demo
_FIRST_USER = {
    "username": USERNAME,
    "first_name": "Demo",
    "last_name": "Technician",
    "email": "technician@example.org",
    "role": "admin",
    "access_token": PASSWORD,
    "token_type": "password",
}
PATIENT = {
    "first_name": "Ada",
    "last_name": "Phantom",
    "birth_date": "1985-12-10",
    "sex": "FEMALE",
    "height": 168.0,
    "weight": 62.0,
    "issuer": "demo",
    "patient_id": "DEMO-0001",
}


@dataclass(frozen=True)
class DemoData:
    """What the scan needs."""

    patient_id: UUID
    device_id: UUID
    exam_id: UUID
    acquisition_task_id: UUID
    reconstruction_task_id: UUID
    credentials: Path


class DemoApi:
    """The few calls of the demo, with errors in words."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.token = ""

    async def call(self, method: str, path: str, **options: Any) -> Any:
        """Send a request and return the JSON of the answer."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        response = await self.http.request(method, f"/api/v1{path}", headers=headers, **options)
        if response.is_error:
            raise DemoError(f"{method} {path} answered {response.status_code}: {response.text}")
        return response.json() if response.content else None

    async def log_in(self) -> None:
        """Log in; a fresh installation gets its first user."""
        if await self.call("GET", "/userlogin/checknousers"):
            await self.call("POST", "/userlogin/createfirstuser", json=_FIRST_USER)
        user = await self.call(
            "POST", "/userlogin/login", data={"username": USERNAME, "password": PASSWORD}
        )
        self.token = user["access_token"]


async def create_data(api: DemoApi, sequence: Path, folder: Path) -> DemoData:
    """Make patient, scanner, sequence, protocol and exam."""
    patient = await api.call("POST", "/patient/", json=PATIENT)
    device = await api.call(
        "POST",
        "/device/createdevice",
        json={"name": "Simulated scanner", "description": "Plays Pulseq files on a phantom"},
    )
    schema = {"document": PARAMETER_SCHEMA}
    await api.call("PUT", f"/device/parameter-schemas/{DEVICE_TYPE}", json=schema)
    credentials = folder / "device_credentials.json"
    credentials.touch(mode=0o600)
    credentials.write_text(json.dumps(device))
    sequence_id = await _upload_sequence(api, sequence)
    template_id = await _create_template(api, sequence_id, device["device_id"])
    exam = await api.call(
        "POST",
        "/exam/",
        params={"template_id": template_id},
        json={
            "patient_id": patient["id"],
            "name": "First light",
            "description": "One axial slice of the phantom",
            "indication": "Demonstration",
        },
    )
    tasks = exam["workflows"][0]["tasks"]
    by_type = {task["task_type"]: UUID(task["id"]) for task in tasks}
    return DemoData(
        patient_id=UUID(patient["id"]),
        device_id=UUID(device["device_id"]),
        exam_id=UUID(exam["id"]),
        acquisition_task_id=by_type["ACQUISITION"],
        reconstruction_task_id=by_type["DAG"],
        credentials=credentials,
    )


async def _upload_sequence(api: DemoApi, sequence: Path) -> str:
    uploaded = await api.call(
        "POST",
        "/exam/sequence",
        files={"seq_file": (sequence.name, sequence.read_bytes())},
        data={
            "name": sequence.stem,
            "description": "2D spoiled gradient echo, axial",
            "sequence_type": "GRE",
        },
    )
    return str(uploaded["_id"])


async def _create_template(api: DemoApi, sequence_id: str, device_id: str) -> str:
    """Make the protocol: one acquisition and the reconstruction that reads it."""
    exam = await api.call(
        "POST",
        "/exam/new",
        json={"name": "First light", "description": "Demo protocol", "is_template": True},
    )
    workflow = await api.call(
        "POST",
        "/exam/workflow/new",
        json={"exam_id": exam["id"], "name": "Head", "is_template": True},
    )
    task = {"workflow_id": workflow["id"], "is_template": True}
    acquisition = await api.call(
        "POST",
        "/exam/task/new",
        json={
            **task,
            "name": "GRE axial",
            "description": "Spoiled gradient echo",
            "task_type": "ACQUISITION",
            "device_id": device_id,
            "sequence_id": sequence_id,
        },
    )
    await api.call(
        "POST",
        "/exam/task/new",
        json={
            **task,
            "name": "Reconstruction",
            "description": "Fourier transform, root sum of squares",
            "task_type": "DAG",
            "dag_type": "RECONSTRUCTION",
            "dag_id": "cartesian_reconstruction",
            "input_task_ids": [acquisition["id"]],
        },
    )
    return str(exam["id"])
