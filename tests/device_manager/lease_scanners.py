"""Scanners and time in the hands of a state machine, around a real device-manager."""

import asyncio
import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from scanner_lab import Lab, reporter
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

CAPABILITIES = ["ack", "stop", "pause"]
_BARRIER = "user_access_token: missing"
_PATIENCE = 30.0


class HandClock:
    """Deadlines of acquisitions pass when the machine says so."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Event] = {}

    async def sleep(self, _seconds: float) -> None:
        task = asyncio.current_task()
        event = asyncio.Event()
        self._waiting[task.get_name()] = event
        try:
            await event.wait()
        finally:
            if self._waiting.get(task.get_name()) is event:
                del self._waiting[task.get_name()]

    @property
    def waiting(self) -> list[str]:
        return list(self._waiting)

    async def strike(self, name: str) -> None:
        """Let one deadline pass, and what follows from it happen."""
        tasks = [task for task in asyncio.all_tasks() if task.get_name() == name]
        if (event := self._waiting.get(name)) is not None:
            event.set()
            await asyncio.wait(tasks, timeout=_PATIENCE)


@dataclass
class Machine:
    """One scanner: its link of the moment, and what it ever got."""

    credentials: dict[str, str]
    link: ClientConnection | None = None
    heard: list[dict[str, Any]] = field(default_factory=list)
    starts: list[dict[str, Any]] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    obeys: bool = True
    """Says `stopped`, `paused`, `resumed` as soon as it is told to."""
    _reader: asyncio.Task[None] | None = None
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def id(self) -> str:
        return self.credentials["device_id"]

    async def connect(self, lab: Lab, status: str) -> None:
        older = self.link
        self.link = await lab.connect(self.credentials, ping_interval=None)
        self.heard = []
        self._reader = asyncio.create_task(self._read(self.link))
        data = {"device_name": self.id[:8], "status": status, "capabilities": CAPABILITIES}
        await self.say(command="register", data=data)
        await self.settle()
        if older is not None:
            await older.close()

    async def leave(self, lab: Lab, *, politely: bool) -> None:
        if self.link is None:
            return
        link, self.link = self.link, None
        if politely:
            await link.close()
        else:
            link.transport.abort()
        await asyncio.wait({self._reader}, timeout=_PATIENCE)
        room = lab.app.state.room
        async with asyncio.timeout(_PATIENCE):
            while any(str(there.device_id) == self.id for there in room.links):
                await asyncio.sleep(0.002)

    async def say(self, **message: Any) -> None:
        await self.say_text(json.dumps(message))

    async def say_text(self, text: str) -> None:
        with suppress(ConnectionClosed):
            await self.link.send(text)

    async def tell(self, **message: Any) -> None:
        """Say what may be said again later, and wait until it has been dealt with."""
        self.sent.append(json.dumps(message))
        await self.say(**message)
        await self.settle()

    async def settle(self) -> None:
        """Wait until all that was said has been dealt with: answers keep their order."""
        before = self._count(_BARRIER)
        await self.say(command="update_status", status="BUSY", task_id=str(uuid4()))
        await self._until(lambda: self._count(_BARRIER) > before)

    async def upload(
        self, start: dict[str, Any], name: str, data: bytes, *, whole: bool, right: bool
    ) -> dict[str, Any] | None:
        """Send a file; return the verdict if there has to be one."""
        digest = hashlib.sha256(data if right else b"other").hexdigest()
        header = {"filename": name, "size_bytes": len(data), "sha256": digest}
        before = len(self.verdicts(name))
        await self.say(command="file-transfer", **reporter(start), **header)
        with suppress(ConnectionClosed):
            await self.link.send(data if whole else data[: len(data) // 2])
        if not whole:
            await self.settle()
            return None
        await self._until(lambda: len(self.verdicts(name)) > before)
        return self.verdicts(name)[-1]

    def verdicts(self, name: str) -> list[dict[str, Any]]:
        return [message for message in self.heard if message.get("filename") == name]

    def stops(self, task_id: str) -> list[dict[str, Any]]:
        return [
            message
            for message in self.heard
            if message["command"] == "stop" and message["task_id"] == task_id
        ]

    def _count(self, words: str) -> int:
        return sum(words in message.get("message", "") for message in self.heard)

    async def _until(self, check: Any) -> None:
        async with asyncio.timeout(_PATIENCE), self._news:
            await self._news.wait_for(lambda: check() or self._reader.done())

    async def _read(self, link: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            async for text in link:
                await self._take(json.loads(text))
        async with self._news:
            self._news.notify_all()

    async def _take(self, message: dict[str, Any]) -> None:
        if message["command"] == "start":
            self.starts.append(message["data"])
        answer = {"stop": "stopped", "pause": "paused", "resume": "resumed"}
        word = answer.get(message["command"])
        if word is not None and self.obeys:
            await self.say(command=word, task_id=message["task_id"])
        async with self._news:
            self.heard.append(message)
            self._news.notify_all()
