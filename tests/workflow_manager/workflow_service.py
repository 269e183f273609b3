"""A running workflow-manager, and how tests talk to it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from ports import a_port  # noqa: F401 - tests take it with the rest

from workflow_manager.wiring import Wiring

WORKFLOW = "/api/v1/workflowmanager"


async def until(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Wait for a condition; a coroutine function is awaited."""
    began = time.monotonic()
    while True:
        value = condition()
        if asyncio.iscoroutine(value):
            value = await value
        if value:
            return value
        waited = time.monotonic() - began
        if waited > seconds:
            raise AssertionError("it did not happen in time")
        await asyncio.sleep(min(0.02 * (1 + waited), 0.05))  # to look takes from what is waited for


@dataclass
class Service:
    """A running workflow-manager, and how to talk to it."""

    app: FastAPI
    user: httpx.AsyncClient
    peer: httpx.AsyncClient
    """A service."""

    @property
    def wiring(self) -> Wiring:
        wiring: Wiring = self.app.state.wiring
        return wiring

    async def get(self, path: str) -> Any:
        response = await self.user.get(f"{WORKFLOW}{path}")
        assert response.status_code == 200, response.text
        return response.json()

    async def deliver(self, *events: dict[str, Any]) -> int:
        response = await self.peer.post(f"{WORKFLOW}/journal/events", json={"events": events})
        assert response.status_code == 200, response.text
        written: int = response.json()["written"]
        return written

    async def run_in(self, *statuses: str, task_id: Any) -> dict[str, Any]:
        """Wait until the newest run of a task is in one of these states."""

        async def reached() -> dict[str, Any] | None:
            runs = await self.get(f"/runs?task_id={task_id}")
            return runs[0] if runs and runs[0]["status"] in statuses else None

        found: dict[str, Any] = await until(reached)
        return found


@dataclass
class SlowJob:
    """A job that computes until it is told to hurry."""

    folder: Path

    def pid(self) -> int | None:
        file = self.folder / "pid"
        return int(file.read_text()) if file.exists() and file.read_text() else None

    def hurry(self) -> None:
        (self.folder / "hurry").touch()

    @staticmethod
    def alive(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except FileNotFoundError:
            return False


@asynccontextmanager
async def over_http(app: Any) -> AsyncIterator[str]:
    """Serve an application on a free port of this machine; gives its URL."""
    config = uvicorn.Config(app, port=0, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        server.force_exit = True
        await task
