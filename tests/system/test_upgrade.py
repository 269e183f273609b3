"""What an earlier version left goes on with this one.

`releases/` has data folders of earlier versions, as kill -9 left them: databases, files, no keys.
Each has an administrator (that of the demo), a scan that ended, and a reconstruction that waits,
put into the queue `recon` by that version and paused there. To keep another version: pause the
queue, let the demo's exam be scanned, kill the server once the run is queued, checkpoint the
databases, and pack `databases` and `files`. Of PostgreSQL it is a backup that that version made
after the kill, without its keys.
"""

import asyncio
import tarfile
from pathlib import Path

import httpx
import pytest

from scanhub.backup.place import Place
from scanhub.backup.restore import restore
from scanhub.demo.data import DemoApi
from scanhub.settings import InstallationSettings

from .conftest import Installation

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]
_FOLDER = Path(__file__).with_name("releases")
RELEASES = sorted(_FOLDER.glob("*-waits.tar.xz"))
BACKUPS = sorted(_FOLDER.glob("*-postgresql.tar.xz"))


def test_there_is_an_earlier_version() -> None:
    assert RELEASES
    assert BACKUPS


@pytest.mark.long
@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
async def test_a_run_that_an_earlier_version_put_into_its_queue_ends(release, tmp_path):
    with tarfile.open(release) as archive:
        archive.extractall(tmp_path / "data", filter="data")
    await goes_on(Installation(tmp_path))


@pytest.mark.long
@pytest.mark.parametrize("release", BACKUPS, ids=lambda path: path.name)
async def test_it_ends_on_postgresql_too(release, tmp_path, make_postgresql_url):
    with tarfile.open(release) as archive:
        archive.extractall(tmp_path / "backup", filter="data")
    urls = {name: make_postgresql_url() for name in ("EXAM", "DEVICE", "WORKFLOW", "ENGINE")}
    urls["ENGINE"] = urls["ENGINE"].replace("+asyncpg", "")
    given = {f"{name.lower()}_database_url": url for name, url in urls.items()}
    settings = InstallationSettings(data_dir=tmp_path / "data", **given)
    await restore(settings, Place(tmp_path / "backup"), "latest", say=lambda _text: None)
    environment = {f"SCANHUB_{name}_DATABASE_URL": url for name, url in urls.items()}
    await goes_on(Installation(tmp_path, environment=environment))


async def goes_on(installation: Installation) -> None:
    """Start this version; the run that waits is computed, once, and its image is there."""
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
