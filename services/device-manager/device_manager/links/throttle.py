"""Too many refused handshakes: no more are looked at for a while."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable

_MOST_KEYS = 10_000


class _Counts:
    """Times of refusals per key, forgotten after the window; the oldest keys first."""

    def __init__(self, most: int, window: float, clock: Callable[[], float]) -> None:
        self._most = most
        self._window = window
        self._clock = clock
        self._times: OrderedDict[Hashable, deque[float]] = OrderedDict()

    def is_full(self, key: Hashable) -> bool:
        times = self._times.get(key)
        if times is None:
            return False
        while times and times[0] < self._clock() - self._window:
            times.popleft()
        if not times:
            del self._times[key]
        return len(times) >= self._most

    def add(self, key: Hashable) -> None:
        self._times.setdefault(key, deque(maxlen=self._most)).append(self._clock())
        self._times.move_to_end(key)
        while len(self._times) > _MOST_KEYS:
            self._times.popitem(last=False)


class HandshakeThrottle:
    """Counts refused handshakes. Good ones are never counted, so a fleet may come back at once.

    Args:
        failures: Of one device from one address.
        window_seconds: Time over which they are counted [s].
        per_address: Of one address, whatever device it names. Behind a gateway all devices have
            one address: those that have been let in from there are let in still.
        clock: Tells the time [s].
    """

    def __init__(
        self,
        failures: int,
        window_seconds: float,
        *,
        per_address: int = 200,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pairs = _Counts(failures, window_seconds, clock)
        self._addresses = _Counts(per_address, window_seconds, clock)
        self._good: OrderedDict[tuple[str, str], None] = OrderedDict()

    def is_closed(self, address: str, device: str) -> bool:
        """Say whether this device from this address has to wait."""
        if self._pairs.is_full((address, device)):
            return True
        return (address, device) not in self._good and self._addresses.is_full(address)

    def refused(self, address: str, device: str) -> None:
        """Count a refused handshake."""
        self._pairs.add((address, device))
        self._addresses.add(address)

    def succeeded(self, address: str, device: str) -> None:
        """Remember who has been let in from where."""
        self._good[address, device] = None
        self._good.move_to_end((address, device))
        while len(self._good) > _MOST_KEYS:
            self._good.popitem(last=False)
