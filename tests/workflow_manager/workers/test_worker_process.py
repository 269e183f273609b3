"""`scanhub worker` and `scanhub receive`: they do what servers leave to others."""

import asyncio
import os
import signal
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from clinic import SECRET
from cryptography.fernet import Fernet
from images import SERIES, write_instance
from nursery import start_program
from outside_killed import Outside
from ports import a_port
from raw_files import Scan
from test_kill import assert_done_once
from workflow_service import over_http, until

from workflow_manager.dicom.scu import Peer, send_series
from workflow_manager.runs.rules import ELSEWHERE

pytestmark = pytest.mark.timeout(300)
SCRIPT = Path(__file__).parent.parent / "worker_for_test.py"
PATIENCE_S = 120.0
JOB = """
import json, os, pathlib, time
from scanhub_jobs.reconstruction import main
folder = pathlib.Path({folder!r})
print(json.dumps({{"event": "progress", "percent": 40, "message": "Waits."}}), flush=True)
(folder / "pid").write_text(str(os.getpid()))
while not (folder / "hurry").exists():
    time.sleep(0.02)
raise SystemExit(main())
"""
QUIET = """
import os, pathlib
(pathlib.Path(os.environ["MERCURE_OUT_DIR"]) / "result.json").write_text("1")
"""


class Installation:
    """A server that computes nothing, its databases, and workers on the same files."""

    def __init__(self, server, url, environment):
        self.server, self._url, self._environment = server, url, environment
        self._workers = {}
        self.pids = {}

    async def worker(self, name, *options, queues="recon", **more):
        arguments = ["--queues", queues, "--executor-id", name, *options]
        folder = str(self.server.folder / "data")
        program = await start_program(
            *(SCRIPT, "worker", "--data-dir", folder, *arguments),
            env={**self._environment, "SCANHUB_EXAM_MANAGER_URL": self._url, **more},
            talks=True,
        )
        self._workers[name] = program
        self.pids[name] = program.pid
        assert program.stdout is not None
        while line := await asyncio.wait_for(program.stdout.readline(), 60):
            if line.decode().strip() == f"The worker {name} is ready.":
                return
        raise AssertionError("it ended and was never ready")

    async def receiver(self, name, port, **more):
        folder = str(self.server.folder / "data")
        arguments = ["--data-dir", folder, "--dicom-port", str(port), "--executor-id", name]
        program = await start_program(
            *(SCRIPT, "receive", *arguments),
            env={**self._environment, "SCANHUB_EXAM_MANAGER_URL": self._url, **more},
            talks=True,
        )
        self._workers[name] = program
        assert program.stdout is not None
        while line := await asyncio.wait_for(program.stdout.readline(), 60):
            if line.decode().strip() == f"The receiver {name} is ready.":
                return
        raise AssertionError("it ended and was never ready")

    async def end(self, name, number):
        program = self._workers.pop(name)
        program.send_signal(number)
        return await asyncio.wait_for(program.wait(), PATIENCE_S)

    async def workers(self):
        found = await self.server.get("/workers")
        return {worker["name"]: worker for worker in found if worker["kind"] == "worker"}

    async def queue(self, name):
        return next(each for each in await self.server.get("/queues") if each["name"] == name)

    async def run_as(self, **wanted):
        """Wait until the run of the job is so."""

        async def so():
            found = await self.server.get(f"/runs?task_id={self.server.clinic.job}")
            return found and wanted.items() <= found[0].items() and found[0]

        return await until(so, PATIENCE_S)

    async def close(self):
        for program in (*self._workers.values(), self.server.process):
            if program.returncode is None:
                program.kill()
                await program.wait()


@pytest.fixture
def gate(tmp_path):
    folder = tmp_path / "jobs"
    folder.mkdir()
    (folder / "waiting_job_for_test.py").write_text(JOB.format(folder=str(folder)))
    return folder


@pytest.fixture
def data_folder(tmp_path):
    """What a worker has of its server: the keys it needs, and the lake."""
    folder = tmp_path / "data"
    secrets = {"services/workflow-manager.secret": SECRET, "target-secrets.key": None}
    for name, secret in secrets.items():
        path = folder / "keys" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(secret or Fernet.generate_key().decode())
    (tmp_path / "lake").mkdir(exist_ok=True)
    (folder / "files").symlink_to(tmp_path / "lake")


@pytest.fixture
def installed(
    tmp_path,
    clinic,
    gate,
    data_folder,
    *,
    keys,
    signer,
    headers_of,
    wire,
    make_settings,
    copied_postgresql,
    make_postgresql_url,
):
    database, engine = copied_postgresql("workflow_manager"), make_postgresql_url()
    of_server = {"TEST_DATABASE": database, "TEST_ENGINE": engine, "SCANHUB_WORKFLOW_QUEUES": "[]"}
    of_workers = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(gate), os.environ.get("PYTHONPATH", ""))),
        "TEST_JOB": "waiting_job_for_test",
        "SCANHUB_WORKFLOW_DATABASE_URL": database,
        "SCANHUB_ENGINE_DATABASE_URL": engine.replace("+asyncpg", ""),
    }

    @asynccontextmanager
    async def start(**both):
        await clinic.measure(Scan((16, 16, 3), (160, 160, 160)))
        server = Outside(tmp_path, clinic, keys, signer, headers_of)
        server.environment |= of_server | both
        async with over_http(wire) as url:
            await server.start(url)
            made = Installation(server, url, of_workers | both)
            try:
                yield made
            finally:
                await made.close()

    return start


async def test_what_a_killed_worker_computed_another_one_computes(installed, gate):
    async with installed() as made:
        found = await made.queue("recon")
        assert (found["served_by"], found["waiting"]) == ([], 0)
        await made.server.deliver(await made.server.clinic.event())
        await made.run_as(status="queued")
        found = await made.queue("recon")
        assert found["problem"].startswith("1 wait, and no process serves this queue")
        await made.worker("one")
        await made.run_as(status="running", progress=40)  # seen where it does not run
        found, one = await made.queue("recon"), (await made.workers())["one"]
        assert (found["served_by"], found["running"], found["waiting"]) == (["one"], 1, 0)
        assert (one["state"], one["queues"]) == ("running", ["recon"])
        assert [work["queue"] for work in one["running"]] == ["recon"]
        (gate / "pid").unlink()
        await made.end("one", signal.SIGKILL)
        await until(lambda: _state_of(made, "one", "lost"), PATIENCE_S)
        parts = {part["name"]: part for part in (await made.server.get("/health/detail"))["parts"]}
        assert (parts["one"]["kind"], parts["one"]["state"]) == ("worker", "warning")
        await made.worker("two")
        await until((gate / "pid").exists, PATIENCE_S)
        (gate / "hurry").touch()
        await made.run_as(status="succeeded")
        await assert_done_once(made.server)


async def _state_of(made, name, state):
    return (await made.workers())[name]["state"] == state


async def test_a_run_is_stopped_at_the_server_and_a_worker_ends_when_it_is_told(installed, gate):
    async with installed() as made:
        await made.worker("one")
        await made.server.deliver(await made.server.clinic.event())
        await until((gate / "pid").exists, PATIENCE_S)
        await made.server.post(f"/stop_task/{made.server.clinic.job}/", None)
        run = await made.run_as(status="canceled")
        assert run["error"] == "Stopped."
        assert await made.end("one", signal.SIGTERM) == 0
        assert await made.workers() == {}


async def test_a_worker_that_is_told_to_end_ends_the_run_before(installed, gate):
    async with installed() as made:
        await made.worker("one")
        await made.server.deliver(await made.server.clinic.event())
        await until((gate / "pid").exists, PATIENCE_S)
        ending = asyncio.create_task(made.end("one", signal.SIGTERM))
        await until(lambda: _state_of(made, "one", "draining"), PATIENCE_S)
        found = await made.queue("recon")
        assert (found["served_by"], found["running"]) == ([], 1)
        (gate / "hurry").touch()
        assert await ending == 0
        await made.run_as(status="succeeded")
        await assert_done_once(made.server)


@pytest.mark.long
async def test_a_job_that_needs_graphics_is_left_to_the_worker_that_has_some(installed, gate):
    async with installed(TEST_JOB_GPUS="1") as made:
        await made.worker("plain")
        await made.server.deliver(await made.server.clinic.event())
        await made.run_as(status="waiting", waits_for=ELSEWHERE)
        await made.worker("graphics", SCANHUB_WORKFLOW_GPU_SLOTS='["GPU-a"]')
        await made.run_as(status="running", progress=40)
        workers = await made.workers()
        assert [len(workers[name]["running"]) for name in ("plain", "graphics")] == [0, 1]
        (gate / "hurry").touch()
        await made.run_as(status="succeeded")


@pytest.mark.long
async def test_a_queue_paused_at_the_server_begins_at_no_worker(installed, gate):
    (gate / "hurry").touch()
    async with installed() as made:
        await made.worker("one")
        await made.server.post("/queues/recon/pause", {"reason": "service"})
        await until(lambda: _heeded(made, "one", ["recon"]), PATIENCE_S)
        await made.server.deliver(await made.server.clinic.event())
        await made.run_as(status="queued")
        await made.worker("two")
        assert (await made.workers())["two"]["paused"] == ["recon"]
        assert (await made.queue("recon"))["waiting"] == 1
        await made.server.post("/queues/recon/resume", None)
        await made.run_as(status="succeeded")
        await until(lambda: _heeded(made, "one", []), PATIENCE_S)


async def _heeded(made, name, queues):
    return (await made.workers())[name]["paused"] == queues


@pytest.mark.long
async def test_a_receiver_of_its_own_takes_images_and_the_server_goes_on_with_them(
    installed, tmp_path
):
    alive, port = tmp_path / "alive", a_port()
    async with installed() as made:
        await made.receiver("door", port, SCANHUB_ALIVE_FILE=str(alive))
        await until(alive.exists, PATIENCE_S)
        parts = {part["name"]: part for part in (await made.server.get("/health/detail"))["parts"]}
        assert parts["DICOM"]["detail"] == "Listens in a process of its own: door."
        assert parts["door"]["state"] == "ok"
        await _send(tmp_path, port, 1)
        await until(lambda: _complete(made, 1), PATIENCE_S)
        await made.end("door", signal.SIGKILL)
        await until(lambda: _listens_nowhere(made), PATIENCE_S)
        await made.receiver("door", port)
        await _send(tmp_path, port, 2)
        await until(lambda: _complete(made, 2), PATIENCE_S)
        assert await made.end("door", signal.SIGTERM) == 0


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_the_memory_of_a_worker_is_the_same_after_many_runs(installed, tmp_path):
    modules, port = tmp_path / "modules", a_port()
    modules.mkdir()
    (modules / "quiet.py").write_text(QUIET)
    both = {
        "SCANHUB_WORKFLOW_MODULE_FOLDER": str(modules),
        "SCANHUB_WORKFLOW_MODULE_SLOTS": "2",
        "SCANHUB_WORKFLOW_DICOM_MIN_FREE_BYTES": "0",
        "SCANHUB_WORKFLOW_SERIES_CLOSED_QUIET_S": "0.1",
    }
    async with installed(**both) as made:
        await made.worker("one", queues="modules")
        await made.receiver("door", port)
        module = {"name": "quiet", "runner": "process", "entry_point": "quiet.py"}
        await made.server.post("/modules", module)
        rule = {"name": "quiet", "rule": "True", "action": "process"}
        await made.server.post("/rules", {**rule, "processing_module": ["quiet"]})
        resident = []
        for last in (100, 200):
            files = [
                (
                    str(number),
                    write_instance(tmp_path / str(number), 1, series=f"{SERIES}.{number}"),
                )
                for number in range(last - 100, last)
            ]
            peer = Peer("127.0.0.1", port, "SCANHUB", "SENDER")
            assert not (await asyncio.to_thread(send_series, files, peer)).failed
            await until(lambda all_=last: _done(made, all_), 2 * PATIENCE_S)
            resident.append(_resident_bytes(made.pids["one"]))
        warm, after = resident
        assert after < 1.1 * warm, f"{warm / 2**20:.1f} MiB, then {after / 2**20:.1f} MiB"


async def _done(made, count):
    cases = (await made.server.get("/rules/quiet/flow"))["cases"]
    assert not cases.get("failed")
    return cases.get("done") == count


def _resident_bytes(pid):
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


async def _send(folder, port, number):
    path = write_instance(folder / "sent", number)
    peer = Peer("127.0.0.1", port, "SCANHUB", "SENDER")
    report = await asyncio.to_thread(send_series, [(f"{SERIES}.{number}", path)], peer)
    assert report.sent == [f"{SERIES}.{number}"]


async def _complete(made, instances):
    found = await made.server.get("/series")
    return [(row["complete"], row["instances"]) for row in found] == [(True, instances)]


async def _listens_nowhere(made):
    detail = await made.server.get("/health/detail")
    part = next(part for part in detail["parts"] if part["kind"] == "listener")
    return part["detail"] == "There is none."
