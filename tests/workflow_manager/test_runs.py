"""A finished scan becomes images, whatever comes in between."""

import asyncio
import json
from uuid import UUID

import pydicom
import pytest
from raw_files import Scan, write
from workflow_service import WORKFLOW, until

from scanhub_libraries.database import transaction
from workflow_manager.runs.models import Run


@pytest.fixture
def raw_data(record, tmp_path):
    """Raw data of a finished scan, on the lake; returns a function that makes more."""

    def make(scan=None, content=None):
        result_id = record.add_raw_data()
        folder = tmp_path / "lake" / "lake" / str(record.workflow_id) / str(record.scan)
        folder = folder / str(result_id)
        folder.mkdir(parents=True)
        if content is not None:
            (folder / "data.mrd").write_bytes(content)
        else:
            write(folder / "data.mrd", scan or Scan())
        return result_id

    return make


async def events_of(service, subject):
    entries = await service.get(f"/journal?limit=1000&subject={subject}")
    return [entry["type"] for entry in entries]


async def test_a_finished_scan_starts_its_reconstruction_and_the_images_are_indexed(
    service, record, raw_data
):
    raw_data(Scan(positions=[(0, 0, 5), (0, 0, -5)], fov=(160, 144, 8)))
    await service.deliver(record.finished_event())
    run = await service.run_in("succeeded", "failed", task_id=record.job)
    assert run["status"] == "succeeded", run["error"]
    assert run["progress"] == 100
    job = record.task(record.job)
    assert job["status"] == "FINISHED"
    (result,) = job["results"]
    assert result["type"] == "DICOM"
    assert result["id"] == run["result_id"]
    assert result["files"] == ["image-0001.dcm", "image-0002.dcm"]
    assert result["meta"]["instance_count"] == 2
    assert result["meta"]["run_id"] == run["id"]
    assert result["meta"]["instances"][0] == (
        f"/api/v1/exam/dcm/{record.workflow_id}/{record.job}/{result['id']}/image-0001.dcm"
    )
    (series,) = await service.get(f"/series?task_id={record.job}")
    assert (series["instances"], series["complete"], series["modality"]) == (2, True, "MR")
    assert series["patient_name"] == "Müller^Zoë"
    instances = await service.get(f"/series/{series['series_instance_uid']}/instances")
    sop = instances[0]["sop_instance_uid"]
    download = await service.user.get(f"{WORKFLOW}/instances/{sop}/file")
    assert download.headers["content-type"] == "application/dicom"
    in_lake = service.wiring.lake.path(f"{result['directory']}/image-0001.dcm")
    assert download.content == in_lake.read_bytes()
    image = pydicom.dcmread(in_lake)
    assert image.StudyInstanceUID == f"2.25.{record.exam_id.int}"
    assert image.PatientID == str(record.patient_id)
    assert await events_of(service, run["id"]) == [
        "run.queued",
        "run.started",
        *["run.progress"] * (len(await events_of(service, run["id"])) - 3),
        "run.succeeded",
    ]


async def test_the_same_event_and_the_same_inputs_start_one_run(service, record, raw_data):
    raw_data()
    event = record.finished_event()
    assert await service.deliver(event, event) == 1
    assert await service.deliver(event) == 0
    await service.deliver(record.finished_event())
    await service.run_in("succeeded", task_id=record.job)
    await service.deliver(record.finished_event())
    await asyncio.sleep(0.3)
    assert len(await service.get(f"/runs?task_id={record.job}")) == 1


async def test_a_new_scan_starts_a_new_run(service, record, raw_data):
    raw_data()
    await service.deliver(record.finished_event())
    first = await service.run_in("succeeded", task_id=record.job)
    raw_data()
    await service.deliver(record.finished_event())

    async def two():
        runs = await service.get(f"/runs?task_id={record.job}")
        return len(runs) == 2 and runs[0]["status"] == "succeeded" and runs

    second, again = await until(two)
    assert again["id"] == first["id"]
    assert (second["attempt"], first["attempt"]) == (2, 1)
    assert len(await service.get(f"/series?task_id={record.job}")) == 2


async def test_data_that_cannot_be_reconstructed_end_in_a_readable_reason(
    service, record, raw_data
):
    raw_data(Scan(trajectory="spiral"))
    await service.deliver(record.finished_event())
    run = await service.run_in("failed", task_id=record.job)
    assert run["error"] == ("The data are spiral; this job reconstructs Cartesian data only.")
    job = record.task(record.job)
    assert (job["status"], job["status_reason"]) == ("ERROR", run["error"])
    assert "run.failed" in await events_of(service, run["id"])


async def test_a_refusal_of_exam_manager_ends_the_run_with_its_words(service, record, raw_data):
    raw_data()
    record.refuse_finish = "The exam was closed."
    await service.deliver(record.finished_event())
    run = await service.run_in("failed", task_id=record.job)
    assert "The exam was closed." in run["error"]


async def test_exam_manager_being_away_for_a_while_is_waited_for(service, record, raw_data):
    raw_data()
    record.away = True
    await service.deliver(record.finished_event())
    await asyncio.sleep(0.5)
    record.away = False
    assert (await service.run_in("succeeded", "failed", task_id=record.job))[
        "status"
    ] == "succeeded"


async def test_starting_a_job_by_hand_answers_with_its_run(service, record, raw_data):
    raw_data()
    answer = await service.user.post(f"{WORKFLOW}/trigger_task/{record.job}/")
    assert answer.status_code == 200, answer.text
    run = await service.run_in("succeeded", task_id=record.job)
    assert answer.json()["run_id"] == run["id"]


async def test_a_job_without_raw_data_is_refused_and_the_input_named(service, record):
    answer = await service.user.post(f"{WORKFLOW}/trigger_task/{record.job}/")
    assert answer.status_code == 409
    assert answer.json()["detail"] == "Input task 'GRE' has no raw data yet: scan it first."
    assert await service.get("/runs") == []


async def test_an_unknown_job_is_refused_with_those_that_exist(service, record, raw_data):
    raw_data()
    record.task(record.job)["dag_id"] = "magic"
    answer = await service.user.post(f"{WORKFLOW}/trigger_task/{record.job}/")
    assert answer.status_code == 501
    assert "cartesian_reconstruction" in answer.json()["detail"]


async def test_raw_data_that_left_the_lake_end_in_a_readable_reason(
    service, record, raw_data, tmp_path
):
    raw_data()
    for file in tmp_path.rglob("data.mrd"):
        file.unlink()
    await service.deliver(record.finished_event())
    run = await service.run_in("failed", task_id=record.job)
    assert "not in the lake" in run["error"]


async def test_a_path_in_the_record_is_never_followed(service, record, tmp_path):
    secret = write(tmp_path / "secret.mrd")
    record.add_raw_data(str(secret))
    record.task(record.scan)["results"][0]["directory"] = "/"
    await service.deliver(record.finished_event())
    run = await service.run_in("failed", task_id=record.job)
    assert "not in the lake" in run["error"]


async def test_stopping_a_job_kills_its_process_and_frees_the_task(
    service, record, raw_data, slow_job
):
    raw_data()
    await service.user.post(f"{WORKFLOW}/trigger_task/{record.job}/")
    pid = await until(slow_job.pid)
    answer = await service.user.post(f"{WORKFLOW}/stop_task/{record.job}/")
    assert answer.json()["sent"] is True
    run = await service.run_in("canceled", task_id=record.job)
    assert run["error"] == "Stopped."
    await until(lambda: not slow_job.alive(pid))
    assert record.task(record.job)["status"] == "CANCELED"
    again = await service.user.post(f"{WORKFLOW}/stop_task/{record.job}/")
    assert again.json()["sent"] is False


async def test_a_run_that_waits_for_exam_manager_can_be_stopped(service, record, raw_data):
    raw_data()
    record.away_at = "/claim"
    answer = await service.user.post(f"{WORKFLOW}/trigger_task/{record.job}/")
    assert answer.status_code == 200
    await until(lambda: any(call.endswith("/claim") for call in record.calls))
    answer = await service.user.post(f"{WORKFLOW}/stop_task/{record.job}/")
    assert answer.json()["sent"] is True
    await service.run_in("canceled", task_id=record.job)


async def test_a_job_that_crashes_leaves_its_last_words(service, record, raw_data, crashing_job):
    raw_data()
    await service.deliver(record.finished_event())
    run = await service.run_in("failed", task_id=record.job)
    assert run["error"] == "The job ended with code 3: the scanner ate my homework"


async def test_a_second_start_of_a_running_job_is_refused(service, record, raw_data, slow_job):
    raw_data()
    await service.user.post(f"{WORKFLOW}/trigger_task/{record.job}/")
    again = await service.user.post(f"{WORKFLOW}/trigger_task/{record.job}/")
    assert again.status_code == 409
    await until(slow_job.pid)
    await service.user.post(f"{WORKFLOW}/stop_task/{record.job}/")
    await service.run_in("canceled", task_id=record.job)


async def test_an_orderly_restart_in_the_middle_of_a_job_lets_it_go_on(
    serving, record, raw_data, slow_job
):
    raw_data()
    async with serving() as service:
        await service.deliver(record.finished_event())
        pid = await until(slow_job.pid)
    await until(lambda: not slow_job.alive(pid))
    slow_job.hurry()
    async with serving() as service:
        run = await service.run_in("succeeded", "failed", task_id=record.job)
        assert run["status"] == "succeeded", run["error"]
        assert len(await service.get(f"/runs?task_id={record.job}")) == 1


async def test_a_run_whose_workflow_was_never_started_is_found_at_the_start(
    serving, record, raw_data
):
    result_id = raw_data()
    run_id = UUID(int=7)
    async with serving() as service, transaction(service.wiring.sessions) as session:
        session.add(
            Run(
                id=run_id,
                task_id=record.job,
                workflow_id=record.workflow_id,
                job_id="cartesian_reconstruction",
                inputs={str(record.scan): str(result_id)},
            )
        )
    async with serving() as service:
        run = await service.run_in("succeeded", task_id=record.job)
        assert run["id"] == str(run_id)


async def test_a_run_works_on_postgresql_too(serving, record, raw_data, make_postgresql_url):
    raw_data()
    url = make_postgresql_url()
    async with serving(database_url=url, engine_database_url=make_postgresql_url()) as service:
        await service.deliver(record.finished_event())
        run = await service.run_in("succeeded", "failed", task_id=record.job)
        assert run["status"] == "succeeded", run["error"]


async def test_job_context_says_nothing_that_a_log_should_not_hold(service, record, raw_data):
    raw_data()
    await service.deliver(record.finished_event())
    await service.run_in("succeeded", task_id=record.job)
    journal = await service.get("/journal?limit=1000")
    assert "Müller" not in json.dumps(journal, ensure_ascii=False)
    assert not list((service.wiring.lake.root / "runs").iterdir())
