"""workflow-manager as a process that is killed, and the calls amid which that happens."""

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

import httpx
from clinic import SECRET
from nursery import start_program
from wire import answer_lost
from workflow_service import WORKFLOW, a_port, until

from scanhub_libraries.models import UserRole

SCRIPT = Path(__file__).parent / "serve_for_test.py"
PATIENCE_S = 120.0


class Outside:
    """The process under test, as the rest of the world sees it."""

    def __init__(self, folder, clinic, keys, signer, headers_of):
        self.folder, self.clinic = folder, clinic
        self.environment = {**os.environ, "TEST_SECRET": SECRET}
        self.port = a_port()
        self.process = None
        self._user = headers_of(UserRole.ADMIN)
        self._peer = {"Authorization": f"Bearer {signer.service_token('exam-manager')}"}
        (folder / "public.pem").write_text(keys.public_pem)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}{WORKFLOW}"

    def find_packages(self, folder):
        """Let the process find what is installed in a folder."""
        found = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.environment["PYTHONPATH"] = os.pathsep.join(found)

    async def start(self, exam_manager):
        arguments = (SCRIPT, self.folder, str(self.port), exam_manager)
        self.process = await start_program(*arguments, env=self.environment)
        await until(self.ready, PATIENCE_S)

    async def ready(self):
        assert self.process.returncode is None
        try:
            async with httpx.AsyncClient() as client:
                return (await client.get(f"{self.url}/health/readiness")).status_code == 200
        except httpx.TransportError:
            return False

    async def get(self, path):
        async with httpx.AsyncClient(headers=self._user) as client:
            return (await client.get(f"{self.url}{path}")).json()

    async def deliver(self, event):
        async with httpx.AsyncClient(headers=self._peer) as client:
            answer = await client.post(f"{self.url}/journal/events", json={"events": [event]})
            assert answer.status_code == 200

    async def post(self, path, document):
        async with httpx.AsyncClient(headers=self._user, timeout=60) as client:
            answer = await client.post(f"{self.url}{path}", json=document)
            assert answer.is_success, answer.text

    def kill(self):
        self.process.send_signal(signal.SIGKILL)

    async def stop(self):
        """Let it end, as an administrator would."""
        self.process.terminate()
        await self.wait()

    async def wait(self):
        await asyncio.wait_for(self.process.wait(), 20)

    async def ended_runs(self, task_id=None):
        """Return the runs of a task once the newest has ended; by default those of the job."""

        async def ended():
            runs = await self.get(f"/runs?task_id={task_id or self.clinic.job}")
            return runs if runs and runs[0]["status"] in {"succeeded", "failed"} else None

        return await until(ended, PATIENCE_S)


class Killing:
    """The process is killed during one call, before the service got it or after it did it."""

    def __init__(self, outside, when):
        self._outside, self._when = outside, when
        self.done = asyncio.Event()

    async def __call__(self, app, scope, receive, send):
        if self._when == "after":
            with suppress(httpx.ReadError):
                await answer_lost(app, scope, receive, send)
        self._outside.kill()
        await self._outside.wait()
        self.done.set()
        raise ConnectionAbortedError


async def killed_once(outside, url, killing):
    await outside.start(url)
    await outside.deliver(await outside.clinic.event())
    await asyncio.wait_for(killing.done.wait(), PATIENCE_S)
    await outside.start(url)
