"""Turns, in the order in which they were asked for: coroutines and threads take them alike.

SQLite has one writer. The others would poll its lock, ever more seldom and in no order: with
hundreds of them the disk idles, and who is unlucky waits until the time is over.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable


class Turns:
    """One at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_taken = False
        self._waiting: deque[Callable[[], None]] = deque()

    async def take(self, seconds: float) -> None:
        """Wait for the turn.

        Raises:
            TimeoutError: It did not come in time.
        """
        loop = asyncio.get_running_loop()
        come: asyncio.Future[None] = loop.create_future()

        def give() -> None:
            if come.done():  # who waited has gone
                self.give_back()
            else:
                come.set_result(None)

        def wake() -> None:
            try:
                loop.call_soon_threadsafe(give)
            except RuntimeError:  # the loop is closed, and who waited with it
                self.give_back()

        if self._is_ours_at_once(wake):
            return
        try:
            async with asyncio.timeout(seconds):
                await come
        except BaseException:
            self._went_away(wake)
            if come.done() and not come.cancelled():
                self.give_back()
            else:
                come.cancel()
            raise

    def take_in_thread(self, seconds: float) -> None:
        """Wait for the turn in a thread.

        Raises:
            TimeoutError: It did not come in time.
        """
        come = threading.Event()
        if self._is_ours_at_once(come.set) or come.wait(seconds):
            return
        if self._went_away(come.set):
            raise TimeoutError
        come.wait()  # it is on its way

    def give_back(self) -> None:
        """Let the next one have it; called in any thread."""
        with self._lock:
            wake = self._waiting.popleft() if self._waiting else None
            self._is_taken = wake is not None
        if wake is not None:
            wake()

    def _is_ours_at_once(self, wake: Callable[[], None]) -> bool:
        with self._lock:
            if self._is_taken:
                self._waiting.append(wake)
                return False
            self._is_taken = True
            return True

    def _went_away(self, wake: Callable[[], None]) -> bool:
        """Wait no more; False: the turn has been given already."""
        with self._lock:
            if wake not in self._waiting:
                return False
            self._waiting.remove(wake)
            return True
