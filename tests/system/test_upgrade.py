"""What an earlier version left goes on with this one.

`releases/` has data folders of earlier versions, as kill -9 left them: databases, files, no keys.
Each has an administrator (that of the demo), a scan that ended, and a reconstruction that waits,
put into the queue `recon` by that version and paused there. To keep another version: pause the
queue, let the demo's exam be scanned, kill the server once the run is queued, checkpoint the
databases, and pack `databases` and `files`.
"""

import asyncio
import tarfile
from pathlib import Path

import httpx
import pytest

from scanhub.demo.data import DemoApi

from .conftest import Installation

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]
RELEASES = sorted(Path(__file__).with_name("releases").glob("*.tar.xz"))


def test_there_is_an_earlier_version() -> None:
    assert RELEASES


@pytest.mark.long
@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
async def test_a_run_that_an_earlier_version_put_into_its_queue_ends(release, tmp_path):
    installation = Installation(tmp_path)
    with tarfile.open(release) as archive:
        archive.extractall(tmp_path / "data", filter="data")
    try:
        await installation.start()
        async with httpx.AsyncClient(base_url=installation.url, timeout=30) as http:
            api = DemoApi(http)
            await api.log_in()
            (before,) = await api.call("GET", "/workflowmanager/runs")
            assert before["status"] == "queued"
            await api.call("POST", "/workflowmanager/queues/recon/resume")
            async with asyncio.timeout(120):
                while True:
                    run = await api.call("GET", f"/workflowmanager/runs/{before['id']}")
                    if run["status"] in {"succeeded", "failed", "canceled"}:
                        break
                    await asyncio.sleep(0.1)
            assert (run["status"], run["error"]) == ("succeeded", None), installation.log
            task = await api.call("GET", f"/exam/task/{run['task_id']}")
            assert (task["status"], len(task["results"])) == ("FINISHED", 1)
            headers = {"Authorization": f"Bearer {api.token}"}
            image = await http.get(task["results"][0]["meta"]["instances"][0], headers=headers)
            assert image.content[128:132] == b"DICM"
        assert await installation.stop() == 0
    finally:
        await installation.end()
