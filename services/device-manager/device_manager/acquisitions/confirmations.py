"""Words of devices that somebody waits for: stopped, paused, resumed."""

import asyncio
from contextlib import suppress
from enum import StrEnum
from uuid import UUID


class Word(StrEnum):
    """What a device may confirm."""

    STOPPED = "stopped"
    PAUSED = "paused"
    RESUMED = "resumed"


class Confirmations:
    """Who waits for which word of which device. Needs no database and no worker."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[None], tuple[UUID, UUID | None, Word]] = {}

    def expect(self, device_id: UUID, task_id: UUID | None, word: Word) -> "asyncio.Future[None]":
        """Return what is done as soon as the device says this of the task (None: of any)."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[waiter] = (device_id, task_id, word)
        waiter.add_done_callback(lambda done: self._waiting.pop(done, None))
        return waiter

    def heard(self, device_id: UUID, task_id: UUID | None, word: Word) -> None:
        """The device has said it of a task (None: of any)."""
        for waiter, (device, task, awaited) in list(self._waiting.items()):
            same_task = None in (task, task_id) or task == task_id
            if (device, awaited) == (device_id, word) and same_task and not waiter.done():
                waiter.set_result(None)


async def in_time(waiter: "asyncio.Future[None]", seconds: float) -> bool:
    """Wait for a word; say whether it came in time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await waiter
        return True
    return False
