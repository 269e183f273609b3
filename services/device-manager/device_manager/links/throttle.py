"""Too many refused handshakes of one device from one address: no more are looked at for a while."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable

_MOST_KEYS = 10_000


class HandshakeThrottle:
    """Counts refused handshakes. Good ones are never counted, so a fleet may come back at once."""

    def __init__(
        self, failures: int, window_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._failures = failures
        self._window = window_seconds
        self._clock = clock
        self._refused: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def is_closed(self, address: str, device: str) -> bool:
        """Say whether this device from this address has to wait."""
        times = self._refused.get((address, device))
        if times is None:
            return False
        while times and times[0] < self._clock() - self._window:
            times.popleft()
        if not times:
            del self._refused[address, device]
        return len(times) >= self._failures

    def refused(self, address: str, device: str) -> None:
        """Count a refused handshake."""
        key = (address, device)
        self._refused.setdefault(key, deque(maxlen=self._failures)).append(self._clock())
        self._refused.move_to_end(key)
        while len(self._refused) > _MOST_KEYS:
            self._refused.popitem(last=False)
