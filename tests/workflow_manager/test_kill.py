"""kill -9 at any step of a run loses nothing and does nothing twice."""

import pytest
from outside_killed import Killing, Outside, killed_once
from raw_files import Scan
from workflow_service import over_http, until

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
async def outside(tmp_path, clinic, keys, signer, headers_of, *, make_settings):
    await clinic.measure(Scan((16, 16, 3), (160, 160, 160)))
    return Outside(tmp_path, clinic, keys, signer, headers_of)


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
        await outside.stop()


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
        await outside.stop()
    assert (run["status"], run["result_id"]) == ("failed", None)
    assert "Not in the lake: image-0002.dcm" in run["error"]
    job = await outside.clinic.task(outside.clinic.job)
    assert (job["status"], job["status_reason"]) == ("ERROR", run["error"])
    assert job["results"] == []
    assert not list(lake.glob(f"lake/*/{job['id']}/*"))


@pytest.mark.long
async def test_killed_in_the_middle_of_the_reconstruction(outside, wire, slow_job):
    outside.find_packages(slow_job.folder)
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
        await outside.stop()


@pytest.mark.long
async def test_killed_in_the_middle_of_the_reconstruction_on_postgresql(
    outside, wire, slow_job, make_postgresql_url, copied_postgresql
):
    outside.find_packages(slow_job.folder)
    outside.environment |= {
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
        await outside.stop()


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
        await outside.stop()
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
