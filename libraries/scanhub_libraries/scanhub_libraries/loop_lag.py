"""How late the event loop of a process is: what each request waits before anything is done for it.

It tells a loop that something of ours holds up from a machine that has no time for the process at
all: both make answers slow, and only the first is a fault of the program.
"""

import asyncio
from collections import deque
from typing import Self

from scanhub_libraries.measures import Measure

_EVERY_S = 0.1
_KEPT = 600
_QUANTILES = ("0.5", "0.99", "1")


class LoopLag:
    """Asks to be woken again and again, and remembers for a minute how late that was.

    Args:
        every_s: How often [s].
        kept: How many times are remembered.
    """

    def __init__(self, every_s: float = _EVERY_S, kept: int = _KEPT) -> None:
        self._every_s = every_s
        self._late: deque[float] = deque(maxlen=kept)
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        """Begin, in the loop that is to be looked at."""
        self._ask()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        if self._timer is not None:
            self._timer.cancel()

    def _ask(self) -> None:
        loop = asyncio.get_running_loop()
        self._due = loop.time() + self._every_s
        self._timer = loop.call_at(self._due, self._wake)

    def _wake(self) -> None:
        self._late.append(max(0.0, asyncio.get_running_loop().time() - self._due))
        self._ask()

    def measure(self) -> Measure:
        """Return by how much the loop was late: median, 99th percentile and the most [s]."""
        late = sorted(self._late) or [0.0]
        values = {name: late[round(float(name) * (len(late) - 1))] for name in _QUANTILES}
        text = "How late the event loop was within the last minute"
        return Measure("scanhub_event_loop_lag_seconds", text, values, label="quantile")
