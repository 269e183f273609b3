"""Work that a service does again and again while it lives."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from scanhub_libraries.errors import ScanHubError
from scanhub_libraries.logging import get_logger

logger = get_logger(__name__)
_SHORTEST_S = 0.02
_OVERDUE_S = 0.5
"""What a round did not do although it is due is tried again after this long [s]."""
_FAILED_S = 1.0

Due = Callable[[], Awaitable[float | None]]
"""Says in how many seconds there is something to do; None: nothing that is known by now."""


def earlier(*seconds: float | None) -> float | None:
    """Return the shortest of some times that are known, for what is due for several reasons [s]."""
    return min((each for each in seconds if each is not None), default=None)


SOON_S = 0.3
"""For work that may begin when the service has started, and need not take part in that [s]."""


class Repeating:
    """Does something at once, whenever it is due or woken, and now and then in any case.

    Whoever knows when there is something to do says so: looking costs the database something, and
    a service that has nothing to do looks for years. A wake that got lost costs one long pause.

    A failure does not end it: it is told when it begins, and again when it is over.

    Args:
        name: What is done, for the log.
        work: One round of it.
        seconds: The longest pause between two rounds [s].
        due: Asked after each round when the next one is due.
        shortest: The shortest pause [s]: what wakes work comes in crowds as a rule, and one round
            is for all of them.
        begin_after: How long the first round waits, unless it is woken [s].
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], Awaitable[object]],
        seconds: float,
        *,
        due: Due | None = None,
        shortest: float = _SHORTEST_S,
        begin_after: float = 0.0,
    ) -> None:
        self._name = name
        self._work = work
        self._seconds = seconds
        self._due = due
        self._shortest = min(shortest, seconds)
        self._begin_after = begin_after
        self._failing = False
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """End, in the middle of a round too."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def wake(self) -> None:
        """Do a round now, or one more after the one that is under way."""
        self._woken.set()

    async def _run(self) -> None:
        await self._wait(self._begin_after)
        while True:
            self._woken.clear()
            try:
                await self._work()
                seconds = await self._until_due()
            except Exception as error:
                if not self._failing:
                    ours = not isinstance(error, ScanHubError)  # a bug, and not a service away
                    logger.warning(
                        "background work fails", work=self._name, error=repr(error), exc_info=ours
                    )
                self._failing = True
                seconds = min(self._seconds, _FAILED_S)
            else:
                if self._failing:
                    logger.info("background work goes on", work=self._name)
                self._failing = False
            await self._pause(seconds)

    async def _until_due(self) -> float:
        due = await self._due() if self._due is not None else None
        if due is None:
            return self._seconds
        least = self._shortest if due > 0 else max(self._shortest, _OVERDUE_S)
        return min(max(due, least), self._seconds)

    async def _pause(self, seconds: float) -> None:
        shortest = min(seconds, self._shortest)
        await asyncio.sleep(shortest)
        await self._wait(seconds - shortest)

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
