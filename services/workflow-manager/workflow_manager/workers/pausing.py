"""Queues that are paused, processes that are drained: what the database says, each heeds."""

from collections.abc import Callable

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import Sessions, reading
from scanhub_libraries.repeating import Repeating
from workflow_manager.engine import Engine
from workflow_manager.engine.names import QUEUE_NAMES
from workflow_manager.journal.tail import JournalTail
from workflow_manager.workers import repository

_SELDOM_S = 10.0
"""So often is looked for a pause that nobody told of [s]."""


class Pauses:
    """Lets this process begin nothing of queues that are paused; of none while it is drained.

    Args:
        sessions: Where the pauses are.
        engine: Which begins.
        tail: What tells of a change, whichever process made it.
    """

    def __init__(self, sessions: Sessions, engine: Engine, tail: JournalTail) -> None:
        self._sessions, self._engine = sessions, engine
        self._reading = Repeating("reading which queues are paused", self.read, _SELDOM_S)
        self._held: frozenset[str] = frozenset()
        self._drained = False
        self._wakes: list[Callable[[], None]] = []
        self.started_at = utc_now()
        """When this process was started: a drain is of this one, not of a later one of its name."""
        tail.wake_on(("queue.", "worker."), self._reading.wake)

    async def read(self) -> None:
        """Heed what the database says now."""
        async with reading(self._sessions) as session:
            paused = frozenset(await repository.list_pauses(session))
            drains = await repository.list_drains(session)
        drained = (self._engine.name, self.started_at) in drains
        if (paused, drained) != (self._held, self._drained):
            self._held, self._drained = paused, drained
            self._engine.hold(QUEUE_NAMES if drained else paused)
            for wake in self._wakes:
                wake()

    def wake_on(self, wake: Callable[[], None]) -> None:
        """Call something when a queue is paused or goes on; it must not wait."""
        self._wakes.append(wake)

    @property
    def drained(self) -> bool:
        """Somebody lets this process begin nothing more."""
        return self._drained

    @property
    def held(self) -> frozenset[str]:
        """Queues of which this process begins nothing, for they are paused."""
        return self._held

    async def start(self) -> None:
        """Heed it from now on."""
        await self.read()
        self._reading.start()

    async def stop(self) -> None:
        """End."""
        await self._reading.stop()
