"""Back-off after wrong passwords, per user and address, in memory."""

import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import ceil

from exam_manager.users.rules import wait_seconds
from scanhub_libraries.errors import TooManyRequestsError

_REMEMBERED = 10_000
_WAITING_PER_ADDRESS = 4
_WAITING = 32


class LoginGate:
    """Lets a login through to the password check, or says how long to wait."""

    def __init__(self) -> None:
        self._failures: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()
        self._waiting: dict[str, int] = {}

    @asynccontextmanager
    async def entered(self, username: str, address: str) -> AsyncIterator[None]:
        """Hold a place in the queue of password checks.

        Raises:
            TooManyRequestsError: After wrong passwords, or when too many checks wait.
        """
        _failures, until = self._failures.get((username, address), (0, 0.0))
        remaining = until - time.monotonic()
        if remaining > 0:
            raise TooManyRequestsError(
                f"Too many wrong passwords: wait {ceil(remaining)} s.", retry_after=ceil(remaining)
            )
        here = self._waiting.get(address, 0)
        if here >= _WAITING_PER_ADDRESS or sum(self._waiting.values()) >= _WAITING:
            raise TooManyRequestsError("Too many logins at once: try again.", retry_after=1)
        self._waiting[address] = here + 1
        try:
            yield
        finally:
            self._waiting[address] -= 1
            if not self._waiting[address]:
                del self._waiting[address]

    def failed(self, username: str, address: str) -> None:
        """Remember a wrong password."""
        failures = self._failures.pop((username, address), (0, 0.0))[0] + 1
        until = time.monotonic() + wait_seconds(failures)
        self._failures[username, address] = (failures, until)
        while len(self._failures) > _REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, username: str, address: str) -> None:
        """Forget the wrong passwords."""
        self._failures.pop((username, address), None)
