"""kill -9 of the server amid a job of the SDK: its results are there once, and no state is left."""

import asyncio

import pytest
from exam_package import SOURCE
from outside_killed import PATIENCE_S, Killing, Outside, killed_once
from raw_files import Scan
from workflow_service import SlowJob, over_http, until

from .conftest import install
from .test_jobs_of_exams import add_task

SMALL = Scan((16, 16, 1), (160, 160, 400))
pytestmark = pytest.mark.timeout(480)


class Stand:
    """A server of its own, a job of raw data that follows on the scan, and what it heard."""

    def __init__(self, outside, task, gate):
        self.outside, self.task, self.gate = outside, task, gate

    def heard(self):
        path = self.gate / "heard"
        return path.read_text().splitlines() if path.exists() else []

    async def began(self):
        """Wait until the job computes; return its process."""
        path = self.gate / "pid"
        return int(await until(lambda: path.exists() and path.read_text(), PATIENCE_S))

    async def kill_and_start(self, url):
        self.outside.kill()
        await self.outside.wait()
        await self.outside.start(url)

    async def done_once(self, tries=1):
        """See that run, task, lake, index and journal have one end, and each image once."""
        outside = self.outside
        (run,) = await outside.ended_runs(self.task)
        assert run["status"] == "succeeded", (run["error"], run["log_tail"])
        assert run["values"]["tries"] == tries
        task = await outside.clinic.task(self.task)
        (result,) = task["results"]
        assert (task["status"], result["id"]) == ("FINISHED", run["result_id"])
        images = [name for name in result["files"] if name.endswith(".dcm")]
        folder = outside.folder / "lake" / result["directory"]
        assert sorted(path.name for path in folder.iterdir()) == sorted(result["files"])
        (series,) = await outside.get(f"/series?task_id={self.task}")
        assert (series["instances"], series["complete"], len(images)) == (2, True, 2)
        told = [e["type"] for e in await outside.get(f"/journal?subject={run['id']}&limit=1000")]
        for kind in ("run.queued", "run.started", "run.succeeded"):
            assert told.count(kind) == 1, (kind, told)
        values = {v["name"]: v["value"] for v in await outside.get(f"/runs/{run['id']}/data")}
        assert values["tries"] == tries
        (file,) = await outside.get(f"/runs/{run['id']}/session-files")
        assert file["name"] == "size.json"
        assert not list((outside.folder / "lake").rglob("*.part"))
        assert not list((outside.folder / "lake" / "runs").glob("*"))
        return run


@pytest.fixture
async def stand(tmp_path, clinic, keys, signer, headers_of, *, make_settings):
    """`make_settings` prepares the databases of the process."""
    gate, site = tmp_path / "gate", tmp_path / "site"
    gate.mkdir()
    entries = {"careful": "exam_jobs_for_test:careful"}
    install(site, "exam_jobs_for_test", SOURCE.replace("GATE", str(gate)), entries)
    task = await add_task(clinic, "careful", clinic.scan)
    await clinic.measure(SMALL)
    outside = Outside(tmp_path, clinic, keys, signer, headers_of)
    outside.find_packages(site)
    return Stand(outside, task, gate)


@pytest.mark.long
@pytest.mark.parametrize("when", ["before", "after"])
async def test_killed_before_the_job_starts(stand, wire, when):
    killing = Killing(stand.outside, when)
    wire.disturb(killing, f"/{stand.task}/claim$", times=1)
    async with over_http(wire) as url:
        await killed_once(stand.outside, url, killing)
        await stand.done_once()
        await stand.outside.stop()
    assert stand.heard() == ["prepare", "tell succeeded careful"]


@pytest.mark.long
async def test_killed_while_the_job_computes(stand, wire):
    """It ends with the server; begun anew, it finds what it had left itself."""
    (stand.gate / "slow").touch()
    async with over_http(wire) as url:
        await stand.outside.start(url)
        await stand.outside.deliver(await stand.outside.clinic.event())
        pid = await stand.began()
        (stand.gate / "pid").unlink()
        stand.outside.kill()
        await stand.outside.wait()
        await until(lambda: not SlowJob.alive(pid), PATIENCE_S)
        (stand.gate / "go").touch()
        await stand.outside.start(url)
        await stand.done_once(tries=2)
        await stand.outside.stop()
    assert stand.heard() == ["prepare", "tell succeeded careful"], "hooks that ran do not again"


@pytest.mark.long
@pytest.mark.parametrize("hook", ["prepare", "tell"])
async def test_killed_while_a_hook_runs(stand, wire, hook):
    """A hook that did not come to its end is run again; a job that had ended is not."""
    (stand.gate / f"{hook} slowly").touch()
    async with over_http(wire) as url:
        await stand.outside.start(url)
        await stand.outside.deliver(await stand.outside.clinic.event())
        await until(lambda: any(line.startswith(hook) for line in stand.heard()), PATIENCE_S)
        stand.outside.kill()
        await stand.outside.wait()
        (stand.gate / f"{hook} slowly").unlink()
        await stand.outside.start(url)
        await stand.done_once()
        await stand.outside.stop()
    heard = [line.split()[0] for line in stand.heard()]
    assert sorted(heard) == sorted(["prepare", "tell", hook])


@pytest.mark.long
@pytest.mark.parametrize("when", ["before", "after"])
async def test_killed_when_its_outputs_are_in_the_lake_and_nobody_was_told(stand, wire, when):
    killing = Killing(stand.outside, when)
    wire.disturb(killing, f"/{stand.task}/finish$", times=1)
    async with over_http(wire) as url:
        await killed_once(stand.outside, url, killing)
        await stand.done_once()
        await stand.outside.stop()
    assert stand.heard() == ["prepare", "tell succeeded careful"]


@pytest.mark.long
async def test_a_job_that_fails_after_the_server_was_killed_says_why(stand, wire):
    for name in ("slow", "fail"):
        (stand.gate / name).touch()
    async with over_http(wire) as url:
        await stand.outside.start(url)
        await stand.outside.deliver(await stand.outside.clinic.event())
        await stand.began()
        (stand.gate / "go").touch()
        await asyncio.gather(stand.kill_and_start(url))
        (run,) = await stand.outside.ended_runs(stand.task)
        assert (run["status"], run["error"]) == (
            "failed",
            "careful: RuntimeError: it was asked to fail",
        )
        task = await stand.outside.clinic.task(stand.task)
        assert (task["status"], task["results"]) == ("ERROR", [])
        assert task["status_reason"] == run["error"]
        await stand.outside.stop()


@pytest.mark.long
async def test_a_job_that_kills_the_server_each_time_is_given_up_with_a_reason(stand, wire):
    (stand.gate / "slow").touch()
    async with over_http(wire) as url:
        await stand.outside.start(url)
        await stand.outside.deliver(await stand.outside.clinic.event())
        for _ in range(6):
            await stand.began()
            (stand.gate / "pid").unlink()
            await stand.kill_and_start(url)
        (run,) = await stand.outside.ended_runs(stand.task)
        assert run["status"] == "failed"
        assert "crashed too often" in run["error"]
        assert (await stand.outside.clinic.task(stand.task))["status"] == "ERROR"
        await stand.outside.stop()
