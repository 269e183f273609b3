"""A running device-manager, the real exam-manager behind it, and scanners of raw frames."""

import asyncio
import hashlib
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from authority import Tls
from fastapi import FastAPI
from folders import files_below
from gate import Gate
from loopback import LoopbackServer
from websockets.asyncio.client import ClientConnection, connect

from device_manager.main import create_app
from device_manager.settings import DeviceManagerSettings
from exam_manager.main import create_app as create_exam_manager
from exam_manager.settings import ExamManagerSettings
from scanhub_libraries.bucket import BucketOptions
from scanhub_libraries.database import sqlite_url
from scanhub_libraries.events import Event
from scanhub_libraries.security.tokens import SigningKeys, TokenSigner, TokenVerifier

EXAM = "/api/v1/exam"
DEVICE = "/api/v1/device"
PATIENT = {
    "first_name": "Ada",
    "last_name": "Test",
    "birth_date": "1990-01-01",
    "sex": "FEMALE",
    "height": 170.0,
    "weight": 60.9,
    "issuer": "test",
}
DEADLINES: dict[str, Any] = {
    "ack_deadline_seconds": 5.0,
    "first_status_deadline_seconds": 5.0,
    "stop_deadline_seconds": 10.0,
    "lost_after_seconds": 10.0,
    "return_deadline_seconds": 10.0,
    "data_deadline_seconds": 10.0,
    "record_wait_seconds": 3.0,
}
"""So long that a scanner of a busy machine answers before."""
SHORT: dict[str, Any] = {
    "stop_deadline_seconds": 0.5,
    "lost_after_seconds": 0.5,
    "return_deadline_seconds": 0.25,
    "data_deadline_seconds": 0.5,
}
"""For tests that wait for the end of one: `pytest.mark.short_deadlines`, or `make_lab(**SHORT)`."""


@dataclass
class Scanner:
    """A device that sends what a test tells it to."""

    device_id: str
    websocket: ClientConnection
    heard: list[dict[str, Any]] = field(default_factory=list)

    async def say(self, **message: Any) -> None:
        await self.websocket.send(json.dumps(message))

    async def register(self, *, capabilities: tuple[str, ...] = ("ack", "stop"), **data: Any):
        details = {"device_name": "Lab", "status": "ONLINE", "capabilities": list(capabilities)}
        await self.say(command="register", data={**details, **data})
        return await self.hear("feedback")

    async def hear(self, command: str | None = None, seconds: float = 30.0) -> dict[str, Any]:
        """Return the next message (with this command); the others are kept in `heard`."""
        async with asyncio.timeout(seconds):
            while True:
                message: dict[str, Any] = json.loads(await self.websocket.recv())
                if command in (None, message["command"]):
                    return message
                self.heard.append(message)

    async def hear_nothing(self, seconds: float = 0.2) -> None:
        try:
            message = await self.hear(seconds=seconds)
        except TimeoutError:
            return
        raise AssertionError(f"heard {message}")

    async def verdict(self, filename: str, seconds: float = 30.0) -> dict[str, Any]:
        async with asyncio.timeout(seconds):
            while True:
                message = await self.hear("feedback", seconds)
                if message.get("filename") == filename:
                    return message
                self.heard.append(message)

    async def status(self, status: str, start: dict[str, Any] | None = None, **data: Any) -> None:
        who = {} if start is None else reporter(start)
        await self.say(command="update_status", status=status, data=data, **who)

    async def accept(self) -> dict[str, Any]:
        """Take the scan that comes and say so; return its payload."""
        start: dict[str, Any] = (await self.hear("start"))["data"]
        await self.say(command="ack", task_id=start["id"], acquisition_id=start["acquisition_id"])
        return start

    async def run(self, progress: int = 10) -> dict[str, Any]:
        """Take the scan that comes and begin it."""
        start = await self.accept()
        await self.status("BUSY", start, progress=progress)
        await self.hear("feedback")
        return start

    async def announce(
        self, start: dict[str, Any], filename: str, data: bytes, **changes: Any
    ) -> None:
        header = {
            "filename": filename,
            "size_bytes": len(data),
            "content_type": "application/octet-stream",
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        await self.say(command="file-transfer", **{**reporter(start), **header, **changes})

    async def send_bytes(self, data: bytes, frame: int = 1 << 20) -> None:
        for offset in range(0, len(data), frame):
            await self.websocket.send(data[offset : offset + frame])

    async def upload(
        self, start: dict[str, Any], filename: str, data: bytes, **changes: Any
    ) -> dict[str, Any]:
        await self.announce(start, filename, data, **changes)
        await self.send_bytes(data)
        return await self.verdict(filename)


def reporter(start: dict[str, Any]) -> dict[str, str]:
    return {"task_id": start["id"], "user_access_token": start["access_token"]}


@dataclass
class Lab:
    """A device-manager over the loopback, exam-manager within the process."""

    address: str
    app: FastAPI
    http: httpx.AsyncClient
    exam: httpx.AsyncClient
    exam_gate: Gate
    lake_root: Path
    events: list[Event]

    # --- devices ----------------------------------------------------------------------------------

    async def create_device(self, name: str = "Scanner") -> dict[str, str]:
        answer = await self.http.post(
            f"{DEVICE}/createdevice", json={"name": name, "description": "in the lab"}
        )
        assert answer.status_code == 201, answer.text
        credentials: dict[str, str] = answer.json()
        return credentials

    def connect(self, credentials: dict[str, str], **options: Any) -> connect:
        headers = {
            "Device-Id": credentials["device_id"],
            "Device-Token": credentials["device_token"],
        }
        return connect(
            f"ws://{self.address}{DEVICE}/ws", additional_headers=headers, proxy=None, **options
        )

    @asynccontextmanager
    async def scanner(
        self,
        credentials: dict[str, str] | None = None,
        *,
        capabilities: tuple[str, ...] = ("ack", "stop"),
        **register: Any,
    ) -> AsyncIterator[Scanner]:
        credentials = credentials or await self.create_device()
        async with self.connect(credentials) as websocket:
            scanner = Scanner(credentials["device_id"], websocket)
            await scanner.register(capabilities=capabilities, **register)
            yield scanner

    async def device(self, device_id: str) -> dict[str, Any]:
        return (await self.http.get(f"{DEVICE}/{device_id}")).json()

    # --- tasks ------------------------------------------------------------------------------------

    async def create_task(self, device_id: str | None, **changes: Any) -> dict[str, Any]:
        patient = await self._post("/api/v1/patient/", PATIENT)
        exam = await self._post(f"{EXAM}/new", {"patient_id": patient["id"], "name": "Exam"})
        workflow = await self._post(f"{EXAM}/workflow/new", {"exam_id": exam["id"], "name": "Head"})
        task = {
            "workflow_id": workflow["id"],
            "name": "GRE",
            "task_type": "ACQUISITION",
            "device_id": device_id,
            "calibration": ["frequency"],
        }
        return await self._post(f"{EXAM}/task/new", {**task, **changes})

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self.exam.post(path, json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def task(self, task_id: str) -> dict[str, Any]:
        return (await self.exam.get(f"{EXAM}/task/{task_id}")).json()

    # --- scans ------------------------------------------------------------------------------------

    async def start(self, task: dict[str, Any], **options: Any) -> httpx.Response:
        return await self.http.post(f"{DEVICE}/start_scan_via_websocket", json=task, **options)

    async def abandon(self, acquisition_id: str) -> httpx.Response:
        path = f"{DEVICE}/acquisitions/{acquisition_id}/abandon"
        return await self.http.post(path, json={"reason": "the magnet is off"})

    async def acquisitions(self, task_id: str) -> list[dict[str, Any]]:
        answer = await self.http.get(f"{DEVICE}/acquisitions", params={"task_id": task_id})
        return answer.json()

    async def started(self, scanner: Scanner, **changes: Any) -> dict[str, Any]:
        """Make a task, start it, let the scanner begin it; return the payload."""
        task = await self.create_task(scanner.device_id, **changes)
        answer = await self.start(task)
        assert answer.status_code == 200, answer.text
        start = await scanner.run()
        await self.task_becomes(start["id"], "INPROGRESS")
        return start

    async def stop(self, device_id: str, **body: Any) -> httpx.Response:
        return await self.http.post(f"{DEVICE}/{device_id}/stop", json=body or None)

    async def acquisition(self, task_id: str) -> dict[str, Any]:
        answer = await self.http.get(f"{DEVICE}/acquisitions", params={"task_id": task_id})
        return answer.json()[0]

    async def eventually(
        self, look: Callable[[], Any], check: Callable[[Any], bool], seconds: float = 30.0
    ) -> Any:
        """Look until the check holds."""
        seen = None
        try:
            async with asyncio.timeout(seconds):
                while not check(seen := await look()):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"last seen: {seen}") from None
        return seen

    async def tells(self, *kinds: str, family: str = "acquisition.") -> None:
        """Wait until the newest events of a family are these: they are delivered after a commit."""

        async def told() -> list[str]:
            seen = [event.type.value for event in self.events]
            return [kind for kind in seen if kind.startswith(family)]

        await self.eventually(told, lambda seen: seen[-len(kinds) :] == list(kinds))

    async def task_becomes(self, task_id: str, status: str, seconds: float = 30.0):
        return await self.eventually(
            lambda: self.task(task_id), lambda task: task["status"] == status, seconds
        )

    async def acquisition_becomes(self, task_id: str, state: str, seconds: float = 30.0):
        return await self.eventually(
            lambda: self.acquisition(task_id), lambda row: row["state"] == state, seconds
        )

    async def device_becomes(self, device_id: str, status: str):
        return await self.eventually(
            lambda: self.device(device_id), lambda device: device["status"] == status
        )

    # --- the lake ---------------------------------------------------------------------------------

    def files(self) -> list[str]:
        """Return every file of the lake, also the hidden ones."""
        return sorted(path.name for path in files_below(self.lake_root / "lake"))

    def folder(self, start: dict[str, Any], result_id: str) -> Path:
        return self.lake_root / "lake" / start["workflow_id"] / start["id"] / result_id


@asynccontextmanager
async def open_lab(
    folder: Path,
    keys: SigningKeys,
    admin: dict[str, str],
    *,
    database_url: str | None = None,
    lake: Any = None,
    tls: Tls | None = None,
    **settings: Any,
) -> AsyncIterator[Lab]:
    """Run both services; a second lab in the same folder is the same installation, restarted.

    The SQLite files in the folder have their tables already.
    """
    places = {
        "database_url": database_url or sqlite_url(folder / "device.sqlite"),
        "migrate": database_url is not None,
        "lake_root": folder,
        "token_key": "k" * 32,
    }
    events: list[Event] = []
    bucket = settings.get("lake_bucket")
    async with _open_exam_manager(folder, keys, admin, bucket) as (gate, to_exam, exam):
        app = _device_manager(
            DeviceManagerSettings(**{**places, **DEADLINES, **settings}),
            keys,
            to_exam,
            events,
            lake=lake,
        )
        async with (
            _served(app, tls.server if tls else None) as server,
            httpx.AsyncClient(
                base_url=f"{'https' if tls else 'http'}://{server.address}",
                headers=admin,
                timeout=30,
                verify=tls.stranger if tls else True,
            ) as http,
        ):
            yield Lab(server.address, app, http, exam, gate, folder, events)


@asynccontextmanager
async def _open_exam_manager(
    folder: Path, keys: SigningKeys, admin: dict[str, str], bucket: BucketOptions | None = None
) -> AsyncIterator[tuple[Gate, httpx.AsyncClient, httpx.AsyncClient]]:
    """Yield the gate, the way through it, and the way of an administrator past it."""
    app = create_exam_manager(
        ExamManagerSettings(
            database_url=sqlite_url(folder / "exam.sqlite"),
            lake_root=folder / "of-exam-manager" if bucket else folder,
            lake_bucket=bucket,
            keys_folder=folder / "keys",
            migrate=not (folder / "exam.sqlite").exists(),
        ),
        keys=keys,
    )
    gate = Gate(app)
    base = {"base_url": "http://exam-manager", "timeout": 10.0}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=gate, **base) as to_exam,
        httpx.AsyncClient(transport=httpx.ASGITransport(app), headers=admin, **base) as exam,
    ):
        yield gate, to_exam, exam


def _device_manager(
    settings: DeviceManagerSettings,
    keys: SigningKeys,
    to_exam: httpx.AsyncClient,
    events: list[Event],
    *,
    lake: Any,
) -> FastAPI:
    signer = TokenSigner(keys.private_pem)

    async def service_token() -> str:
        return signer.service_token("device-manager")

    async def deliver(batch: Any) -> None:
        events.extend(batch)

    return create_app(
        settings,
        exam_manager=to_exam,
        deliver=deliver,
        service_token=service_token,
        verifier=TokenVerifier(keys.public_pem),
        lake=lake,
        follow_revocations=False,
    )


@asynccontextmanager
async def _served(app: FastAPI, tls: ssl.SSLContext | None) -> AsyncIterator[LoopbackServer]:
    server = LoopbackServer(app, tls)
    await server.begin()
    try:
        yield server
    finally:
        await server.end()


def is_uuid(text: str) -> bool:
    return str(UUID(text)) == text
