"""Work that a service does again and again while it lives."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from scanhub_libraries.errors import ScanHubError
from scanhub_libraries.logging import get_logger

logger = get_logger(__name__)


class Repeating:
    """Does something at once and then now and then.

    A failure does not end it: it is told when it begins, and again when it is over.

    Args:
        name: What is done, for the log.
        work: One round of it.
        seconds: The pause between two rounds [s].
    """

    def __init__(self, name: str, work: Callable[[], Awaitable[object]], seconds: float) -> None:
        self._name = name
        self._work = work
        self._seconds = seconds
        self._failing = False
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

    async def _run(self) -> None:
        while True:
            try:
                await self._work()
            except Exception as error:
                if not self._failing:
                    ours = not isinstance(error, ScanHubError)  # a bug, and not a service away
                    logger.warning(
                        "background work fails", work=self._name, error=repr(error), exc_info=ours
                    )
                self._failing = True
            else:
                if self._failing:
                    logger.info("background work goes on", work=self._name)
                self._failing = False
            await asyncio.sleep(self._seconds)
