"""Jobs of the SDK as tasks of exams: what they read and leave, how they end, what stays of them."""

import hashlib
import json
import os
import signal
from contextlib import asynccontextmanager

import pydicom
import pytest
from exam_package import SOURCE
from raw_files import Scan
from workflow_service import WORKFLOW, until

from scanhub_libraries.clock import utc_now
from workflow_manager.processing.desk import drop_old_files

from .conftest import install

SMALL = Scan((16, 16, 1), (160, 160, 400))
JOBS = ("raw_size", "count", "report", "sees")
PATIENCE = 120.0


async def add_task(clinic, dag_id, *sources, **parameter):
    body = {
        "name": dag_id,
        "task_type": "DAG",
        "dag_type": "PROCESSING",
        "dag_id": dag_id,
        "input_task_ids": [str(source) for source in sources],
        "workflow_id": str(clinic.workflow_id),
        "parameter": parameter,
    }
    return await clinic._new("/api/v1/exam/task/new", body)


async def ended(service, task_id, number=1):
    async def over():
        runs = await service.get(f"/runs?task_id={task_id}")
        states = {"succeeded", "failed", "canceled", "timed_out"}
        return runs[0] if len(runs) >= number and runs[0]["status"] in states else None

    return await until(over, PATIENCE)


@pytest.fixture
def gate(tmp_path):
    folder = tmp_path / "gate"
    folder.mkdir()
    return folder


@pytest.fixture
def working(serving, tmp_path, monkeypatch, gate):
    """Return a context manager that runs a service beside which the jobs are installed."""
    folder = tmp_path / "site"
    entries = {name: f"exam_jobs_for_test:{name}" for name in JOBS}
    install(folder, "exam_jobs_for_test", SOURCE.replace("GATE", str(gate)), entries)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=":")

    @asynccontextmanager
    async def start(**changes):
        quiet = {"module_runtime": "none", "series_quiet_s": 3600.0, "module_writes": (gate,)}
        async with serving(**quiet | changes) as service:
            yield service

    return start


def heard(gate):
    return (gate / "heard").read_text().splitlines()


@pytest.mark.long
@pytest.mark.disk  # it changes files in its own folder and in the gate only
async def test_a_job_of_raw_data_leaves_images_of_the_exam_and_files(working, clinic, gate):
    task = await add_task(clinic, "raw_size", clinic.scan, gain=2.0, salt="pepper")
    result_id = await clinic.measure(SMALL)
    async with working() as service:
        await service.deliver(await clinic.event())
        run = await ended(service, task)
        assert run["status"] == "succeeded", (run["error"], run["log_tail"])
        raw = next(clinic.lake.rglob("data.mrd"))
        assert run["values"] == {"size_bytes": raw.stat().st_size}
        assert (run["job_version"], run["parameters"]["salt"]) == ("1.1.0", "***")
        (given,) = run["inputs"]
        assert given["result_id"] == str(result_id)
        assert given["sha256"] == hashlib.sha256(raw.read_bytes()).hexdigest()
        assert "half of it" in run["log_tail"]
        (result,) = (await clinic.task(task))["results"]
        assert result["type"] == "DICOM"
        images = [name for name in result["files"] if name.endswith(".dcm")]
        assert sorted(set(result["files"]) - set(images)) == ["gr__e.json", "results.json"]
        place = service.wiring.lake.path(f"{result['directory']}/{images[0]}")
        image = pydicom.dcmread(place)
        exam = await clinic.call("GET", f"/api/v1/exam/{clinic.exam_id}")
        assert image.StudyInstanceUID == exam["study_instance_uid"]
        assert str(image.PatientName) == "Müller^Zoë"
        details = image.ContributingEquipmentSequence[-1].ContributionDescription
        assert run["id"] in details
        assert "pepper" not in details + json.dumps(result)
        (series,) = await service.get(f"/series?task_id={task}")
        assert series["instances"] == len(images) == 2
        (value,) = await service.get(f"/runs/{run['id']}/data")
        assert (value["job"], value["name"]) == ("raw_size", "seen")
        (file,) = await service.get(f"/runs/{run['id']}/session-files")
        path = f"{WORKFLOW}/runs/{run['id']}/session-files/{file['key']}/file"
        answer = await service.user.get(path)
        assert answer.json() == {"bytes": raw.stat().st_size}
        assert heard(gate) == ["prepare", "tell succeeded raw_size"]
        session = await service.get(f"/runs/{run['id']}/session")
        assert [(hook["name"], hook["done"]) for hook in session["hooks"]] == [
            ("prepare", True), ("tell", True),
        ]  # fmt: skip


@pytest.mark.long
async def test_a_job_sees_the_graphics_processor_that_it_was_lent_and_no_other(working, clinic):
    task = await add_task(clinic, "sees", clinic.scan)
    await clinic.measure(SMALL)
    async with working() as service:
        await service.deliver(await clinic.event())
        run = await ended(service, task)
        assert run["status"] == "failed"
        assert "It asks for a graphics processor, and the process has none" in run["error"]
    async with working(gpu_slots=["GPU-a", "GPU-b"]) as service:
        answer = await service.user.post(f"{WORKFLOW}/runs/{run['id']}/retry")
        assert answer.status_code == 200, answer.text
        run = await ended(service, task, number=2)
        assert run["status"] == "succeeded", run["error"]
        assert run["values"] == {"sees": "GPU-a"}


@pytest.mark.long
async def test_a_job_of_images_and_what_it_needs_and_it_is_tried_again_by_hand(
    working, clinic, gate
):
    await clinic.change(clinic.job, dag_id="reconstruction")
    task = await add_task(clinic, "report", clinic.job)
    (gate / "fail").touch()
    await clinic.measure(SMALL)
    async with working() as service:
        await service.deliver(await clinic.event())
        assert (await ended(service, clinic.job))["status"] == "succeeded"
        await service.deliver(await clinic.event())
        first = await ended(service, task)
        assert (first["status"], first["input_at_fault"]) == ("failed", False)
        assert first["error"] == "report: RuntimeError: it was asked to fail"
        assert first["log_tail"].count("it was asked to fail") >= 2, "it is tried twice"
        assert "'alarm'" in first["warnings"][0]
        values = await service.get(f"/runs/{first['id']}/data")
        assert {v["name"]: v["value"] for v in values} == {"images": 1, "tries": 2}
        (why,) = await service.get(f"/runs/{first['id']}/session-files")
        assert why["name"] == "why.txt"
        assert heard(gate) == ["prepare", "tell failed count,report", "alarm failed"]
        (gate / "fail").unlink()
        answer = await service.user.post(f"{WORKFLOW}/runs/{first['id']}/retry")
        assert answer.status_code == 200, answer.text
        run = await ended(service, task, number=2)
        assert run["status"] == "succeeded", run["error"]
        assert run["values"] == {"images": 1, "tries": 1, "gain": 1.0}
        (result,) = (await clinic.task(task))["results"]
        names = [name for name in result["files"] if not name.endswith(".dcm")]
        assert names == ["mask.nii.gz", "report.pdf", "results.json"]
        (document,) = [name for name in result["files"] if name.endswith(".dcm")]
        place = service.wiring.lake.path(f"{result['directory']}/{document}")
        assert pydicom.dcmread(place).Modality == "DOC"


@pytest.mark.long
async def test_a_job_that_says_no_and_one_whose_hook_fails(working, clinic, gate):
    await clinic.change(clinic.job, dag_id="reconstruction")
    no = await add_task(clinic, "report", clinic.job, gain=0)
    await clinic.measure(SMALL)
    async with working() as service:
        await service.deliver(await clinic.event())
        await ended(service, clinic.job)
        await service.deliver(await clinic.event())
        run = await ended(service, no)
        assert run["status"] == "succeeded", run["error"]
        assert "gain is nothing" in run["warnings"][0]
        (result,) = (await clinic.task(no))["results"]
        assert (result["type"], result["files"]) == ("NOT_SET", ["results.json"])
        (gate / "unprepared").touch()
        answer = await service.user.post(f"{WORKFLOW}/trigger_task/{no}/")
        assert answer.status_code == 200, answer.text
        run = await ended(service, no, number=2)
        assert run["status"] == "failed"
        assert "'prepare' at the start of the session failed" in run["error"]
        assert heard(gate)[-1] == "tell blocked report"


@pytest.mark.long
async def test_a_job_is_told_to_stop_and_after_kill_9_it_goes_on(working, clinic, gate):
    await clinic.change(clinic.job, dag_id="reconstruction")
    task = await add_task(clinic, "report", clinic.job)
    (gate / "slow").touch()
    await clinic.measure(SMALL)

    async def pid():
        return (gate / "pid").exists() and int((gate / "pid").read_text())

    async with working() as service:
        await service.deliver(await clinic.event())
        await ended(service, clinic.job)
        await service.deliver(await clinic.event())
        os.kill(await until(pid, PATIENCE), signal.SIGKILL)  # tried again: retries=1
        run = await until(lambda: service.run_in("running", task_id=task), PATIENCE)
        answer = await service.user.post(f"{WORKFLOW}/runs/{run['id']}/cancel")
        assert answer.status_code == 200, answer.text
        run = await ended(service, task)
        assert run["status"] == "canceled"
        assert heard(gate)[-1] == "tell cancelled count,report"
        values = await service.get(f"/runs/{run['id']}/data")
        assert "tries" in {value["name"] for value in values}


@pytest.mark.long
async def test_what_a_job_left_goes_as_it_says_and_stays_when_it_is_held(working, clinic, gate):
    task = await add_task(clinic, "count", clinic.job)
    await clinic.measure(SMALL)
    async with working() as service:
        await service.deliver(await clinic.event())
        await ended(service, clinic.job)
        await service.deliver(await clinic.event())
        run = await ended(service, task)
        assert run["status"] == "succeeded", run["error"]
        kept = await service.get(f"/runs/{run['id']}/session")
        assert kept["status"] == "succeeded"
        assert kept["until"] <= utc_now().isoformat()
        path = f"{WORKFLOW}/runs/{run['id']}/session"
        held = await service.user.put(path, json={"hold": True, "reason": "the auditor asked"})
        assert held.status_code == 200, held.text
        assert await drop_old_files(service.wiring) == 0
        assert await service.get(f"/runs/{run['id']}/data")
        await service.user.put(path, json={"hold": False})
        assert await drop_old_files(service.wiring) == 1
        assert await service.get(f"/runs/{run['id']}/data") == []
