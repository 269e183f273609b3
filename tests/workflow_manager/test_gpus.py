"""Graphics processors are lent to one at a time, in the order of asking, and given back."""

import asyncio

import pytest
from pydantic import ValidationError
from workflow_service import until

from scanhub_libraries.errors import UnavailableError
from workflow_manager.gpu_locks import GpuLocks
from workflow_manager.gpus import GpuSlots


class Asking:
    """Somebody who asks for some, holds them, and gives them back when told to."""

    def __init__(self, slots, count):
        self.has = self.told = None
        self.cancel, self.done = asyncio.Event(), asyncio.Event()
        self.task = asyncio.create_task(self._ask(slots, count))

    async def _ask(self, slots, count):
        async with slots.held(count, self.cancel, self._wait) as held:
            self.has = held
            await self.done.wait()

    async def _wait(self, what):
        self.told = what

    async def end(self):
        self.done.set()
        await self.task


async def until_has(asking):
    async def has():
        return asking.has is not None

    await until(has)


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


async def test_who_asked_first_gets_them_first_though_another_needs_fewer():
    slots = GpuSlots(["a", "b"])
    one = Asking(slots, 1)
    await settle()
    both = Asking(slots, 2)
    await settle()
    last = Asking(slots, 1)
    await settle()
    assert (one.has, one.told) == (("a",), None)
    assert (both.has, both.told) == (None, "2 graphics processors: what runs here has them")
    assert last.has is None, "it does not overtake"
    await one.end()
    await settle()
    assert (set(both.has), last.has) == ({"a", "b"}, None)
    await both.end()
    await settle()
    assert len(last.has) == 1
    await last.end()


async def test_who_is_stopped_while_waiting_holds_up_nobody():
    slots = GpuSlots(["a"])
    first = Asking(slots, 1)
    await settle()
    stopped, killed, last = (Asking(slots, 1) for _ in range(3))
    await settle()
    stopped.cancel.set()
    killed.task.cancel()
    await settle()
    assert stopped.has == ()
    await stopped.end()
    await first.end()
    await settle()
    assert last.has == ("a",)
    await last.end()


async def test_what_is_never_there_is_refused_and_who_asks_for_none_gets_none():
    slots = GpuSlots(["a"])
    with pytest.raises(UnavailableError, match="asks for 2 graphics processors, and the process"):
        await Asking(slots, 2).end()
    nobody = Asking(slots, 0)
    await nobody.end()
    assert nobody.has == ()
    assert slots.variables(nobody.has) == {"CUDA_VISIBLE_DEVICES": ""}
    assert GpuSlots(()).variables(()) == {}, "where none are lent, all are seen"


def test_they_are_counted_or_named_and_a_name_leads_nothing_astray(make_settings):
    for name in ("--privileged", "0,1", "a b", ""):
        with pytest.raises(ValidationError):
            make_settings(gpu_slots=[name])
    assert make_settings(gpu_slots=2).gpu_slots == ("0", "1")
    assert make_settings(gpu_slots=["GPU-8f1c", "MIG-1"]).gpu_slots == ("GPU-8f1c", "MIG-1")


async def test_of_two_processes_of_a_machine_one_has_it_at_a_time(tmp_path):
    ours, theirs = (GpuSlots(["a", "b"], GpuLocks(tmp_path), look_s=0.01) for _ in range(2))
    one = Asking(ours, 1)
    await until_has(one)
    other = Asking(theirs, 1)
    await until_has(other)
    assert {*one.has, *other.has} == {"a", "b"}, "each has another one"
    both = Asking(theirs, 2)
    await until(lambda: both.told)
    assert both.told == "2 graphics processors: what runs here has them"
    await other.end()
    third = Asking(GpuSlots(["a"], GpuLocks(tmp_path), look_s=0.01), 1)
    await until(lambda: third.told)
    assert third.told == "a graphics processor: what runs on this machine has them"
    assert (both.has, third.has) == (None, None)
    third.cancel.set()
    await until_has(third)
    assert third.has == ()
    await one.end()
    await until_has(both)
    assert set(both.has) == {"a", "b"}
    await both.end()


async def test_one_that_stands_twice_is_lent_twice_over_all_processes(tmp_path):
    slots = [GpuSlots(["0/1", "0/1"], GpuLocks(tmp_path), look_s=0.01) for _ in range(3)]
    first, second, third = (Asking(one, 1) for one in slots)
    await until(lambda: any(one.told for one in (first, second, third)))
    assert sorted(one.has or () for one in (first, second, third)) == [(), ("0/1",), ("0/1",)]
    has = [one for one in (first, second, third) if one.has]
    (waits,) = {first, second, third}.difference(has)
    await has[0].end()
    await until_has(waits)
    for one in (has[1], waits):
        await one.end()
