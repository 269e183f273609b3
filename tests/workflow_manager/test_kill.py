"""kill -9 at any step of a run loses nothing and does nothing twice."""

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from raw_files import Scan, write
from workflow_service import WORKFLOW, a_port, over_http, until

from scanhub_libraries.models import UserRole

pytestmark = pytest.mark.timeout(240)
SCRIPT = Path(__file__).parent / "serve_for_test.py"


class Outside:
    """The process under test, as the rest of the world sees it."""

    def __init__(self, folder, record, keys, signer, headers_of):
        self.folder, self.record = folder, record
        self.environment = dict(os.environ)
        self.port = a_port()
        self.process = None
        self._user = headers_of(UserRole.ADMIN)
        self._peer = {"Authorization": f"Bearer {signer.service_token('exam-manager')}"}
        (folder / "public.pem").write_text(keys.public_pem)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}{WORKFLOW}"

    async def start(self, exam_manager):
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, str(SCRIPT), str(self.folder), str(self.port), exam_manager,
            env=self.environment,
        )  # fmt: skip
        await until(self.ready, 60)

    async def ready(self):
        assert self.process.returncode is None
        try:
            async with httpx.AsyncClient() as client:
                return (await client.get(f"{self.url}/health/readiness")).status_code == 200
        except httpx.TransportError:
            return False

    async def get(self, path):
        async with httpx.AsyncClient(headers=self._user) as client:
            return (await client.get(f"{self.url}{path}")).json()

    async def deliver(self, event):
        async with httpx.AsyncClient(headers=self._peer) as client:
            answer = await client.post(f"{self.url}/journal/events", json={"events": [event]})
            assert answer.status_code == 200

    def kill(self):
        self.process.send_signal(signal.SIGKILL)

    async def wait(self):
        await asyncio.wait_for(self.process.wait(), 20)

    async def succeeded(self):
        async def ended():
            runs = await self.get(f"/runs?task_id={self.record.job}")
            return runs if runs and runs[0]["status"] in {"succeeded", "failed"} else None

        return await until(ended, 60)


@pytest.fixture
def outside(tmp_path, record, keys, signer, headers_of):
    result_id = record.add_raw_data()
    folder = tmp_path / "lake" / "lake" / str(record.workflow_id) / str(record.scan)
    (folder / str(result_id)).mkdir(parents=True)
    write(folder / str(result_id) / "data.mrd", Scan((16, 16, 3), (160, 160, 160)))
    return Outside(tmp_path, record, keys, signer, headers_of)


@asynccontextmanager
async def killing_at(outside, ending, when):
    """exam-manager's record, during whose answer to one call the process is killed, once."""
    app, done = outside.record.app, asyncio.Event()

    async def wrapped(scope, receive, send):
        hit = scope["type"] == "http" and scope["path"].endswith(ending) and not done.is_set()
        if hit and scope["method"] == "POST":
            done.set()
            if when == "after":
                await app(scope, receive, _nothing)
            outside.kill()
            await outside.wait()
            raise ConnectionAbortedError
        await app(scope, receive, send)

    async with over_http(wrapped) as url:
        yield url, done


async def _nothing(_message):
    """The answer is lost."""


@pytest.mark.parametrize(
    ("ending", "when"),
    [
        ("/claim", "before"),
        ("/claim", "after"),
        ("/exam/result", "after"),
        ("/report", "after"),
        ("/finish", "before"),
        ("/finish", "after"),
    ],
)
async def test_killed_while_talking_to_exam_manager(outside, ending, when):
    async with killing_at(outside, ending, when) as (url, done):
        await outside.start(url)
        await outside.deliver(outside.record.finished_event())
        await asyncio.wait_for(done.wait(), 60)
        await outside.wait()
        await outside.start(url)
        await assert_done_once(outside)
        outside.process.terminate()
        await outside.wait()


async def test_killed_in_the_middle_of_the_reconstruction(outside, slow_job):
    outside.environment["PYTHONPATH"] = str(slow_job.folder)
    outside.environment["TEST_JOB"] = "slow_job_for_test"
    async with over_http(outside.record.app) as url:
        await outside.start(url)
        await outside.deliver(outside.record.finished_event())
        pid = await until(slow_job.pid, 60)
        outside.kill()
        await outside.wait()
        await until(lambda: not slow_job.alive(pid), 15)  # the job died with its parent
        slow_job.hurry()
        await outside.start(url)
        await assert_done_once(outside)
        outside.process.terminate()
        await outside.wait()


async def test_killed_in_the_middle_of_the_reconstruction_on_postgresql(
    outside, slow_job, make_postgresql_url
):
    outside.environment |= {
        "PYTHONPATH": str(slow_job.folder),
        "TEST_JOB": "slow_job_for_test",
        "TEST_DATABASE": make_postgresql_url(),
        "TEST_ENGINE": make_postgresql_url(),
    }
    async with over_http(outside.record.app) as url:
        await outside.start(url)
        await outside.deliver(outside.record.finished_event())
        await until(slow_job.pid, 60)
        outside.kill()
        await outside.wait()
        slow_job.hurry()
        await outside.start(url)
        await assert_done_once(outside)
        outside.process.terminate()
        await outside.wait()


async def assert_done_once(outside):
    (run,) = await outside.succeeded()
    assert run["status"] == "succeeded", run["error"]
    job = outside.record.task(outside.record.job)
    assert job["status"] == "FINISHED"
    assert [result["type"] for result in job["results"]] == ["DICOM"]
    (series,) = await outside.get(f"/series?task_id={outside.record.job}")
    assert (series["instances"], series["complete"]) == (3, True)
    journal = [e["type"] for e in await outside.get(f"/journal?subject={run['id']}&limit=1000")]
    assert journal.count("run.queued") == 1
    assert journal.count("run.started") == 1
    assert journal.count("run.succeeded") == 1
    lake = outside.folder / "lake"
    assert not list(lake.rglob("*.part"))
    assert len(list((lake / "dicom").rglob("*.dcm"))) == 3
