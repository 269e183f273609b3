"""With the clinical record, nothing in between: from the last byte of a scan to its images."""

import asyncio

import pytest
from house import open_house
from raw_files import Scan
from workflow_service import WORKFLOW, until

from scanhub_libraries.clients import ExamManagerClient, WorkflowManagerClient
from scanhub_libraries.models import UserRole


@pytest.fixture
async def house(keys, headers_of, make_settings, exam_manager):
    headers = headers_of(UserRole.MEDICAL)
    async with open_house(keys, headers, make_settings(), exam_manager) as house:
        yield house


async def test_a_scan_becomes_images_in_the_record(house):
    await house.measure(Scan((16, 16, 3), (160, 160, 160)))
    done = await house.job_in("FINISHED", "ERROR")
    assert (done["status"], done["progress"]) == ("FINISHED", 100), done["status_reason"]
    (result,) = done["results"]
    assert (result["type"], len(result["files"])) == ("DICOM", 3)
    image = await house.client.get(result["meta"]["instances"][0], headers=house.headers)
    assert image.status_code == 200
    assert image.content[128:132] == b"DICM"
    (run,) = await house.call("GET", f"{WORKFLOW}/runs?task_id={house.job}")
    assert result["meta"]["run_id"] == run["id"]

    async def succeeded():  # the run ends just after its task
        found = await house.call("GET", f"{WORKFLOW}/runs/{run['id']}")
        return found["status"] == "succeeded"

    await until(succeeded)


async def test_a_failure_is_readable_in_the_record_and_can_be_tried_again(house):
    await house.measure(Scan(trajectory="radial"))
    failed = await house.job_in("ERROR")
    assert "states no trajectory" in failed["status_reason"]
    again = await house.call("POST", f"{WORKFLOW}/trigger_task/{house.job}/")
    assert again["state"] == "queued"

    async def both():
        runs = await house.call("GET", f"{WORKFLOW}/runs?task_id={house.job}")
        return len(runs) == 2 and {run["status"] for run in runs} == {"failed"}

    await until(both)


async def test_a_stopped_job_is_canceled_in_the_record(house, slow_job):
    await house.measure(Scan())
    pid = await until(slow_job.pid)
    await house.call("POST", f"{WORKFLOW}/stop_task/{house.job}/")
    canceled = await house.job_in("CANCELED")
    assert canceled["status_reason"] == "Stopped."
    await until(lambda: not slow_job.alive(pid))
    await asyncio.sleep(0.1)
    assert (await house.task(house.job))["status"] == "CANCELED"


async def test_the_client_reads_what_the_service_says(house):
    await house.measure(Scan((16, 16, 2), (160, 160, 160)))
    await house.job_in("FINISHED")
    token = house.headers["Authorization"].split()[1]

    async def user_token():
        return token

    workflow = WorkflowManagerClient(house.client, user_token)
    exam = ExamManagerClient(house.client, user_token)
    (series,) = await workflow.list_series(house.job)
    assert (series.instances, series.modality) == (2, "MR")
    (run,) = await workflow.list_runs(house.job)
    assert await workflow.list_dispatches(run.exam_id) == []
    assert (await exam.get_exam(run.exam_id)).study_instance_uid == series.study_instance_uid
