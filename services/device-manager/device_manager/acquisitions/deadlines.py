"""Deadlines of acquisitions: something has to happen in time, else something else does."""

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from uuid import UUID

from scanhub_libraries.logging import get_logger

logger = get_logger(__name__)
sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
"""How time passes; a test takes it into its own hands."""


class Deadline(StrEnum):
    """What is waited for."""

    ACK = "ack"
    RECONNECT = "reconnect"
    RETURN = "return"
    DATA = "data"
    CALIBRATION = "calibration"


class Deadlines:
    """Running deadlines. One of a kind per acquisition; setting it again moves it."""

    def __init__(self) -> None:
        self._running: dict[tuple[UUID, Deadline], asyncio.Task[None]] = {}

    def set(
        self,
        acquisition_id: UUID,
        deadline: Deadline,
        seconds: float,
        missed: Callable[[], Awaitable[None]],
    ) -> None:
        """Call `missed` in `seconds`, unless the deadline is met before."""
        self.met(acquisition_id, deadline)
        key = (acquisition_id, deadline)
        self._running[key] = asyncio.create_task(
            self._wait(key, seconds, missed), name=f"{deadline} {acquisition_id}"
        )

    def met(self, acquisition_id: UUID, *deadlines: Deadline) -> None:
        """What was waited for has happened."""
        for deadline in deadlines:
            task = self._running.pop((acquisition_id, deadline), None)
            if task is not None and task is not asyncio.current_task():
                task.cancel()

    def over(self, acquisition_id: UUID) -> None:
        """The acquisition has ended: nothing is waited for any more."""
        self.met(acquisition_id, *Deadline)

    async def close(self) -> None:
        """Cancel everything."""
        tasks = list(self._running.values())
        self._running.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _wait(
        self, key: tuple[UUID, Deadline], seconds: float, missed: Callable[[], Awaitable[None]]
    ) -> None:
        await sleep(seconds)
        if self._running.get(key) is asyncio.current_task():
            del self._running[key]
        try:
            await missed()
        except Exception:
            logger.exception("a missed deadline could not be dealt with", deadline=key[1].value)
