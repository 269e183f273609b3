"""The real clinical record on the other side: from the last byte of a scan to its images."""

import asyncio
from contextlib import asynccontextmanager

import httpx
import pytest
from raw_files import Scan, write
from workflow_service import WORKFLOW, until

from exam_manager.main import create_app as create_exam_manager
from exam_manager.settings import ExamManagerSettings
from scanhub_libraries.clients import ExamManagerClient, WorkflowManagerClient
from scanhub_libraries.database import sqlite_url
from scanhub_libraries.ids import new_id
from scanhub_libraries.models import UserRole
from scanhub_libraries.security.tokens import TokenVerifier
from workflow_manager.main import create_app

EXAM = "/api/v1/exam"


class House:
    """Both services in one process, and a scanner that leaves files."""

    def __init__(self, client, headers, signer, lake):
        self.client, self.headers, self.lake = client, headers, lake
        self.service = {"Authorization": f"Bearer {signer.service_token('device-manager')}"}

    async def call(self, method, path, headers=None, **options):
        answer = await self.client.request(method, path, headers=headers or self.headers, **options)
        assert answer.is_success, answer.text
        return answer.json()

    async def plan(self):
        """A patient's exam with a scan and its reconstruction."""
        patient = {
            "first_name": "Ada",
            "last_name": "Lovelace",
            "birth_date": "1985-12-10",
            "sex": "FEMALE",
            "height": 165,
            "weight": 62,
            "issuer": "clinic",
        }
        patient = await self.call("POST", "/api/v1/patient/", json=patient)
        exam = {"name": "Head", "patient_id": patient["id"]}
        exam = await self.call("POST", f"{EXAM}/new", json=exam)
        workflow = {"name": "Brain", "exam_id": exam["id"]}
        workflow = await self.call("POST", f"{EXAM}/workflow/new", json=workflow)
        place = {"workflow_id": workflow["id"]}
        scan = {"name": "GRE", "task_type": "ACQUISITION", "calibration": ["shims"], **place}
        scan = await self.call("POST", f"{EXAM}/task/new", json=scan)
        job = {
            "name": "Reconstruction",
            "task_type": "DAG",
            "dag_type": "RECONSTRUCTION",
            "dag_id": "cartesian_reconstruction",
            "input_task_ids": [scan["id"]],
            **place,
        }
        return scan, await self.call("POST", f"{EXAM}/task/new", json=job)

    async def measure(self, scan, what):
        """Do what a device does: claim, upload, finish."""
        claim_id, path = str(new_id()), f"{EXAM}/task/{scan['id']}"
        body = {"claim_id": claim_id, "device_id": str(new_id())}
        claim = await self.call("POST", f"{path}/claim", self.service, json=body)
        token = {"Authorization": f"Bearer {claim['task_token']}"}
        result = await self.call("POST", f"{EXAM}/result", token, params={"task_id": scan["id"]})
        directory = f"lake/{scan['workflow_id']}/{scan['id']}/{result['id']}"
        (self.lake / directory).mkdir(parents=True)
        write(self.lake / directory / "data.mrd", what)
        stored = {"type": "MRD", "directory": directory, "files": ["data.mrd"]}
        finish = {"claim_id": claim_id, "result_id": result["id"], "result": stored}
        await self.call("POST", f"{path}/finish", token, json=finish)

    async def task_in(self, task, *statuses):
        async def reached():
            found = await self.call("GET", f"{EXAM}/task/{task['id']}")
            return found if found["status"] in statuses else None

        return await until(reached, 60)


@pytest.fixture
async def house(tmp_path, keys, signer, headers_of, make_settings):
    apps = {}

    async def route(scope, receive, send):
        which = "workflow" if scope["path"].startswith(WORKFLOW) else "exam"
        await apps[which](scope, receive, send)

    async def own_token():
        return signer.service_token("workflow-manager")

    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app=route), base_url="http://house", timeout=30
    )
    settings = ExamManagerSettings(
        database_url=sqlite_url(tmp_path / "exam.sqlite"),
        lake_root=tmp_path / "lake",
        keys_folder=tmp_path / "keys",
    )
    journal = WorkflowManagerClient(client, own_token)
    apps["exam"] = create_exam_manager(settings, deliver=journal.deliver, keys=keys)
    apps["workflow"] = create_app(
        make_settings(),
        exam_manager=client,
        device_manager=client,
        verifier=TokenVerifier(keys.public_pem),
        token_source=own_token,
    )
    async with client, _open(apps["exam"]), _open(apps["workflow"]):
        yield House(client, headers_of(UserRole.MEDICAL), signer, tmp_path / "lake")


@asynccontextmanager
async def _open(app):
    async with app.router.lifespan_context(app):
        yield


async def test_a_scan_becomes_images_in_the_record(house):
    scan, job = await house.plan()
    await house.measure(scan, Scan((16, 16, 3), (160, 160, 160)))
    done = await house.task_in(job, "FINISHED", "ERROR")
    assert (done["status"], done["progress"]) == ("FINISHED", 100), done["status_reason"]
    (result,) = done["results"]
    assert (result["type"], len(result["files"])) == ("DICOM", 3)
    image = await house.client.get(result["meta"]["instances"][0], headers=house.headers)
    assert image.status_code == 200
    assert image.content[128:132] == b"DICM"
    (run,) = await house.call("GET", f"{WORKFLOW}/runs?task_id={job['id']}")
    assert result["meta"]["run_id"] == run["id"]

    async def succeeded():  # the run ends just after its task
        found = await house.call("GET", f"{WORKFLOW}/runs/{run['id']}")
        return found["status"] == "succeeded"

    await until(succeeded)


async def test_a_failure_is_readable_in_the_record_and_can_be_tried_again(house):
    scan, job = await house.plan()
    await house.measure(scan, Scan(trajectory="radial"))
    failed = await house.task_in(job, "ERROR")
    assert "Cartesian data only" in failed["status_reason"]
    again = await house.call("POST", f"{WORKFLOW}/trigger_task/{job['id']}/")
    assert again["state"] == "queued"

    async def both():
        runs = await house.call("GET", f"{WORKFLOW}/runs?task_id={job['id']}")
        return len(runs) == 2 and {run["status"] for run in runs} == {"failed"}

    await until(both)


async def test_a_stopped_job_is_canceled_in_the_record(house, slow_job):
    scan, job = await house.plan()
    await house.measure(scan, Scan())
    pid = await until(slow_job.pid)
    await house.call("POST", f"{WORKFLOW}/stop_task/{job['id']}/")
    canceled = await house.task_in(job, "CANCELED")
    assert canceled["status_reason"] == "Stopped."
    await until(lambda: not slow_job.alive(pid))
    await asyncio.sleep(0.1)
    assert (await house.call("GET", f"{EXAM}/task/{job['id']}"))["status"] == "CANCELED"


async def test_the_client_reads_what_the_service_says(house):
    scan, job = await house.plan()
    await house.measure(scan, Scan((16, 16, 2), (160, 160, 160)))
    await house.task_in(job, "FINISHED")
    token = house.headers["Authorization"].split()[1]

    async def user_token():
        return token

    workflow = WorkflowManagerClient(house.client, user_token)
    exam = ExamManagerClient(house.client, user_token)
    (series,) = await workflow.list_series(job["id"])
    assert (series.instances, series.modality) == (2, "MR")
    (run,) = await workflow.list_runs(job["id"])
    assert await workflow.list_dispatches(run.exam_id) == []
    assert (await exam.get_exam(run.exam_id)).study_instance_uid == series.study_instance_uid
