"""What jobs of exams are told, what is known of them afterwards, and how they are tried again."""

import dataclasses
import hashlib
import json
import os
import time

import pydicom
import pytest
from decays import decay
from raw_files import Scan
from workflow_service import WORKFLOW, until

from scanhub_libraries.clients import WorkflowManagerClient
from workflow_manager.jobs.built_in import BUILT_IN
from workflow_manager.runs.folders import RunFolders
from workflow_manager.runs.recovery import drop_old_logs

SMALL = Scan((16, 16, 1), (160, 160, 400))


async def ended(service, task_id):
    return await service.run_in("succeeded", "failed", "canceled", "timed_out", task_id=task_id)


async def another_job(clinic, dag_id, source, **parameter):
    body = {
        "name": dag_id,
        "task_type": "DAG",
        "dag_type": "PROCESSING",
        "dag_id": dag_id,
        "input_task_ids": [str(source)],
        "workflow_id": str(clinic.workflow_id),
        "parameter": parameter,
    }
    return await clinic._new("/api/v1/exam/task/new", body)


async def test_parameters_of_the_task_reach_the_job_and_stay_with_run_and_images(service, clinic):
    await clinic.change(clinic.job, dag_id="reconstruction", parameter={"apodization": "hann"})
    result_id = await clinic.measure(SMALL)
    await service.deliver(await clinic.event())
    run = await ended(service, clinic.job)
    assert run["status"] == "succeeded", run["error"]
    assert (run["job_id"], run["job_version"]) == ("reconstruction", "1.0.0")
    assert (run["parameters"]["apodization"], run["parameters"]["memory_gib"]) == ("hann", 8)
    (given,) = run["inputs"]
    raw_data = next(clinic.lake.rglob("data.mrd"))
    assert given == {
        "task_id": str(clinic.scan),
        "result_id": str(result_id),
        "kind": "raw_data",
        "files": 1,
        "size_bytes": raw_data.stat().st_size,
        "sha256": hashlib.sha256(raw_data.read_bytes()).hexdigest(),
    }
    assert run["machine"]["host"]
    assert run["machine"]["packages"]["numpy"]
    (result,) = (await clinic.task(clinic.job))["results"]
    assert (result["meta"]["job_id"], result["meta"]["job_version"]) == ("reconstruction", "1.0.0")
    assert result["meta"]["parameters"]["apodization"] == "hann"
    image = pydicom.dcmread(service.wiring.lake.path(f"{result['directory']}/{result['files'][0]}"))
    (item,) = image.ContributingEquipmentSequence
    assert item.PurposeOfReferenceCodeSequence[0].CodeValue == "109102"
    assert (item.ManufacturerModelName, item.SoftwareVersions) == ("reconstruction", "1.0.0")
    assert run["id"] in item.ContributionDescription
    assert '"apodization": "hann"' in item.ContributionDescription
    assert item.ContributionDateTime[:4] == run["created_at"][:4]


async def test_a_parameter_that_does_not_fit_is_named_before_anything_begins(service, clinic):
    await clinic.measure(SMALL)
    await clinic.change(clinic.job, parameter={"apodisation": "hann"})
    answer = await service.user.post(f"{WORKFLOW}/trigger_task/{clinic.job}/")
    assert answer.status_code == 422
    assert answer.json()["field"] == "parameter.apodisation"
    assert "apodization" in answer.json()["detail"]
    assert await service.get("/runs") == []
    await service.deliver(await clinic.event())
    run = await ended(service, clinic.job)
    assert run["status"] == "failed"
    assert "apodisation: there is no such parameter" in run["error"]
    job = await clinic.task(clinic.job)
    assert (job["status"], job["status_reason"]) == ("ERROR", run["error"])


async def test_parameters_are_checked_when_a_task_is_saved_as_far_as_they_are_known(
    service, clinic
):
    client = WorkflowManagerClient(service.user)
    clinic.app.state.check_job = client.check_job
    body = await clinic.task(clinic.job)
    path = f"/api/v1/exam/task/{clinic.job}"
    wrong = {**body, "dag_id": "reconstruction", "parameter": {"apodization": "hanning"}}
    answer = await clinic.client.put(path, headers=clinic.headers, json=wrong)
    assert (answer.status_code, answer.json()["field"]) == (422, "parameter.apodization")
    assert (await clinic.task(clinic.job))["parameter"] == body["parameter"]
    right = {**wrong, "parameter": {"apodization": "hann"}}
    assert (await clinic.client.put(path, headers=clinic.headers, json=right)).is_success
    later = {**right, "dag_id": "comes_later", "parameter": {"whatever": 1}}
    assert (await clinic.client.put(path, headers=clinic.headers, json=later)).is_success


async def test_a_run_in_vain_is_tried_again_on_the_same_data_as_the_task_is_by_now(service, clinic):
    await clinic.measure(SMALL)
    await clinic.change(clinic.job, parameter={"memory_gib": -1})
    await service.deliver(await clinic.event())
    first = await ended(service, clinic.job)
    await clinic.change(clinic.job, parameter={"memory_gib": 1})
    answer = await service.user.post(f"{WORKFLOW}/runs/{first['id']}/retry")
    assert answer.status_code == 200, answer.text
    assert answer.json()["retry_of"] == first["id"]

    async def second():
        run = await service.get(f"/runs/{answer.json()['id']}")
        return run["status"] == "succeeded" and run

    run = await until(second)
    assert (run["attempt"], run["parameters"]["memory_gib"]) == (2, 1)
    assert run["inputs"][0]["result_id"] == first["inputs"][0]["result_id"]
    again = await service.user.post(f"{WORKFLOW}/runs/{run['id']}/retry")
    assert again.status_code == 409
    assert "succeeded" in again.json()["detail"]


async def test_a_run_is_stopped_by_its_id_and_its_log_is_read_while_it_runs(
    service, clinic, slow_job
):
    await clinic.measure(SMALL)
    await service.user.post(f"{WORKFLOW}/trigger_task/{clinic.job}/")
    pid = await until(slow_job.pid)
    run = await service.run_in("running", task_id=clinic.job)
    (folder,) = (service.wiring.lake.root / "run-logs").iterdir()
    assert folder.stem == run["id"]
    answer = await service.user.post(f"{WORKFLOW}/runs/{run['id']}/cancel")
    assert answer.status_code == 200, answer.text
    assert (await ended(service, clinic.job))["status"] == "canceled"
    await until(lambda: not slow_job.alive(pid))
    again = await service.user.post(f"{WORKFLOW}/runs/{run['id']}/cancel")
    assert again.status_code == 409


async def test_the_log_is_read_from_where_the_last_answer_ended(service, clinic):
    await clinic.measure(SMALL)
    await service.deliver(await clinic.event())
    run = await ended(service, clinic.job)
    whole = await service.user.get(f"{WORKFLOW}/runs/{run['id']}/log")
    assert whole.headers["content-type"].startswith("text/plain")
    lines = whole.text.splitlines()
    assert lines[-1].endswith("100 % done")
    assert int(whole.headers["x-log-size"]) == len(whole.content)
    rest = await service.user.get(f"{WORKFLOW}/runs/{run['id']}/log?offset=10")
    assert rest.content == whole.content[10:]
    assert run["log_tail"].splitlines()[-1] == lines[-1]
    log = RunFolders(service.wiring.lake.root, run["id"]).log
    old = time.time() - 15 * 86_400
    os.utime(log, (old, old))
    assert await drop_old_logs(service.wiring) == 1
    assert (await service.user.get(f"{WORKFLOW}/runs/{run['id']}/log")).content == b""


async def test_a_job_that_takes_too_long_has_timed_out(serving, clinic, slow_job):
    await clinic.measure(SMALL)
    async with serving(job_timeout_s=0.5) as service:
        await service.deliver(await clinic.event())
        run = await ended(service, clinic.job)
    assert run["status"] == "timed_out"
    assert "longer than it may" in run["error"]
    assert (await clinic.task(clinic.job))["status"] == "ERROR"


async def test_a_job_is_tried_as_often_as_it_may_but_not_on_data_that_are_at_fault(
    service, clinic, crashing_job, monkeypatch
):
    job_id = "cartesian_reconstruction"
    crashing = dataclasses.replace(BUILT_IN[job_id], retries=2)
    monkeypatch.setitem(BUILT_IN, job_id, crashing)
    await clinic.measure(SMALL)
    await service.deliver(await clinic.event())
    run = await ended(service, clinic.job)
    assert run["log_tail"].count("ate my homework") == 3
    assert (run["exit_code"], run["input_at_fault"]) == (3, False)
    intact = dataclasses.replace(crashing, module="scanhub_jobs.reconstruction")
    monkeypatch.setitem(BUILT_IN, job_id, intact)
    await clinic.measure(content=b"no ISMRMRD")
    await service.deliver(await clinic.event())
    run = await until(lambda: second_of(service, clinic.job))
    assert (run["exit_code"], run["input_at_fault"]) == (2, True)
    assert "tried again" not in run["log_tail"]


async def second_of(service, task_id):
    runs = await service.get(f"/runs?task_id={task_id}")
    return len(runs) == 2 and runs[0]["status"] == "failed" and runs[0]


async def test_the_resonance_is_found_and_is_a_result(service, clinic, tmp_path):
    frequency = await another_job(clinic, "frequency_calibration", clinic.scan, zero_filling=4)
    await clinic.measure(content=decay(tmp_path / "a.mrd", offset_hz=250.0).read_bytes())
    await service.deliver(await clinic.event())
    run = await ended(service, frequency)
    assert run["status"] == "succeeded", run["error"]
    assert run["values"]["offset_hz"] == pytest.approx(250.0, abs=1)
    assert run["values"]["frequency_hz"] == pytest.approx(2_128_250, abs=1)
    (result,) = (await clinic.task(frequency))["results"]
    assert (result["type"], result["files"]) == ("CALIBRATION", ["report.json"])
    assert result["meta"]["values"] == run["values"]
    report = service.wiring.lake.path(f"{result['directory']}/report.json")
    assert json.loads(report.read_text())["values"] == run["values"]
    assert await service.get(f"/series?task_id={frequency}") == []


async def test_images_of_a_reconstruction_are_judged_by_the_job_behind_it(service, clinic):
    quality = await another_job(clinic, "quality_report", clinic.job)
    await clinic.measure()
    await service.deliver(await clinic.event())
    assert (await ended(service, clinic.job))["status"] == "succeeded"
    await service.deliver(await clinic.event())
    run = await ended(service, quality)
    assert run["status"] == "succeeded", run["error"]
    assert run["inputs"][0]["kind"] == "images"
    assert (run["inputs"][0]["files"], len(run["inputs"][0]["sha256"])) == (1, 64)
    assert run["values"]["slices"] == 1
    (result,) = (await clinic.task(quality))["results"]
    assert (result["type"], result["meta"]["values"]["slices"]) == ("NOT_SET", 1)
