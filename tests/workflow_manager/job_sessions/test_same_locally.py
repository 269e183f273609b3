"""The same job on a folder and on the platform: a process of its own, a real C-STORE, kill -9."""

import asyncio
import hashlib
import importlib
import os

import pytest
from images import SERIES, STUDY, write_instance
from outside_killed import Outside
from workflow_service import a_port, over_http, until

from scanhub_jobs import JobContext, execute
from scanhub_jobs.backend import SessionInfo
from workflow_manager.dicom.scu import Peer, send_series

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
async def outside(tmp_path, clinic, keys, signer, headers_of, *, make_settings):
    make_settings()
    found = Outside(tmp_path, clinic, keys, signer, headers_of)
    found.dicom_port = a_port()
    found.environment |= {
        "SCANHUB_WORKFLOW_DICOM_PORT": str(found.dicom_port),
        "SCANHUB_WORKFLOW_SERIES_CLOSED_QUIET_S": "0.1",
    }
    return found


def hashes(folder, pattern):
    found = [path for path in folder.rglob(pattern) if path.is_file()]
    return sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in found)


async def on_the_platform(outside, wire, gate, folder):
    """Send images, kill the service amid the job, and return the run as it ends."""
    async with over_http(wire) as url:
        await outside.start(url)
        await outside.post("/modules", {"name": "whole", "runner": "job", "job": "whole"})
        rule = {"rule": "True", "action": "process", "processing_module": "whole"}
        await outside.post("/rules", {"name": "whole", **rule})
        files = [(str(n), write_instance(folder, n)) for n in (2, 1)]
        peer = Peer("127.0.0.1", outside.dicom_port, "SCANHUB", "SCANNER", 5.0, 10.0)
        assert not (await asyncio.to_thread(send_series, files, peer)).failed
        await until(lambda: len(list(gate.glob("began-*"))) == 1, 120)
        outside.kill()
        await outside.wait()
        await outside.start(url)
        await until(lambda: len(list(gate.glob("began-*"))) == 2, 120)
        (gate / "go").touch()

        async def ended():
            (run,) = await outside.get("/processing")
            return run["state"] in {"succeeded", "failed"} and run

        run = await until(ended, 120)
        files = await outside.get(f"/processing/{run['id']}/session-files")
        outside.process.terminate()
        await outside.wait()
    assert run["state"] == "succeeded", run["reason"]
    return run, {file["name"]: file["sha256"] for file in files}


@pytest.mark.long
async def test_a_job_makes_the_same_locally_and_on_the_platform(outside, package, wire, tmp_path):
    gate, sent = package("whole"), tmp_path / "sent"
    outside.environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
    run, files = await on_the_platform(outside, wire, gate, sent)
    out = tmp_path / "local"
    out.mkdir()
    created = run["created_at"].partition(".")[0].rstrip("Z") + "Z"
    session = SessionInfo(id=run["id"], created_at=created)
    (out / "session.json").write_text(session.model_dump_json())
    module = importlib.import_module("jobs_for_test")
    result = execute(module.whole, JobContext.local(sent, job=module.whole, out=out))
    assert result.state == "succeeded", result.failure
    assert {file.name: file.sha256 for file in result.files} == files
    assert result.returned == run["outputs"][0]["result"]
    archive = tmp_path / "lake" / "dicom"
    made = sorted(set(hashes(archive, "*.dcm")) - set(hashes(archive / STUDY / SERIES, "*.dcm")))
    assert hashes(out, "dicom/*/*.dcm") == made
    assert (run["images"], len(made)) == (2, 2)
