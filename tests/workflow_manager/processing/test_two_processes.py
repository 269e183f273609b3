"""Two workflow-managers with modules, on one PostgreSQL and one lake; one of them is killed."""

import asyncio
import json
from collections import Counter
from contextlib import asynccontextmanager

import httpx
import pytest
from cryptography.fernet import Fernet
from images import SERIES, write_instance
from outside_killed import Outside
from workflow_service import a_port, over_http, until

from scanhub_libraries.events import Event, EventType
from workflow_manager.dicom.scu import Peer, send_series

pytestmark = pytest.mark.timeout(300)
PATIENCE_S = 120.0
WORK = """
import json, os, pathlib, time
import pydicom
source, target, gate = map(pathlib.Path, (
    os.environ["MERCURE_IN_DIR"], os.environ["MERCURE_OUT_DIR"], os.environ["GATE"]))
task = json.loads((source / "task.json").read_text())
step, service = task["process"]["module_name"], os.getppid()
print("at work", flush=True)
(gate / f"{step}.{task['info']['uid'].rpartition('.')[2]}.{service}.{time.time_ns()}").touch()
while not (gate / "go").exists():
    time.sleep(0.02)
for path in source.glob("*.dcm"):
    image = pydicom.dcmread(path)
    image.SeriesInstanceUID += ".5"
    uid = f"{image.SeriesInstanceUID}.1"
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = uid
    image.save_as(target / path.name, enforce_file_format=True)
"""


class Two:
    """Two services, and what their modules leave at the gate."""

    def __init__(self, gate, services):
        self.gate, self.services = gate, services

    @property
    def began(self):
        """Step, series and process of each module that began, in their order."""
        names = (path.name.split(".") for path in self.gate.iterdir() if path.name != "go")
        return [tuple(name[:3]) for name in sorted(names, key=lambda name: int(name[3]))]

    def of(self, process):
        """Return the service of a process, and the other one."""
        first, second = self.services
        return (first, second) if str(first.process.pid) == process else (second, first)

    def go(self):
        (self.gate / "go").touch()

    async def send(self, *numbers):
        """Send series of one image each, to both listeners in turn."""
        for place, number in enumerate(numbers):
            uid = f"{SERIES}.{number}"
            path = write_instance(self.gate.parent / "sent" / uid, 1, series=uid)
            port = self.services[place % 2].dicom_port
            peer = Peer("127.0.0.1", port, "SCANHUB", "SCANNER", 5.0, 10.0)
            report = await asyncio.to_thread(send_series, [("1", path)], peer)
            assert not report.failed

    async def configure(self, steps, more):
        """Let each series be processed by these modules, one after the other."""
        first = self.services[0]
        more = {"environment": {"GATE": str(self.gate)}, **more}
        for step in steps:
            body = {"name": step, "runner": "process", "entry_point": "work.py", **more}
            await first.post("/modules", body)
        rule = {"name": "work", "rule": "True", "action": "process"}
        await first.post("/rules", {**rule, "processing_module": list(steps)})

    async def end(self):
        for service in self.services:
            if service.process.returncode is None:
                service.process.terminate()
                await service.wait()


@pytest.fixture
def shared(tmp_path, copied_postgresql, make_postgresql_url):
    """What both services are told."""
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "work.py").write_text(WORK)
    return {
        "TEST_DATABASE": copied_postgresql("workflow_manager"),
        "TEST_ENGINE": make_postgresql_url(),
        "SCANHUB_WORKFLOW_DICOM_MIN_FREE_BYTES": "0",
        "SCANHUB_WORKFLOW_SERIES_CLOSED_QUIET_S": "0.1",
        "SCANHUB_WORKFLOW_MODULE_FOLDER": str(modules),
        "SCANHUB_WORKFLOW_SECRETS_KEY": Fernet.generate_key().decode(),
    }


@pytest.fixture
def two(tmp_path, clinic, keys, signer, headers_of, *, make_settings, shared, wire):
    make_settings()
    gate = tmp_path / "gate"
    gate.mkdir()

    @asynccontextmanager
    async def start(*steps, own=({}, {}), **module):
        services = [Outside(tmp_path, clinic, keys, signer, headers_of) for _ in range(2)]
        both = Two(gate, services)
        async with over_http(wire) as url:
            for service, settings in zip(services, own, strict=True):
                service.dicom_port = a_port()
                port = {"SCANHUB_WORKFLOW_DICOM_PORT": str(service.dicom_port)}
                service.environment |= shared | port | settings
                await service.start(url)
            await both.configure(steps, module)
            try:
                yield both
            finally:
                await both.end()

    return start


@pytest.mark.long
async def test_what_a_killed_process_was_computing_the_other_one_computes_and_nothing_twice(two):
    async with two("one", "next") as both:
        await both.send(1, 2, 3, 4)
        # A slot each: two begin, and the others wait.
        await until(lambda: len(both.began) == 2, PATIENCE_S)
        (_, series, process), (_, _, other) = both.began
        assert process != other
        dead, alive = both.of(process)
        run = next(one for one in await alive.get("/processing") if one["state"] == "running")
        async with httpx.AsyncClient(headers=alive._user) as client:  # whoever runs it
            answer = await client.get(f"{alive.url}/processing/{run['id']}/steps/1/log")
        assert answer.text.endswith(" at work\n")
        dead.kill()
        await dead.wait()
        both.go()

        async def all_done():
            return {case["state"] for case in await alive.get("/cases")} == {"done"}

        await until(all_done, PATIENCE_S)
        began = Counter((step, number) for step, number, _ in both.began)
        assert began == Counter(
            {(step, str(number)): 1 for step in ("one", "next") for number in (1, 2, 3, 4)}
            | {("one", series): 2}
        )
        runs = await alive.get("/processing")
        assert [(one["number"], one["images"]) for one in runs] == [(1, 1)] * 4
        told = Counter(event["type"] for event in await alive.get("/journal?limit=1000"))
        assert (told["processing.finished"], told["case.done"]) == (4, 4)
        made = (both.gate.parent / "lake" / "dicom").rglob("*.5.5.1.dcm")
        assert len(list(made)) == 4


@pytest.mark.long
async def test_a_run_is_stopped_wherever_it_runs_and_slots_are_free_again(two):
    async with two("one") as both:
        await both.send(1, 2)
        await until(lambda: len(both.began) == 2, PATIENCE_S)
        cases = {case["series_instance_uids"][0]: case["id"] for case in await _cases(both, 2)}
        for _, series, process in both.began:
            _, other = both.of(process)
            await other.post(f"/cases/{cases[f'{SERIES}.{series}']}/processing/cancel", {})

        async def failed():
            found = await both.services[0].get("/cases?state=failed")
            return len(found) == 2 and found

        for case in await until(failed, PATIENCE_S):
            assert case["reason"] == "Processing was stopped by user:tester."
        both.go()
        await both.send(3, 4)

        async def done():
            return len(await both.services[1].get("/cases?state=done")) == 2

        await until(done, PATIENCE_S)


async def _cases(both, count):
    async def there():
        found = await both.services[0].get("/cases?state=processing")
        return len(found) == count and found

    return await until(there, PATIENCE_S)


@pytest.mark.long
async def test_a_browser_at_one_sees_what_is_written_at_the_other(two):
    async with two("one") as both:
        here, there = both.services
        async with (
            httpx.AsyncClient(headers=there._user, timeout=PATIENCE_S) as browser,
            browser.stream("GET", f"{there.url}/events") as stream,
        ):
            lines = stream.aiter_lines()
            assert "hello" in await anext(lines)
            event = Event(type=EventType.TASK_UPDATED, source="test", subject="x", data={})
            await here.deliver(event.model_dump(mode="json"))
            async for line in lines:
                if line.startswith("data:") and json.loads(line[5:]).get("id") == str(event.id):
                    break


GPUS = "SCANHUB_WORKFLOW_GPU_SLOTS"


@pytest.mark.long
async def test_a_module_that_needs_graphics_is_left_to_the_process_that_has_some(two):
    async with two("train", own=({GPUS: "[]"}, {GPUS: '["GPU-a"]'}), gpus=1) as both:
        await both.send(1, 2)
        both.go()

        async def done():
            runs = await both.services[0].get("/processing")
            return len(runs) == 2 and all(run["state"] == "succeeded" for run in runs)

        await until(done, PATIENCE_S)
        has = str(both.services[1].process.pid)
        assert [process for _, _, process in both.began] == [has, has]


@pytest.mark.long
async def test_two_processes_of_a_machine_lend_a_graphics_processor_once(two):
    async with two("train", own=({GPUS: '["GPU-a"]'},) * 2, gpus=1) as both:
        await both.send(1, 2)

        async def waits():
            runs = await both.services[0].get("/processing?state=running")
            return any("what runs on this machine has them" in run["reason"] for run in runs)

        await until(waits, PATIENCE_S)
        both.go()

        async def done():
            runs = await both.services[0].get("/processing?state=succeeded")
            return len(runs) == 2 and runs

        (first, second) = sorted(
            (run["steps"][0] for run in await until(done, PATIENCE_S)),
            key=lambda step: step["started_at"],
        )
        assert first["ended_at"] <= second["started_at"]
        assert len({process for _, _, process in both.began}) == 2
