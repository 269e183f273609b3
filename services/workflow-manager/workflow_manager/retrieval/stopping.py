"""How a person, or the end of the service, ends what a thread is fetching."""

import threading
from collections.abc import Callable


class Stop:
    """Set once; what is under way ends at once, even while the source is silent."""

    def __init__(self) -> None:
        self._set = False
        self._end: Callable[[], object] | None = None
        self._lock = threading.Lock()

    def is_set(self) -> bool:
        """Say whether it is to end."""
        return self._set

    def set(self) -> None:
        """End what is under way."""
        with self._lock:
            self._set = True
            if self._end is not None:
                self._end()
                self._end = None

    def ends(self, end: Callable[[], object] | None) -> None:
        """Say what ends that which begins now; None: it has ended."""
        with self._lock:
            self._end = end
            if self._set and end is not None:
                end()
