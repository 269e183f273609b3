"""exam-manager in a process of its own, as the world sees it, and what lies in its lake."""

import asyncio
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import httpx
from folders import files_below
from nursery import start_program
from ports import a_port

from scanhub_libraries.ids import new_id

EXAM = "/api/v1/exam"
SCRIPT = Path(__file__).parent / "serve_for_test.py"
SEQUENCE = """# Pulseq sequence file

[VERSION]
major 1
minor 5
revision 0

[DEFINITIONS]
AdcRasterTime 1e-07
BlockDurationRaster 1e-05
GradientRasterTime 1e-05
RadiofrequencyRasterTime 1e-06

[BLOCKS]
1 324 0 0 0 0 1 0

[ADC]
1 64 5000 100 0 0 0 0 0
"""


class Outside:
    """The process under test; it can be killed and started again."""

    def __init__(self, folder, platform_at):
        self.folder, self.port, self.process = folder, a_port(), None
        self._platform_at = platform_at

    @property
    def log(self):
        return (self.folder / "server.log").read_text(errors="replace")

    async def start(self, **environment):
        with (self.folder / "server.log").open("ab") as log:
            self.process = await start_program(
                SCRIPT, self.folder, str(self.port), log=log, env={**os.environ, **environment}
            )
        self.http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=30)
        self.platform = self._platform_at(self.http)
        await self.until(self._ready)

    async def _ready(self):
        assert self.process.returncode is None, self.log
        try:
            return (await self.http.get(f"{EXAM}/health/readiness")).is_success
        except httpx.TransportError:
            return False

    async def until(self, condition, seconds=60):
        deadline = time.monotonic() + seconds
        while not await condition():
            assert time.monotonic() < deadline, self.log
            await asyncio.sleep(0.05)

    async def killed_by(self, method, path, **options):
        """Send a request during which the process ends itself."""
        with suppress(httpx.TransportError):
            await self.platform.call(method, path, **options)
        assert await asyncio.wait_for(self.process.wait(), 20) == -signal.SIGKILL, self.log
        await self.http.aclose()

    async def stop(self):
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()
            await asyncio.wait_for(self.process.wait(), 20)
            await self.http.aclose()

    async def swept(self):
        """Wait for the first sweep of this process; return what it found."""

        async def ended():
            return (await self._report())["ended_at"] is not None

        await self.until(ended)
        return await self._report()

    async def _report(self):
        answer = await self.platform.call(
            "GET", f"{EXAM}/lake/sweep", headers=self.platform.admin, expect=200
        )
        return answer.json()

    def files(self):
        return files_in(self.folder / "lake-root")


def files_in(root) -> set[str]:
    """Every file in a lake, by key."""
    return {path.relative_to(root).as_posix() for path in files_below(root)}


async def scanned(platform, root) -> dict[str, str]:
    """Scan: raw data of a finished task in the lake. Returns the ids of all that it hangs in."""
    exam = await platform.exam()
    workflow = await platform.workflow(exam)
    task = await platform.acquisition(workflow)
    claim_id, result_id = (await platform.claim(task))["claim_id"], str(new_id())
    put_result(root, workflow["id"], task["id"], result_id)
    result = {"type": "MRD", "directory": "", "files": ["raw.mrd"], "meta": {}}
    finish = {"claim_id": claim_id, "result_id": result_id, "result": result}
    url = f"{EXAM}/task/{task['id']}/finish"
    await platform.call("POST", url, json=finish, headers=platform.service, expect=200)
    return {
        "exam": exam["id"],
        "patient": exam["patient_id"],
        "workflow": workflow["id"],
        "task": task["id"],
        "result": result_id,
    }


def put_result(root, workflow_id, task_id, result_id, name="raw.mrd") -> str:
    """Write a file where a result has it; return its key."""
    key = f"lake/{workflow_id}/{task_id}/{result_id}/{name}"
    path = Path(root) / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"raw data")
    return key


def upload_of(sequence=SEQUENCE, **form):
    """What an upload of a sequence with a header sends."""
    files = {
        "seq_file": ("a.seq", sequence.encode(), "text/plain"),
        "xml_file": ("a.xml", b"<ismrmrdHeader/>", "text/xml"),
    }
    return {"data": {"name": "GRE", **form}, "files": files}
