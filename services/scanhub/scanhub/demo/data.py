"""The demo's people, patient, scanner, sequence and protocol, made through the public API."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from scanhub.demo.errors import DemoError
from scanhub_device.simulator import (
    DEVICE_TYPE,
    PARAMETER_SCHEMA,
    default_sequence,
    epi_sequence,
    radial_sequence,
)

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
    "implants": [],
    "pregnancy_status": "NOT_PREGNANT",
}


@dataclass(frozen=True)
class PlannedScan:
    """A scan of the demo's protocol."""

    name: str
    sequence: Path
    kind: str = "GRE"
    description: str = ""

    @property
    def short(self) -> str:
        """Its name in a word."""
        return self.name.partition(" ")[0]


@dataclass(frozen=True)
class ScanTasks:
    """The tasks of a scan in the exam."""

    name: str
    acquisition: UUID
    reconstruction: UUID

    @property
    def short(self) -> str:
        """Its name in a word."""
        return self.name.partition(" ")[0]


@dataclass(frozen=True)
class DemoData:
    """What the scans need."""

    patient_id: UUID
    device_id: UUID
    exam_id: UUID
    scans: list[ScanTasks]
    credentials: Path

    @property
    def acquisition_task_id(self) -> UUID:
        """Of the first scan."""
        return self.scans[0].acquisition

    @property
    def reconstruction_task_id(self) -> UUID:
        """Of the first scan."""
        return self.scans[0].reconstruction


def planned_scans() -> list[PlannedScan]:
    """Return the scans of the demo: one of each way to read k-space that the scanner plays."""
    return [
        PlannedScan("GRE axial", default_sequence(), "GRE", "Spoiled gradient echo"),
        PlannedScan("EPI axial", epi_sequence(), "EPI", "All lines after one excitation"),
        PlannedScan("Radial axial", radial_sequence(), "RADIAL", "Spokes through the centre"),
    ]


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


async def create_data(api: DemoApi, scans: Path | Sequence[PlannedScan], folder: Path) -> DemoData:
    """Make patient, scanner, sequences, protocol and exam.

    Args:
        api: The platform.
        scans: What the exam consists of; a path: one gradient echo, of this Pulseq file.
        folder: The scanner's credentials go there.
    """
    planned = [PlannedScan("GRE axial", scans)] if isinstance(scans, Path) else scans
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
    template_id = await _create_template(api, planned, device["device_id"])
    exam = await api.call(
        "POST",
        "/exam/",
        params={"template_id": template_id},
        json={
            "patient_id": patient["id"],
            "name": "First light",
            "description": "Axial slices of the phantom",
            "indication": "Demonstration",
            "patient_position": "HFS",
        },
    )
    return DemoData(
        patient_id=UUID(patient["id"]),
        device_id=UUID(device["device_id"]),
        exam_id=UUID(exam["id"]),
        scans=_scans_of(exam["workflows"][0]["tasks"]),
        credentials=credentials,
    )


def _scans_of(tasks: list[dict[str, Any]]) -> list[ScanTasks]:
    jobs = {task["input_task_ids"][0]: task for task in tasks if task["task_type"] == "DAG"}
    scans = sorted(
        (task for task in tasks if task["id"] in jobs), key=lambda task: int(task["position"])
    )
    return [
        ScanTasks(task["name"], UUID(task["id"]), UUID(jobs[task["id"]]["id"])) for task in scans
    ]


async def _upload_sequence(api: DemoApi, scan: PlannedScan) -> str:
    uploaded = await api.call(
        "POST",
        "/exam/sequence",
        files={"seq_file": (scan.sequence.name, scan.sequence.read_bytes())},
        data={
            "name": scan.sequence.stem,
            "description": scan.description or "2D, axial",
            "sequence_type": scan.kind,
        },
    )
    return str(uploaded["_id"])


async def _create_template(api: DemoApi, scans: Sequence[PlannedScan], device_id: str) -> str:
    """Make the protocol: acquisitions, each with the reconstruction that reads it."""
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
    for scan in scans:
        acquisition = await api.call(
            "POST",
            "/exam/task/new",
            json={
                **task,
                "name": scan.name,
                "description": scan.description,
                "task_type": "ACQUISITION",
                "device_id": device_id,
                "sequence_id": await _upload_sequence(api, scan),
            },
        )
        await api.call(
            "POST",
            "/exam/task/new",
            json={
                **task,
                "name": "Reconstruction" if len(scans) == 1 else f"{scan.short} reconstruction",
                "description": "Whatever the header of the raw data says",
                "task_type": "DAG",
                "dag_type": "RECONSTRUCTION",
                "dag_id": "reconstruction",
                "input_task_ids": [acquisition["id"]],
            },
        )
    return str(exam["id"])
