"""Whatever devices, people, time and restarts do in whatever order, leases stay whole.

`HYPOTHESIS_PROFILE=deep` goes on for long: for nights.
"""

import asyncio
import os
import shutil
from collections import defaultdict
from typing import Any
from uuid import UUID, uuid4

import pytest
from effort import tries
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from lease_scanners import HandClock, Machine
from scanner_lab import Lab, reporter
from structlog.testing import capture_logs

from device_manager.acquisitions import deadlines, repository
from device_manager.acquisitions.models import Acquisition
from device_manager.acquisitions.rules import OPEN_STATES, AcquisitionState, may_become
from scanhub_libraries.database import reading

_DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
_STATES = AcquisitionState
_ENDS_AS = {_STATES.FINISHED: "FINISHED", _STATES.STOPPED: "CANCELED", _STATES.FAILED: "ERROR"}
_WORK = ("link-ended", "stop asked for", *(f"{state} " for state in _STATES))
"""What goes on in the background after a word of a device or a person."""
which = st.integers(0, 10**6)


class Leases(RuleBasedStateMachine):
    """Two scanners that do what they like, and people who start and stop them."""

    def __init__(self, runner: asyncio.Runner, make_lab: Any, clock: HandClock) -> None:
        super().__init__()
        self.runner, self.make_lab, self.clock = runner, make_lab, clock
        self.events: list[Any] = []
        self.restarts = 0
        self.tasks: dict[str, list[str]] = defaultdict(list)
        self.stored: dict[tuple[str, str], int] = {}
        self.stop_asked: set[str] = set()
        self.logs = capture_logs()
        self.entries = self.logs.__enter__()
        self.open()
        self.machines = [Machine(self.run(self.lab.create_device(f"MR {n}"))) for n in range(2)]

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def open(self) -> None:
        self.opened = self.make_lab()
        self.lab: Lab = self.run(self.opened.__aenter__())

    def close(self) -> None:
        self.run(self.opened.__aexit__(None, None, None))
        self.events += self.lab.events

    @initialize()
    def begin(self) -> None:
        for machine in self.machines:
            self.run(machine.connect(self.lab, "ONLINE"))
        self.start(0, again=False)
        self.run(self.say_busy(self.machines[0], self.machines[0].starts[-1], 5))

    # --- links ------------------------------------------------------------------------------------

    def one(self, number: int) -> Machine:
        return self.machines[number % 2]

    def connected(self, number: int) -> Machine | None:
        """Return one of the machines that are connected."""
        there = [machine for machine in self.machines if machine.link is not None]
        return there[number % len(there)] if there else None

    @rule(number=which, status=st.sampled_from(["ONLINE", "BUSY", "ERROR"]))
    def connect(self, number: int, status: str) -> None:
        machine = self.one(number)
        self.run(machine.connect(self.lab, status))
        lease = self.lab.app.state.room.leases.find_open(UUID(machine.id))
        if lease is not None and str(lease.id) in self.stop_asked and not machine.obeys:
            assert machine.stops(str(lease.task_id)), "a stop was forgotten"

    @rule(number=which, politely=st.booleans())
    def leave(self, number: int, politely: bool) -> None:
        self.run(self.one(number).leave(self.lab, politely=politely))

    @rule(number=which, obeys=st.booleans())
    def change_temper(self, number: int, obeys: bool) -> None:
        self.one(number).obeys = obeys

    @precondition(lambda self: self.restarts < 2)
    @rule()
    def restart(self) -> None:
        self.restarts += 1
        self.close()
        for machine in self.machines:
            machine.link = None
        self.open()

    @rule(number=which)
    def time_passes(self, number: int) -> None:
        if waiting := self.clock.waiting:
            self.run(self.clock.strike(waiting[number % len(waiting)]))

    # --- people -----------------------------------------------------------------------------------

    @rule(number=which, again=st.booleans())
    def start(self, number: int, again: bool) -> None:
        machine = self.one(number)
        self.run(self._start(machine, again=again))

    async def _start(self, machine: Machine, *, again: bool) -> None:
        known = self.tasks[machine.id]
        if again and known:
            task = await self.lab.task(known[-1])
        else:
            task = await self.lab.create_task(machine.id)
            known.append(task["id"])
        headers = {"Idempotency-Key": str(uuid4())}
        answers = [await self.lab.start(task, headers=headers) for _ in range(2)]
        assert all(answer.status_code in (200, 409, 503) for answer in answers), answers[0].text
        if answers[0].status_code == 200:
            assert answers[0].json()["acquisition_id"] == answers[1].json()["acquisition_id"]

    @rule(number=which)
    def stop(self, number: int) -> None:
        self.run(self._stop(self.one(number)))

    async def _stop(self, machine: Machine) -> None:
        lease = self.lab.app.state.room.leases.find_open(UUID(machine.id))
        answer = await self.lab.stop(machine.id)
        assert answer.status_code in (200, 503), answer.text
        assert answer.json()["confirmed"] in (True, False)
        if lease is not None:
            self.stop_asked.add(str(lease.id))
            confirmed = answer.json()["confirmed"]
            assert not (confirmed and lease.is_open), "a confirmed stop leaves nothing running"

    @rule(number=which, word=st.sampled_from(["pause", "resume"]))
    def rest(self, number: int, word: str) -> None:
        answer = self.run(self.lab.http.post(f"/api/v1/device/{self.one(number).id}/{word}"))
        assert answer.status_code in (200, 409, 503), answer.text

    @rule(number=which)
    def abandon(self, number: int) -> None:
        lease = self.lab.app.state.room.leases.latest(UUID(self.one(number).id))
        if lease is not None:
            answer = self.run(self.lab.abandon(str(lease.id)))
            assert answer.status_code in (200, 404, 409), answer.text

    # --- what scanners say, about scans of now and of before --------------------------------------

    def spoken_of(self, number: int) -> tuple[Machine, dict[str, Any]] | None:
        machine = self.connected(number)
        if machine is None or not machine.starts:
            return None
        newest = machine.starts[::-1]
        return machine, newest[(number // 7) % min(len(newest), 3)]

    async def say_busy(self, machine: Machine, start: dict[str, Any], progress: int) -> None:
        data = {"progress": progress}
        await machine.tell(command="update_status", status="BUSY", data=data, **reporter(start))

    @rule(
        number=which,
        word=st.sampled_from(["ack", "busy", "busy", "paused", "resumed", "stopped", "error"]),
        progress=st.integers(0, 100),
    )
    def say(self, number: int, word: str, progress: int) -> None:
        spoken = self.spoken_of(number)
        if spoken is None:
            return
        machine, start = spoken
        task = {"task_id": start["id"]}
        if word == "busy":
            self.run(self.say_busy(machine, start, progress))
        elif word == "error":
            who = {"command": "update_status", "status": "ERROR", **reporter(start)}
            self.run(machine.tell(**who, data={"error_message": "helium", "error_code": "he"}))
        elif word == "ack":
            self.run(machine.tell(command="ack", acquisition_id=start["acquisition_id"], **task))
        else:
            self.run(machine.tell(command=word, **task))

    @rule(number=which, status=st.sampled_from(["ONLINE", "ERROR", "BUSY", "OFFLINE"]))
    def say_of_itself(self, number: int, status: str) -> None:
        if (machine := self.connected(number)) is not None:
            self.run(machine.tell(command="update_status", status=status))

    @rule(number=which, back=st.integers(1, 6))
    def say_again(self, number: int, back: int) -> None:
        machine = self.connected(number)
        if machine is not None and machine.sent:
            text = machine.sent[-min(back, len(machine.sent))]
            self.run(machine.say_text(text))
            self.run(machine.settle())

    @rule(number=which, name=st.sampled_from(["a.mrd", "b.mrd"]), fate=st.integers(0, 5))
    def upload(self, number: int, name: str, fate: int) -> None:
        spoken = self.spoken_of(number)
        if spoken is None:
            return
        machine, start = spoken
        data = f"{start['acquisition_id']}{name}".encode() * 50
        verdict = self.run(machine.upload(start, name, data, whole=fate != 0, right=fate != 1))
        if verdict is not None and verdict.get("ok"):
            assert fate > 1
            self.stored[start["acquisition_id"], name] = len(data)

    # --- what must hold ---------------------------------------------------------------------------

    @invariant()
    def memory_is_the_database_and_a_device_scans_one_thing(self) -> None:
        if not hasattr(self, "machines"):
            return
        rows = self.run(self._rows())
        room = self.lab.app.state.room
        for machine in self.machines:
            device = UUID(machine.id)
            running = [row for row in rows if row.device_id == device and row.state in OPEN_STATES]
            assert len(running) <= 1
            lease = room.leases.find_open(device)
            assert [row.id for row in running] == ([lease.id] if lease else [])
            assert [row.state for row in running] == ([lease.state] if lease else [])
        for row in rows:
            if str(row.id) in self.stop_asked and row.state in OPEN_STATES:
                assert row.stop_reason, "a stop was forgotten"

    async def _rows(self) -> list[Acquisition]:
        room = self.lab.app.state.room
        for machine in self.machines:
            if machine.link is not None:
                await machine.settle()
        under_way = [task for task in asyncio.all_tasks() if task.get_name().startswith(_WORK)]
        if under_way:
            await asyncio.wait(under_way, timeout=30)
        async with reading(room.sessions) as session:
            return list(
                await repository.list_acquisitions(session, device_id=None, task_id=None, limit=500)
            )

    def states_follow_the_rules(self) -> None:
        seen: dict[str, AcquisitionState] = {}
        for event in self.events:
            if event.type.startswith("acquisition."):
                state = _STATES(event.data["state"])
                before = seen.get(str(event.subject))
                further_file = before is state is _STATES.FINISHED
                # A start that got no task is withdrawn, and begun anew under the same key.
                anew = before is _STATES.FAILED and state is _STATES.REQUESTED
                if before is not None and not further_file and not anew:
                    assert may_become(before, state), (event.subject, before, state)
                seen[str(event.subject)] = state

    async def _everything_comes_to_rest(self) -> None:
        for machine in self.machines:
            machine.obeys = True
            await machine.connect(self.lab, "ONLINE")
            await machine.tell(command="update_status", status="ONLINE")
        for _ in range(3):
            for name in self.clock.waiting:
                await self.clock.strike(name)
        rows = await self.lab.eventually(
            self._rows, lambda rows: all(row.settled_at for row in rows), 30
        )
        last = {row.task_id: row for row in sorted(rows, key=lambda row: row.created_at)}
        for task_id, row in last.items():
            task = await self.lab.task(str(task_id))
            assert task["status"] == _ENDS_AS[row.state], (task["status"], row)
            assert len(task["results"]) >= len(row.files)
        for row in rows:
            names = [file["filename"] for file in row.files]
            assert len(names) == len(set(names))
            assert names == [] or row.state is _STATES.FINISHED
        entered = {(str(row.id), file["filename"]) for row in rows for file in row.files}
        assert set(self.stored) <= entered
        files = [name for name in self.lab.files() if name.endswith(".mrd")]
        assert len(files) == len(entered), (files, entered)
        assert not [name for name in self.lab.files() if name.endswith(".part")]

    async def _devices_are_free(self) -> None:
        for machine in self.machines:
            await machine.tell(command="update_status", status="ONLINE")
            known = len(machine.starts)
            await self._start(machine, again=False)
            assert len(machine.starts) == known + 1, "the device is not free"
            verdict = await machine.upload(
                machine.starts[-1], "z.mrd", b"z" * 99, whole=True, right=True
            )
            assert verdict["ok"], verdict

    def teardown(self) -> None:
        try:
            self.run(self._everything_comes_to_rest())
            self.run(self._devices_are_free())
            for machine in self.machines:
                self.run(machine.leave(self.lab, politely=True))
            self.close()
            self.states_follow_the_rules()
        finally:
            self.logs.__exit__(None, None, None)
        loud = [entry for entry in self.entries if entry["log_level"] in ("error", "critical")]
        assert loud == []


@pytest.mark.timeout(36_000 if _DEEP else 240)
def test_leases_stay_whole_whatever_happens(make_lab, tmp_path, monkeypatch):
    clock = HandClock()
    monkeypatch.setattr(deadlines, "sleep", clock.sleep)
    names = ("device.sqlite", "exam.sqlite")

    empty = tmp_path / "empty"
    empty.mkdir()
    for name in names:
        shutil.copyfile(tmp_path / name, empty / name)

    with asyncio.Runner() as runner:

        def machine() -> Leases:
            shutil.rmtree(tmp_path / "lake", ignore_errors=True)
            for name in names:
                for old in tmp_path.glob(f"{name}*"):
                    old.unlink()
                shutil.copyfile(empty / name, tmp_path / name)
            return Leases(runner, lambda: make_lab(stop_deadline_seconds=0.15), clock)

        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=600 if _DEEP else tries(in_ci=12, here=3),
                stateful_step_count=60 if _DEEP else 30,
                deadline=None,
                derandomize=not _DEEP,
                database=None,
                phases=(Phase.generate,),  # shrinking would take minutes: an example opens an app
                suppress_health_check=list(HealthCheck),
            ),
        )
