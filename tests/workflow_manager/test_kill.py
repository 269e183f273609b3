"""kill -9 at any step of a run loses nothing and does nothing twice."""

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from clinic import SECRET
from nursery import start_program
from raw_files import Scan
from wire import answer_lost
from workflow_service import WORKFLOW, a_port, over_http, until

from scanhub_libraries.models import UserRole

pytestmark = pytest.mark.timeout(240)
SCRIPT = Path(__file__).parent / "serve_for_test.py"


class Outside:
    """The process under test, as the rest of the world sees it."""

    def __init__(self, folder, clinic, keys, signer, headers_of):
        self.folder, self.clinic = folder, clinic
        self.environment = {**os.environ, "TEST_SECRET": SECRET}
        self.port = a_port()
        self.process = None
        self._user = headers_of(UserRole.ADMIN)
        self._peer = {"Authorization": f"Bearer {signer.service_token('exam-manager')}"}
        (folder / "public.pem").write_text(keys.public_pem)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}{WORKFLOW}"

    async def start(self, exam_manager):
        arguments = (SCRIPT, self.folder, str(self.port), exam_manager)
        self.process = await start_program(*arguments, env=self.environment)
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

    async def post(self, path, document):
        async with httpx.AsyncClient(headers=self._user, timeout=60) as client:
            answer = await client.post(f"{self.url}{path}", json=document)
            assert answer.is_success, answer.text

    def kill(self):
        self.process.send_signal(signal.SIGKILL)

    async def wait(self):
        await asyncio.wait_for(self.process.wait(), 20)

    async def ended_runs(self):
        async def ended():
            runs = await self.get(f"/runs?task_id={self.clinic.job}")
            return runs if runs and runs[0]["status"] in {"succeeded", "failed"} else None

        return await until(ended, 60)


@pytest.fixture
async def outside(tmp_path, clinic, keys, signer, headers_of, *, make_settings):
    await clinic.measure(Scan((16, 16, 3), (160, 160, 160)))
    return Outside(tmp_path, clinic, keys, signer, headers_of)


class Killing:
    """The process is killed during one call, before the service got it or after it did it."""

    def __init__(self, outside, when):
        self._outside, self._when = outside, when
        self.done = asyncio.Event()

    async def __call__(self, app, scope, receive, send):
        if self._when == "after":
            with suppress(httpx.ReadError):
                await answer_lost(app, scope, receive, send)
        self._outside.kill()
        await self._outside.wait()
        self.done.set()
        raise ConnectionAbortedError


async def killed_once(outside, url, killing):
    await outside.start(url)
    await outside.deliver(await outside.clinic.event())
    await asyncio.wait_for(killing.done.wait(), 60)
    await outside.start(url)


@pytest.mark.parametrize(
    ("at", "when"),
    [
        pytest.param("/claim$", "before", marks=pytest.mark.long),
        pytest.param("/claim$", "after", marks=pytest.mark.long),
        pytest.param("GET .*/task/", "after", marks=pytest.mark.long),
        pytest.param("/report$", "after", marks=pytest.mark.long),
        pytest.param("/finish$", "before", marks=pytest.mark.long),
        ("/finish$", "after"),
    ],
)
async def test_killed_while_talking_to_exam_manager(outside, wire, at, when):
    killing = Killing(outside, when)
    wire.disturb(killing, at, times=1)
    async with over_http(wire) as url:
        await killed_once(outside, url, killing)
        await assert_done_once(outside)
        outside.process.terminate()
        await outside.wait()


@pytest.mark.long
@pytest.mark.parametrize(
    ("at", "when"), [("/finish$", "after"), ("/release$", "before"), ("/release$", "after")]
)
async def test_killed_while_a_run_fails_whose_files_are_in_the_lake(outside, wire, at, when):
    """One of its files vanishes before the end: exam-manager refuses the finish."""
    killing, lake = Killing(outside, when), outside.clinic.lake

    async def losing(app, scope, receive, send):
        next(iter(lake.glob("lake/*/*/*/image-0002.dcm"))).unlink()
        await after_that(app, scope, receive, send)

    async def passed_on(app, scope, receive, send):
        await app(scope, receive, send)

    after_that = killing if at == "/finish$" else passed_on
    wire.disturb(losing, "/finish$", times=1)
    wire.disturb(killing, "/release$", times=1 if at == "/release$" else 0)
    async with over_http(wire) as url:
        await killed_once(outside, url, killing)
        (run,) = await outside.ended_runs()
        outside.process.terminate()
        await outside.wait()
    assert (run["status"], run["result_id"]) == ("failed", None)
    assert "Not in the lake: image-0002.dcm" in run["error"]
    job = await outside.clinic.task(outside.clinic.job)
    assert (job["status"], job["status_reason"]) == ("ERROR", run["error"])
    assert job["results"] == []
    assert not list(lake.glob(f"lake/*/{job['id']}/*"))


async def test_killed_in_the_middle_of_the_reconstruction(outside, wire, slow_job):
    outside.environment["PYTHONPATH"] = str(slow_job.folder)
    outside.environment["TEST_JOB"] = "slow_job_for_test"
    async with over_http(wire) as url:
        await outside.start(url)
        await outside.deliver(await outside.clinic.event())
        pid = await until(slow_job.pid, 60)
        outside.kill()
        await outside.wait()
        await until(lambda: not slow_job.alive(pid), 15)  # the job died with its parent
        slow_job.hurry()
        await outside.start(url)
        await assert_done_once(outside)
        outside.process.terminate()
        await outside.wait()


@pytest.mark.long
async def test_killed_in_the_middle_of_the_reconstruction_on_postgresql(
    outside, wire, slow_job, make_postgresql_url, copied_postgresql
):
    outside.environment |= {
        "PYTHONPATH": str(slow_job.folder),
        "TEST_JOB": "slow_job_for_test",
        "TEST_DATABASE": copied_postgresql("workflow_manager"),
        "TEST_ENGINE": make_postgresql_url(),
    }
    async with over_http(wire) as url:
        await outside.start(url)
        await outside.deliver(await outside.clinic.event())
        await until(slow_job.pid, 60)
        outside.kill()
        await outside.wait()
        slow_job.hurry()
        await outside.start(url)
        await assert_done_once(outside)
        outside.process.terminate()
        await outside.wait()


@pytest.mark.long
async def test_killed_while_images_are_being_sent(outside, wire):
    """Slowly, to a folder: what is there stays, the rest follows, and nothing is there twice."""
    folder = outside.folder / "to"
    folder.mkdir()
    target = {"name": "Share", "target_type": "folder", "folder": str(folder)}
    async with over_http(wire) as url:
        await outside.start(url)
        await outside.post("/targets", {**target, "max_bytes_per_s": 1024})
        await outside.deliver(await outside.clinic.event())
        await until(lambda: len(list(folder.glob("*/*.dcm"))) == 1, 60)
        outside.kill()
        await outside.wait()
        (first,) = folder.glob("*/*.dcm")
        before = first.stat()
        assert not list(folder.glob("*/.complete"))
        await outside.start(url)

        async def ended():
            (dispatch,) = await outside.get("/dispatches")
            return dispatch if dispatch["status"] in {"sent", "failed"} else None

        dispatch = await until(ended, 60)
        outside.process.terminate()
        await outside.wait()
    assert (dispatch["status"], dispatch["sent"]) == ("sent", 3), dispatch["error"]
    (place,) = folder.iterdir()
    assert len(list(place.glob("*.dcm"))) == 3
    assert sorted(p.name for p in place.iterdir() if p.name.startswith(".")) == [".complete"]
    assert first.stat().st_mtime_ns == before.st_mtime_ns  # not written once more


async def assert_done_once(outside):
    (run,) = await outside.ended_runs()
    assert run["status"] == "succeeded", run["error"]
    job = await outside.clinic.task(outside.clinic.job)
    assert job["status"] == "FINISHED"
    assert [(r["id"], r["type"]) for r in job["results"]] == [(run["result_id"], "DICOM")]
    (series,) = await outside.get(f"/series?task_id={outside.clinic.job}")
    assert (series["instances"], series["complete"]) == (3, True)
    journal = [e["type"] for e in await outside.get(f"/journal?subject={run['id']}&limit=1000")]
    assert journal.count("run.queued") == 1
    assert journal.count("run.started") == 1
    assert journal.count("run.succeeded") == 1
    lake = outside.folder / "lake"
    assert not list(lake.rglob("*.part"))
    assert len(list((lake / "dicom").rglob("*.dcm"))) == 3
