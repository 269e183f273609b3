"""Heavy work: so many at once, so many that wait, and whoever comes after is sent away."""

import asyncio
from types import TracebackType

from scanhub_libraries.errors import UnavailableError


class Places:
    """A place to work at; `async with` waits for one."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self._turn = asyncio.Semaphore(at_once)
        self._most = at_once + waiting
        self.taken = 0
        """By those who work or wait."""

    async def __aenter__(self) -> None:
        """Wait for a place.

        Raises:
            UnavailableError: Too many wait already.
        """
        if self.taken >= self._most:
            raise UnavailableError("Too many ask for this at once: try again.", retry_after=10)
        self.taken += 1
        try:
            await self._turn.acquire()
        except BaseException:
            self.taken -= 1
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the place back."""
        self.taken -= 1
        self._turn.release()
