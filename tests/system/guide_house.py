"""The hospital of the guide: its people, patients, scanner and protocol, made through the API."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from conftest import Installation, Scene

from scanhub.demo.data import DemoApi, DemoData, ScanTasks
from scanhub.demo.follow import following
from scanhub_device.simulator import DEVICE_TYPE, PARAMETER_SCHEMA
from scanhub_device.simulator.sequences import write_gre

PASSWORD = "eleven blue herons"
ADMINISTRATOR = {"username": "kim", "first_name": "Kim", "last_name": "Larsen", "role": "admin"}
TECHNICIAN = {"username": "alex", "first_name": "Alex", "last_name": "Moreau", "role": "medical"}
PATIENTS: list[tuple[dict[str, Any], str]] = [
    ({"last_name": "Meitner", "first_name": "Lise", "patient_id": "P-1878"}, "Headache, 3 weeks"),
    ({"last_name": "Noether", "first_name": "Emmy", "patient_id": "P-1882"}, "Follow-up"),
    ({"last_name": "Germain", "first_name": "Sophie", "patient_id": "P-1776"}, "Dizziness"),
    (
        {
            "last_name": "Hopper",
            "first_name": "Grace",
            "patient_id": "P-1906",
            "implants": ["Hip prosthesis, MR conditional at 3 T"],
        },
        "Vertigo",
    ),
    (
        {
            "last_name": "Hollingsworth-Featherstonehaugh",
            "first_name": "Bartholomea Wilhelmina",
            "patient_id": "2026-0004711-EXT",
        },
        "Suspected lesion of the left temporal lobe, outside images to be compared",
    ),
]
SLICES = tuple(float(at) * 6e-3 for at in range(-8, 8))


@dataclass
class House:
    """A scene whose first exam is done, and others wait."""

    scene: Scene
    exams: dict[str, str]
    """Ids of the exams by the last name of the patient."""


@asynccontextmanager
async def opened_house(installation: Installation, folder: Path) -> AsyncIterator[House]:
    """Let people, patients, a scanner and a protocol be there, before anybody comes to work."""
    async with httpx.AsyncClient(base_url=installation.url, timeout=60) as http:
        api = DemoApi(http)
        await _add_people(api)
        device_id, credentials = await _add_scanner(api, folder)
        protocol_id = await _add_protocol(api, device_id, _sequences(folder))
        dummy = {"name": "PACS", "target_type": "dummy", "comment": "The archive of the hospital"}
        await api.call("POST", "/workflowmanager/targets", json=dummy)
        exams = [await _add_exam(api, protocol_id, *each) for each in PATIENTS]
        scans = _scans_of(exams[0]["workflows"][0]["tasks"])
        data = DemoData(
            patient_id=exams[0]["patient_id"],
            device_id=device_id,
            exam_id=exams[0]["id"],
            scans=scans,
            credentials=credentials,
        )
        names = [patient["last_name"] for patient, _ in PATIENTS]
        async with following(http, api.token) as follower:
            scene = Scene(installation, api, data, follower)
            yield House(scene, {name: exam["id"] for name, exam in zip(names, exams, strict=True)})


async def scan_the_first(house: House) -> None:
    """Let the first exam of the day be done."""
    scene = house.scene
    for scan in scene.data.scans:
        await scene.api.call("POST", f"/workflowmanager/trigger_task/{scan.acquisition}/")
        await scene.until("exam.task.finished", task_id=scan.reconstruction)


async def _add_people(api: DemoApi) -> None:
    secret = {"access_token": PASSWORD, "token_type": "password"}
    mail = {"email": "kim@example.org"}
    await api.call("POST", "/userlogin/createfirstuser", json={**ADMINISTRATOR, **mail, **secret})
    login = {"username": ADMINISTRATOR["username"], "password": PASSWORD}
    api.token = (await api.call("POST", "/userlogin/login", data=login))["access_token"]
    mail = {"email": "alex@example.org"}
    await api.call("POST", "/userlogin/createuser", json={**TECHNICIAN, **mail, **secret})


async def _add_scanner(api: DemoApi, folder: Path) -> tuple[str, Path]:
    device = await api.call(
        "POST",
        "/device/createdevice",
        json={"name": "Scanner 1", "description": "Room 2, ground floor"},
    )
    schema = {"document": PARAMETER_SCHEMA}
    await api.call("PUT", f"/device/parameter-schemas/{DEVICE_TYPE}", json=schema)
    credentials = folder / "device_credentials.json"
    credentials.touch(mode=0o600)
    credentials.write_text(json.dumps(device))
    return device["device_id"], credentials


def _sequences(folder: Path) -> list[tuple[str, Path]]:
    """Write what is scanned: a quick look, and slices through the whole head."""
    look, slices = folder / "localiser.seq", folder / "t1_gre.seq"
    write_gre(look, matrix=96, tr=15e-3, dummies=8)
    write_gre(
        slices,
        matrix=96,
        tr=15e-3,
        dummies=0,
        slice_thickness=6e-3,
        slice_offsets=SLICES,
        interleaved=False,
    )
    return [("Localiser", look), ("T1 GRE axial", slices)]


async def _add_protocol(api: DemoApi, device_id: str, scans: list[tuple[str, Path]]) -> str:
    exam = await api.call(
        "POST",
        "/exam/new",
        json={
            "name": "Head routine",
            "description": "Localiser and T1 through the whole head",
            "is_template": True,
        },
    )
    workflow = await api.call(
        "POST",
        "/exam/workflow/new",
        json={"exam_id": exam["id"], "name": "Head", "is_template": True},
    )
    task = {"workflow_id": workflow["id"], "is_template": True, "description": ""}
    for name, path in scans:
        sequence = await api.call(
            "POST",
            "/exam/sequence",
            files={"seq_file": (path.name, path.read_bytes())},
            data={"name": path.stem, "description": "2D, axial", "sequence_type": "GRE"},
        )
        scan = {"name": name, "task_type": "ACQUISITION", "sequence_id": sequence["_id"]}
        made = await api.call(
            "POST", "/exam/task/new", json={**task, **scan, "device_id": device_id}
        )
        job: dict[str, Any] = {
            "task_type": "DAG",
            "dag_type": "RECONSTRUCTION",
            "dag_id": "reconstruction",
        }
        job["name"] = f"{name.split()[0]} images"
        await api.call(
            "POST", "/exam/task/new", json={**task, **job, "input_task_ids": [made["id"]]}
        )
    await api.call("POST", f"/exam/templates/{exam['id']}/release", json={"comment": "Checked"})
    return str(exam["id"])


async def _add_exam(
    api: DemoApi, protocol_id: str, patient: dict[str, Any], indication: str
) -> Any:
    words = {
        "birth_date": "1978-11-07",
        "sex": "FEMALE",
        "height": 168.0,
        "weight": 62.0,
        "issuer": "guide",
        "implants": [],
        "pregnancy_status": "NOT_PREGNANT",
    }
    made = await api.call("POST", "/patient/", json={**words, **patient})
    return await api.call(
        "POST",
        "/exam/",
        params={"template_id": protocol_id},
        json={
            "patient_id": made["id"],
            "name": "Head routine",
            "description": "",
            "indication": indication,
            "patient_position": "HFS",
        },
    )


def _scans_of(tasks: list[dict[str, Any]]) -> list[ScanTasks]:
    """Pair the scans with the jobs that read them."""
    jobs = {task["input_task_ids"][0]: task["id"] for task in tasks if task["task_type"] == "DAG"}
    scans = [task for task in tasks if task["id"] in jobs]
    scans.sort(key=lambda task: int(task["position"]))
    return [ScanTasks(scan["name"], scan["id"], jobs[scan["id"]]) for scan in scans]
