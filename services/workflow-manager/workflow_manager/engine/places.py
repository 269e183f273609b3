"""Who runs, in each queue and partition: the engine does not count those that skip its queues."""

import threading
from collections import Counter
from collections.abc import Collection, Mapping


class QueueSettings:
    """How a queue lets workflows through."""

    def __init__(
        self, *, at_once: int | None = None, at_once_per_partition: int | None = None
    ) -> None:
        self.at_once = at_once
        self.at_once_per_partition = at_once_per_partition


class Places:
    """The places of all queues in this process; called in threads.

    Args:
        queues: The limits of each queue.
        served: Of which of them this process does the work; none given: of all.
    """

    def __init__(
        self, queues: Mapping[str, QueueSettings], served: Collection[str] | None = None
    ) -> None:
        self._queues = queues
        self.served = frozenset(queues if served is None else served)
        self._held: frozenset[str] = frozenset()
        self._changed = threading.Condition()
        self._taken: Counter[tuple[str, str | None]] = Counter()
        self._kept: set[str] = set()
        """Workflows that have a place and have not entered yet."""
        self._running = 0
        self._stopping = False

    def hold(self, queues: Collection[str]) -> None:
        """Let nobody begin in these queues, and in the others again."""
        with self._changed:
            self._held = frozenset(queues)

    def is_open(self, queue: str) -> bool:
        """Say whether something may begin in a queue here, once there is room."""
        return queue in self.served and queue not in self._held

    def may_begin(self, queue: str) -> bool:
        """Say whether something may begin in a queue now, in whichever partition."""
        with self._changed:
            most = self._queues[queue].at_once
            room = most is None or self._taken[queue, None] < most
            return room and self.is_open(queue) and not self._stopping

    def is_kept(self, workflow: str) -> bool:
        """Say whether a place is kept for a workflow."""
        return workflow in self._kept

    def keep(self, queue: str, partition: str | None, workflow: str) -> bool:
        """Keep a place for a workflow that is about to begin; False: it has to wait its turn.

        To ask first and to take it later would let in whoever asks at the same time: they would
        wait in threads of the engine, which others need.
        """
        with self._changed:
            taken = self._stopping or workflow in self._kept
            if taken or not self.is_open(queue) or not self._has_room(queue, partition):
                return False
            self._kept.add(workflow)
            self._take(queue, partition)
            return True

    def let_go(self, queue: str, partition: str | None, workflow: str) -> None:
        """Give back the place of a workflow that does not begin after all."""
        with self._changed:
            if workflow in self._kept:
                self._kept.remove(workflow)
                self._give_back(queue, partition)

    def enter(self, queue: str, partition: str | None, workflow: str) -> bool:
        """Take the place that was kept, or wait for one.

        Returns:
            False: the process stops, and nothing begins any more.
        """
        with self._changed:
            if workflow in self._kept:
                self._kept.remove(workflow)
                if self._stopping:
                    self._give_back(queue, partition)
                    return False
            else:
                self._changed.wait_for(lambda: self._stopping or self._has_room(queue, partition))
                if self._stopping:
                    return False
                self._take(queue, partition)
            self._running += 1
            return True

    def leave(self, queue: str, partition: str | None) -> None:
        """Give a place back."""
        with self._changed:
            self._running -= 1
            self._give_back(queue, partition)

    def _take(self, queue: str, partition: str | None) -> None:
        self._taken.update([(queue, None), (queue, partition or "")])

    def _give_back(self, queue: str, partition: str | None) -> None:
        self._taken.subtract([(queue, None), (queue, partition or "")])
        self._taken += Counter()  # partitions come and go
        self._changed.notify_all()

    def stop(self) -> None:
        """Let nobody in any more, whoever waits or comes."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def wait_until_empty(self, timeout_s: float) -> bool:
        """Wait until nobody runs, for so long at most [s]; say whether nobody does."""
        with self._changed:
            return self._changed.wait_for(lambda: self._running == 0, timeout=timeout_s)

    def _has_room(self, queue: str, partition: str | None) -> bool:
        limits = self._queues[queue]
        if limits.at_once is not None and self._taken[queue, None] >= limits.at_once:
            return False
        most = limits.at_once_per_partition
        return most is None or self._taken[queue, partition or ""] < most
