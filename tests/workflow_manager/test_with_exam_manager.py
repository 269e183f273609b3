"""With the clinical record, nothing in between: from the last byte of a scan to its images."""

import asyncio
from contextlib import asynccontextmanager

import httpx
import pytest
from clinic import Clinic
from raw_files import Scan
from workflow_service import WORKFLOW, until

from scanhub_libraries.clients import ExamManagerClient, WorkflowManagerClient
from scanhub_libraries.models import UserRole
from scanhub_libraries.security.tokens import TokenVerifier
from workflow_manager.main import create_app


class House(Clinic):
    """Both services in one process; events travel by themselves."""

    async def job_in(self, *statuses):
        async def reached():
            found = await self.task(self.job)
            return found if found["status"] in statuses else None

        return await until(reached, 60)


@pytest.fixture
async def house(keys, signer, headers_of, make_settings, exam_manager):
    apps, settings = {}, make_settings()

    async def route(scope, receive, send):
        which = "workflow" if scope["path"].startswith(WORKFLOW) else "exam"
        await apps[which](scope, receive, send)

    async def own_token():
        return signer.service_token("workflow-manager")

    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app=route), base_url="http://house", timeout=30
    )
    journal = WorkflowManagerClient(client, own_token)
    apps["exam"] = exam_manager(deliver=journal.deliver)
    apps["workflow"] = create_app(
        settings,
        exam_manager=client,
        device_manager=client,
        verifier=TokenVerifier(keys.public_pem),
        token_source=own_token,
    )
    async with client, _open(apps["exam"]), _open(apps["workflow"]):
        house = House(client, headers_of(UserRole.MEDICAL), keys, settings.lake_root)
        await house.plan()
        yield house


@asynccontextmanager
async def _open(app):
    async with app.router.lifespan_context(app):
        yield


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
