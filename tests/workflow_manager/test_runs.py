"""A finished scan becomes images, whatever comes in between."""

import asyncio
import json
from uuid import UUID, uuid4

import pydicom
import pytest
from raw_files import Scan, write
from wire import answer_lost, away
from workflow_service import WORKFLOW, until

from exam_manager.results.models import Result
from scanhub_libraries.database import reading, transaction
from workflow_manager.journal.models import JournalOffset
from workflow_manager.main import close_streams
from workflow_manager.runs.models import Run


async def events_of(service, subject):
    entries = await service.get(f"/journal?limit=1000&subject={subject}")
    return [entry["type"] for entry in entries]


async def test_the_hospitals_number_is_the_patient_id_of_the_images(service, clinic):
    url = f"/api/v1/patient/{clinic.patient_id}"
    patient = await clinic.call("GET", url)
    await clinic.call("PUT", url, json={**patient, "patient_id": "MRN-42"})
    await clinic.measure(Scan(positions=[(0, 0, 0)], fov=(160, 144, 8)))
    await service.deliver(await clinic.event())
    run = await service.run_in("succeeded", "failed", task_id=clinic.job)
    (result,) = (await clinic.task(clinic.job))["results"]
    image = pydicom.dcmread(service.wiring.lake.path(f"{result['directory']}/image-0001.dcm"))
    assert (run["status"], image.PatientID) == ("succeeded", "MRN-42")


async def test_a_finished_scan_starts_its_reconstruction_and_the_images_are_indexed(
    service, clinic
):
    await clinic.measure(Scan(positions=[(0, 0, 5), (0, 0, -5)], fov=(160, 144, 8)))
    await service.deliver(await clinic.event())
    run = await service.run_in("succeeded", "failed", task_id=clinic.job)
    assert run["status"] == "succeeded", run["error"]
    assert run["progress"] == 100
    job = await clinic.task(clinic.job)
    assert job["status"] == "FINISHED"
    (result,) = job["results"]
    assert result["type"] == "DICOM"
    assert result["id"] == run["result_id"]
    assert result["files"] == ["image-0001.dcm", "image-0002.dcm"]
    assert result["meta"]["instance_count"] == 2
    assert result["meta"]["run_id"] == run["id"]
    assert result["meta"]["instances"][0] == (
        f"/api/v1/exam/dcm/{clinic.workflow_id}/{clinic.job}/{result['id']}/image-0001.dcm"
    )
    (series,) = await service.get(f"/series?task_id={clinic.job}")
    assert (series["instances"], series["complete"], series["modality"]) == (2, True, "MR")
    assert series["patient_name"] == "Müller^Zoë"
    instances = await service.get(f"/series/{series['series_instance_uid']}/instances")
    sop = instances[0]["sop_instance_uid"]
    download = await service.user.get(f"{WORKFLOW}/instances/{sop}/file")
    assert download.headers["content-type"] == "application/dicom"
    in_lake = service.wiring.lake.path(f"{result['directory']}/image-0001.dcm")
    assert download.content == in_lake.read_bytes()
    image = pydicom.dcmread(in_lake)
    exam = await clinic.call("GET", f"/api/v1/exam/{clinic.exam_id}")
    assert image.StudyInstanceUID == exam["study_instance_uid"]
    assert image.PatientID == str(clinic.patient_id)
    assert await events_of(service, run["id"]) == [
        "run.queued",
        "run.started",
        *["run.progress"] * (len(await events_of(service, run["id"])) - 3),
        "run.succeeded",
    ]


async def test_the_same_event_and_the_same_inputs_start_one_run(service, clinic):
    await clinic.measure()
    event = await clinic.event()
    assert await service.deliver(event, event) == 1
    assert await service.deliver(event) == 0
    assert await service.deliver(await clinic.event("result.stored")) == 1
    await service.run_in("succeeded", task_id=clinic.job)
    (raw_data,) = (await clinic.task(clinic.scan))["results"]
    await clinic.call("PUT", f"/api/v1/exam/result/{raw_data['id']}", clinic.service, json=raw_data)
    assert await service.deliver(await clinic.event("result.stored")) == 1
    await asyncio.sleep(0.3)
    assert len(await service.get(f"/runs?task_id={clinic.job}")) == 1


def another(event, **data):
    return {**event, "id": str(uuid4()), "data": {**event["data"], **data}}


async def test_raw_data_start_a_run_also_when_other_files_are_told_of_behind_them(service, clinic):
    await clinic.measure()
    stored = await clinic.event("result.stored")
    await service.deliver(stored, another(stored, type="NUMPY"))
    await service.run_in("succeeded", task_id=clinic.job)


async def test_of_files_that_are_no_raw_data_the_record_is_asked_nothing(service, clinic, wire):
    await clinic.measure()
    stored = await clinic.event("result.stored")
    await service.deliver(another(stored, type="NUMPY"))
    nowhere = uuid4()
    await service.deliver(another(stored, workflow_id=str(nowhere)))
    path = "GET /api/v1/exam/workflow/"
    await until(lambda: f"{path}{nowhere}" in wire.calls)
    assert f"{path}{clinic.workflow_id}" not in wire.calls


async def test_what_is_read_again_after_a_crash_starts_nothing_again(serving, clinic):
    """The place in the journal is written down now and then: a crash goes back by some events."""

    async def everything_read(service):
        async with reading(service.wiring.sessions) as session:
            offset = await session.get(JournalOffset, "runs")
        return 0 < service.wiring.tail.last == offset.sequence

    await clinic.measure()
    async with serving() as service:
        await service.deliver(await clinic.event())
        await service.run_in("succeeded", task_id=clinic.job)
        await close_streams(service.app)  # as a server does that ends
    async with serving() as service:
        await until(lambda: everything_read(service))
        async with transaction(service.wiring.sessions) as session:
            offset = await session.get(JournalOffset, "runs")
            offset.sequence = 0
    async with serving() as service:
        await until(lambda: everything_read(service))
        assert len(await service.get(f"/runs?task_id={clinic.job}")) == 1


async def test_a_new_scan_starts_a_new_run(service, clinic):
    await clinic.measure()
    await service.deliver(await clinic.event())
    first = await service.run_in("succeeded", task_id=clinic.job)
    await clinic.measure()
    await service.deliver(await clinic.event())

    async def two():
        runs = await service.get(f"/runs?task_id={clinic.job}")
        return len(runs) == 2 and runs[0]["status"] == "succeeded" and runs

    second, again = await until(two)
    assert again["id"] == first["id"]
    assert (second["attempt"], first["attempt"]) == (2, 1)
    assert len(await service.get(f"/series?task_id={clinic.job}")) == 2


async def test_data_that_cannot_be_reconstructed_end_in_a_readable_reason(service, clinic):
    await clinic.measure(Scan(trajectory="spiral"))
    await service.deliver(await clinic.event())
    run = await service.run_in("failed", task_id=clinic.job)
    assert run["error"] == "The data are spiral, but readout 0 states no trajectory."
    job = await clinic.task(clinic.job)
    assert (job["status"], job["status_reason"]) == ("ERROR", run["error"])
    assert "run.failed" in await events_of(service, run["id"])


async def test_exam_manager_being_away_for_a_while_is_waited_for(service, clinic, wire):
    await clinic.measure()
    wire.disturb(away)
    await service.deliver(await clinic.event())
    await asyncio.sleep(0.5)
    wire.mend()
    run = await service.run_in("succeeded", "failed", task_id=clinic.job)
    assert run["status"] == "succeeded", run["error"]


@pytest.mark.parametrize("at", ["/claim$", "GET .*/task/", "/finish$"])
async def test_a_call_that_is_not_answered_twice_is_repeated(service, clinic, wire, at):
    await clinic.measure()
    wire.disturb(away, at, times=1)
    lost = wire.disturb(answer_lost, at, times=1)
    await service.deliver(await clinic.event())
    run = await service.run_in("succeeded", "failed", task_id=clinic.job)
    assert run["status"] == "succeeded", run["error"]
    assert lost.hit.is_set()
    assert [r["id"] for r in (await clinic.task(clinic.job))["results"]] == [run["result_id"]]


async def test_a_task_that_another_run_holds_is_left_to_it(service, clinic):
    await clinic.measure()
    await clinic.claim_job(UUID(int=8))
    await service.deliver(await clinic.event())
    run = await service.run_in("failed", task_id=clinic.job)
    assert "being worked on" in run["error"]
    job = await clinic.task(clinic.job)
    assert (job["status"], job["status_reason"]) == ("STARTED", None)


async def test_starting_a_job_by_hand_answers_with_its_run(service, clinic):
    await clinic.measure()
    answer = await service.user.post(f"{WORKFLOW}/trigger_task/{clinic.job}/")
    assert answer.status_code == 200, answer.text
    run = await service.run_in("succeeded", task_id=clinic.job)
    assert answer.json()["run_id"] == run["id"]


async def test_a_job_without_raw_data_is_refused_and_the_input_named(service, clinic):
    answer = await service.user.post(f"{WORKFLOW}/trigger_task/{clinic.job}/")
    assert answer.status_code == 409
    assert answer.json()["detail"] == "Input task 'GRE' has no raw data yet: scan it first."
    assert await service.get("/runs") == []


async def test_an_unknown_job_is_refused_with_those_that_exist(service, clinic):
    await clinic.measure()
    await clinic.change(clinic.job, dag_id="magic")
    answer = await service.user.post(f"{WORKFLOW}/trigger_task/{clinic.job}/")
    assert answer.status_code == 501
    assert "cartesian_reconstruction" in answer.json()["detail"]


async def test_raw_data_that_left_the_lake_end_in_a_readable_reason(service, clinic, tmp_path):
    await clinic.measure()
    for file in tmp_path.rglob("data.mrd"):
        file.unlink()
    await service.deliver(await clinic.event())
    run = await service.run_in("failed", task_id=clinic.job)
    assert "not in the lake" in run["error"]


async def test_a_path_in_the_record_is_never_followed(service, clinic, tmp_path):
    """exam-manager lets no such path in: only who writes to its database can put it there."""
    secret = write(tmp_path / "secret.mrd")
    row = await clinic.measure()
    async with transaction(clinic.app.state.sessions) as session:
        result = await session.get(Result, row)
        result.files, result.directory = [str(secret)], "/"
    await service.deliver(await clinic.event())
    run = await service.run_in("failed", task_id=clinic.job)
    assert "not in the lake" in run["error"]


async def test_stopping_a_job_kills_its_process_and_frees_the_task(service, clinic, slow_job):
    await clinic.measure()
    await service.user.post(f"{WORKFLOW}/trigger_task/{clinic.job}/")
    pid = await until(slow_job.pid)
    answer = await service.user.post(f"{WORKFLOW}/stop_task/{clinic.job}/")
    assert answer.json()["sent"] is True
    run = await service.run_in("canceled", task_id=clinic.job)
    assert run["error"] == "Stopped."
    await until(lambda: not slow_job.alive(pid))
    assert (await clinic.task(clinic.job))["status"] == "CANCELED"
    again = await service.user.post(f"{WORKFLOW}/stop_task/{clinic.job}/")
    assert again.json()["sent"] is False


async def test_a_run_that_waits_for_exam_manager_can_be_stopped(service, clinic, wire):
    await clinic.measure()
    trouble = wire.disturb(away, "/claim$")
    answer = await service.user.post(f"{WORKFLOW}/trigger_task/{clinic.job}/")
    assert answer.status_code == 200
    await asyncio.wait_for(trouble.hit.wait(), 30)
    answer = await service.user.post(f"{WORKFLOW}/stop_task/{clinic.job}/")
    assert answer.json()["sent"] is True
    await service.run_in("canceled", task_id=clinic.job)


async def test_a_job_that_crashes_leaves_its_last_words(service, clinic, crashing_job):
    await clinic.measure()
    await service.deliver(await clinic.event())
    run = await service.run_in("failed", task_id=clinic.job)
    assert run["error"] == "The job ended with code 3: the scanner ate my homework"


async def test_a_second_start_of_a_running_job_is_refused(service, clinic, slow_job):
    await clinic.measure()
    await service.user.post(f"{WORKFLOW}/trigger_task/{clinic.job}/")
    again = await service.user.post(f"{WORKFLOW}/trigger_task/{clinic.job}/")
    assert again.status_code == 409
    await until(slow_job.pid)
    await service.user.post(f"{WORKFLOW}/stop_task/{clinic.job}/")
    await service.run_in("canceled", task_id=clinic.job)


async def test_an_orderly_restart_in_the_middle_of_a_job_lets_it_go_on(serving, clinic, slow_job):
    await clinic.measure()
    async with serving() as service:
        await service.deliver(await clinic.event())
        pid = await until(slow_job.pid)
    await until(lambda: not slow_job.alive(pid))
    slow_job.hurry()
    async with serving() as service:
        run = await service.run_in("succeeded", "failed", task_id=clinic.job)
        assert run["status"] == "succeeded", run["error"]
        assert len(await service.get(f"/runs?task_id={clinic.job}")) == 1


async def test_a_run_whose_workflow_was_never_started_is_found_at_the_start(serving, clinic):
    result_id = await clinic.measure()
    run_id = UUID(int=7)
    async with serving() as service, transaction(service.wiring.sessions) as session:
        session.add(
            Run(
                id=run_id,
                task_id=clinic.job,
                workflow_id=clinic.workflow_id,
                job_id="cartesian_reconstruction",
                inputs={str(clinic.scan): str(result_id)},
            )
        )
    async with serving() as service:
        run = await service.run_in("succeeded", task_id=clinic.job)
        assert run["id"] == str(run_id)


async def test_a_run_works_on_postgresql_too(
    serving, clinic, make_postgresql_url, copied_postgresql
):
    await clinic.measure()
    url = copied_postgresql("workflow_manager")
    async with serving(database_url=url, engine_database_url=make_postgresql_url()) as service:
        await service.deliver(await clinic.event())
        run = await service.run_in("succeeded", "failed", task_id=clinic.job)
        assert run["status"] == "succeeded", run["error"]


async def test_job_context_says_nothing_that_a_log_should_not_hold(service, clinic):
    await clinic.measure()
    await service.deliver(await clinic.event())
    await service.run_in("succeeded", task_id=clinic.job)
    journal = await service.get("/journal?limit=1000")
    assert "Müller" not in json.dumps(journal, ensure_ascii=False)
    assert not list((service.wiring.lake.root / "runs").iterdir())
