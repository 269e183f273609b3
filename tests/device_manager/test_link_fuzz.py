"""Whatever frames a device sends, it is answered or put out, and nobody else notices.

`HYPOTHESIS_PROFILE=deep` goes on for long.
"""

import asyncio
import copy
import gc
import json
import logging
import os
import resource
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from effort import tries
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from scanner_lab import Lab, Scanner, reporter
from structlog.testing import capture_logs
from websockets.exceptions import ConnectionClosed

from device_manager.links.protocol import FROM_DEVICE

_DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
_CODES = {1000, 1002, 1007, 1008, 1009, 4001, 4002, 4003}
_PATIENT = {
    "lost_after_seconds": 60,
    "return_deadline_seconds": 60,
    "data_deadline_seconds": 60,
    "upload_idle_seconds": 60,
}
_MEGABYTE = 1 << 20


class Big(str):
    """A long text that is told in short."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{self[:1]!r} * {len(self)}"


_ODD: list[Any] = [
    None, True, -1, 0, 2**63, 10**400, 1e308, float("nan"), float("-inf"), "", "\x00", "a\x00b",
    "\ud800", "None", Big("x" * 70_000), Big("9" * 5000), [], {}, [[]] * 50, {"": {"": None}},
    {"a": float("nan")}, ["ack"] * 100, "00000000-0000-7000-8000-000000000000", "\u202e", 3.7,
]  # fmt: skip


def _deep(levels: int) -> Any:
    document: Any = 1
    for _ in range(levels):
        document = {"a": [document]}
    return document


odd = st.one_of(
    st.sampled_from(_ODD),
    st.integers(1, 120).map(_deep),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
        max_leaves=8,
    ),
)


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """A message as it may be, with up to three of its values replaced, removed or added."""
    info = draw(st.sampled_from(FROM_DEVICE))
    message = {"command": info.command, **copy.deepcopy(info.example)}
    for _ in range(draw(st.integers(0, 3))):
        places = [message, *(value for value in message.values() if isinstance(value, dict))]
        place = draw(st.sampled_from(places))
        names = sorted(set(info.model.model_fields) | set(place) | {"data", "reason"})
        name = draw(st.sampled_from(names))
        if draw(st.booleans()):
            place[name] = draw(odd)
        else:
            place.pop(name, None)
    if draw(st.integers(0, 9)):
        message["command"] = info.command
    return message


frames = st.one_of(
    st.tuples(st.just("message"), mutated()),
    st.tuples(st.just("message"), mutated()),
    st.tuples(st.just("own"), mutated()),
    st.tuples(st.just("own"), mutated()),
    st.tuples(st.just("half"), mutated()),
    st.tuples(
        st.just("text"),
        st.text(max_size=200) | st.sampled_from([Big("[" * 50_000), Big("{" * 999)]),
    ),
    st.tuples(st.just("json"), odd),
    st.tuples(st.just("bytes"), st.binary(max_size=2000)),
    st.tuples(st.just("not utf-8"), st.binary(max_size=50)),
    st.tuples(st.just("too large"), st.sampled_from([257 * 1024, 300 * 1024])),
    st.tuples(st.just("abort"), st.binary(max_size=200)),
)


class Fuzzed:
    """A device that sends anything, beside one that scans on."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.scanner: Scanner | None = None
        self.start: dict[str, Any] | None = None

    async def open(self) -> None:
        self.credentials = await self.lab.create_device("Fuzzed")
        other = await self.lab.create_device("Other")
        self.other = Scanner(other["device_id"], await self.lab.connect(other))
        await self.other.register()
        self.others_start = await self.lab.started(self.other)

    async def connect(self) -> Scanner:
        if self.scanner is None:
            websocket = await self.lab.connect(self.credentials, max_size=None)
            self.scanner = Scanner(self.credentials["device_id"], websocket)
            await self.scanner.register()
            await self.scanner.status("ONLINE")
        return self.scanner

    async def scan(self) -> None:
        """Have a scan that runs, if it can be."""
        lease = self.lab.app.state.room.leases.find_open(self._id())
        if lease is None:
            scanner = await self.connect()
            task = await self.lab.create_task(scanner.device_id)
            if (await self.lab.start(task)).status_code == 200:
                self.start = await scanner.accept()

    def _id(self) -> UUID:
        return UUID(self.credentials["device_id"])

    async def play(self, sequence: list[tuple[str, Any]]) -> None:
        await self.scan()
        scanner = await self.connect()
        try:
            for kind, content in sequence:
                await self.send(scanner, kind, content)
            await scanner.say(command="ping")
            await scanner.hear("pong", 30)
            scanner.heard.clear()
        except (ConnectionClosed, BrokenPipeError):
            closed = scanner.websocket.close_code
            assert closed in _CODES | {1006, None}, closed
            self.scanner = None
        if self.scanner is not None and self.scanner.websocket.close_code is not None:
            self.scanner = None

    async def send(self, scanner: Scanner, kind: str, content: Any) -> None:
        websocket = scanner.websocket
        if kind == "own" and self.start is not None:
            content = {**content, **reporter(self.start)}
        if kind == "abort":
            websocket.transport.write(b"\x01\x7e\x20\x00" + content)  # half a frame
            websocket.transport.abort()
            raise BrokenPipeError
        if kind in ("message", "own", "json"):
            content = json.dumps(content)
        elif kind == "half":
            content = json.dumps(content)[:40]
        elif kind == "too large":
            content = "x" * content
        await websocket.send(content, text=True if kind == "not utf-8" else None)

    async def others_scan_goes_on(self) -> None:
        await self.other.status("BUSY", self.others_start, progress=33)
        answer = await self.other.hear("feedback", 30)
        assert answer["message"] == "Task progress 33 % noted"


@pytest.fixture(params=["sqlite", "postgresql"])
def fuzzed(request, make_lab, caplog) -> Iterator[tuple[asyncio.Runner, Fuzzed]]:
    url = None
    if request.param == "postgresql":
        url = request.getfixturevalue("copied_postgresql")("device_manager")
    gc.collect()  # what an earlier test left is not told as if it were of this one
    caplog.set_level(logging.WARNING)
    with capture_logs() as entries, asyncio.Runner() as runner:
        opened = make_lab(database_url=url, **_PATIENT)
        machine = Fuzzed(runner.run(opened.__aenter__()))
        runner.run(machine.open())
        yield runner, machine
        runner.run(machine.others_scan_goes_on())
        runner.run(opened.__aexit__(None, None, None))
        gc.collect()  # errors of tasks that nobody asks are told when they go
    loud = [entry for entry in entries if entry["log_level"] in ("error", "critical")]
    assert loud == []
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.timeout(7200 if _DEEP else 240)
def test_no_frame_of_a_device_breaks_anything(fuzzed):
    runner, machine = fuzzed

    @settings(
        max_examples=4000 if _DEEP else tries(in_ci=60, here=25),
        deadline=None,
        derandomize=not _DEEP,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(frames, min_size=1, max_size=12))
    def play(sequence: list[tuple[str, Any]]) -> None:
        runner.run(machine.play(sequence))
        runner.run(machine.others_scan_goes_on())

    play()
    devices = runner.run(machine.lab.http.get("/api/v1/device/"))
    assert devices.status_code == 200, devices.text


_STORM = tries(in_ci=10_000, here=2_000)
"""Frames."""


async def rage(wild: Scanner, start: dict[str, Any]) -> None:
    for number in range(0, _STORM, 4):
        await wild.status("BUSY", start, progress=number % 100)
        await wild.websocket.send("{")
        await wild.websocket.send(b"\x00")
        await wild.status("BUSY")


async def answers_of(wild: Scanner) -> int:
    for _ in range(_STORM):
        await wild.hear("feedback", 60)
    return _STORM


@pytest.mark.long
@pytest.mark.timeout(240)
async def test_a_storm_of_small_frames_is_answered_and_memory_stays_bounded(make_lab):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    with capture_logs() as entries:
        async with make_lab(**_PATIENT) as lab, lab.scanner() as wild, lab.scanner() as other:
            start = await lab.started(wild)
            others = await lab.started(other)

            storm, reading = (
                asyncio.create_task(rage(wild, start)),
                asyncio.create_task(answers_of(wild)),
            )
            for progress in range(20, 30):
                await other.status("BUSY", others, progress=progress)
                assert (await other.hear("feedback", 30))["ok"]
            await storm
            assert await reading == _STORM
            stop = await lab.stop(other.device_id)
            assert stop.json()["sent"]
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert after - before < 200 * _MEGABYTE
    assert [entry for entry in entries if entry["log_level"] in ("error", "critical")] == []
