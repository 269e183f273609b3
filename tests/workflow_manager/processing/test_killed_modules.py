"""kill -9 amid a module, and each step done twice: what a step makes counts once."""

import asyncio
import os
import subprocess
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from images import SERIES, write_instance
from outside_killed import Outside
from workflow_service import a_port, over_http, until

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading
from workflow_manager.cases.repository import list_due_series
from workflow_manager.dicom.scu import Peer, send_series
from workflow_manager.processing.steps import ProcessingSteps

pytestmark = pytest.mark.timeout(300)
WAIT = """
import os, pathlib, time
source, target, gate = map(pathlib.Path, (
    os.environ["MERCURE_IN_DIR"], os.environ["MERCURE_OUT_DIR"], os.environ["GATE"]))
(gate / f"began-{time.time_ns()}").touch()
while not (gate / "go").exists():
    time.sleep(0.02)
for path in source.glob("*.dcm"):
    (target / path.name).write_bytes(path.read_bytes())
"""
SERIES_TWICE = "for number in (1, 2):\n    derive(images[0], number)\n(target / 'a.txt').touch()\n"


def containers():
    command = ["podman", "ps", "--all", "--quiet"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def gate(tmp_path):
    folder = tmp_path / "gate"
    folder.mkdir()
    return folder


@pytest.fixture
async def outside(tmp_path, clinic, keys, signer, headers_of, *, make_settings):
    make_settings()
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "wait.py").write_text(WAIT)
    found = Outside(tmp_path, clinic, keys, signer, headers_of)
    found.dicom_port = a_port()
    found.environment |= {
        "SCANHUB_WORKFLOW_DICOM_PORT": str(found.dicom_port),
        "SCANHUB_WORKFLOW_SERIES_CLOSED_QUIET_S": "0.1",
        "SCANHUB_WORKFLOW_MODULE_FOLDER": str(tmp_path / "modules"),
        "SCANHUB_WORKFLOW_SECRETS_KEY": Fernet.generate_key().decode(),
    }
    return found


async def send(outside, folder):
    path = write_instance(folder, 1)
    peer = Peer("127.0.0.1", outside.dicom_port, "SCANHUB", "SCANNER", 5.0, 10.0)
    report = await asyncio.to_thread(send_series, [("1", path)], peer)
    assert not report.failed


async def killed_amid_a_module(outside, wire, folder, gate, module, *, again):
    """Kill the service while the module waits; return the run as it ends."""
    rule = {"name": "wait", "rule": "True", "action": "process", "processing_module": "wait"}
    async with over_http(wire) as url:
        await outside.start(url)
        await outside.post("/modules", {"name": "wait", **module})
        await outside.post("/rules", rule)
        await send(outside, folder)
        await until(lambda: len(list(gate.glob("began-*"))) == 1, 120)
        outside.kill()
        await outside.wait()
        await outside.start(url)
        await until(lambda: len(list(gate.glob("began-*"))) == again, 120)
        (gate / "go").touch()

        async def done():
            cases = await outside.get("/cases")
            return cases[0]["state"] in {"done", "failed"} and cases

        (case,) = await until(done, 120)
        runs = await outside.get("/processing")
        outside.process.terminate()
        await outside.wait()
    assert case["state"] == "done", case["reason"]
    (run,) = runs
    return run


@pytest.mark.long
async def test_a_module_that_died_with_the_service_runs_again(outside, wire, tmp_path, gate):
    module = {"runner": "process", "entry_point": "wait.py", "environment": {"GATE": str(gate)}}
    run = await killed_amid_a_module(outside, wire, tmp_path / "sent", gate, module, again=2)
    assert (run["images"], [step["state"] for step in run["steps"]]) == (1, ["succeeded"])


@pytest.mark.long
async def test_a_container_that_outlived_the_service_is_removed_and_runs_again(
    outside, wire, tmp_path, gate, *, boxes
):
    image = boxes("wait", "python3", "-c", WAIT)
    outside.environment |= {name: os.environ[name] for name in os.environ if "CONTAINERS" in name}
    outside.environment |= {
        "HOME": os.environ["HOME"],
        "SCANHUB_WORKFLOW_MODULE_RUNTIME": "podman",
        "SCANHUB_WORKFLOW_MODULE_VOLUMES": f'["{tmp_path}"]',
    }
    module = {
        "docker_tag": image,
        "environment": {"GATE": "/gate"},
        "additional_volumes": {str(gate): {"bind": "/gate", "mode": "rw"}},
    }
    run = await killed_amid_a_module(outside, wire, tmp_path / "sent", gate, module, again=2)
    assert run["images"] == 1
    assert containers() == ""


async def test_each_step_done_twice_makes_nothing_twice(working):
    """As after a crash between what a step did and what the engine remembers of it."""
    start = utc_now() + timedelta(hours=12)
    end = start + timedelta(minutes=1)
    closed = {"offpeak_start": f"{start:%H:%M}", "offpeak_end": f"{end:%H:%M}"}
    async with working(**closed) as works:
        await works.module("twice", SERIES_TWICE)
        await works.rule("twice", priority="offpeak")
        await works.series(SERIES, 1)
        (run,) = await works.service.get("/processing")
        assert (run["state"], run["reason"]) == ("queued", "Waits for off-peak hours.")
        do, run_id = ProcessingSteps(works.service.wiring), run["id"]
        for _ in range(2):
            assert await do.plan(run_id) == {"first": 1, "last": 1}
            assert await do.compute(run_id, 1) == {}
        images = await do.index(run_id)
        assert await do.index(run_id) == images
        assert (images["images"], images["files"]) == (2, ["a.txt"])
        async with reading(works.service.wiring.sessions) as session:  # no timer ends what it made
            soon = utc_now() + timedelta(hours=1)
            due = await list_due_series(session, quiet_since=soon, closed_since=soon, limit=9)
        assert list(due) == []
        await do.finish(run_id, images)
        assert await do.finish(run_id, images) == {"ended": True}
        assert await do.plan(run_id) == {"ended": True}
        await do.fail(run_id, "too late")
        assert (await works.run("succeeded"))["images"] == 2
        assert len(works.images("derived")) == 2
        case = await works.ward.case("done", rule="process")
        types = await works.ward.timeline(case)
        assert (types.count("processing.finished"), types.count("case.done")) == (1, 1)
        await do.leave(run_id)
