"""What one process puts into a queue, the others are told of: none has to ask each second.

A note that got lost costs the wait for the seldom look of the run engine.
"""

import asyncio

from scanhub_libraries.database import Sessions, transaction
from scanhub_libraries.repeating import Repeating
from workflow_manager.engine import Engine
from workflow_manager.notes import Notes, Topic, tell

_SELDOM_S = 600.0


class Bells:
    """Tells the other processes of queues, and lets them wake this one.

    Args:
        sessions: Whose notes they are.
        engine: Which puts things into queues, and looks at them; not launched yet.
        notes: What is heard.
    """

    def __init__(self, sessions: Sessions, engine: Engine, notes: Notes) -> None:
        self._sessions = sessions
        self._loop = asyncio.get_running_loop()
        self._queues: set[str] = set()
        self._telling = Repeating("telling of queues", self._tell, _SELDOM_S)
        engine.tell_others(self._say)
        notes.on(Topic.QUEUE, engine.ring, regained=engine.ring)

    def start(self) -> None:
        """Begin."""
        self._telling.start()

    async def stop(self) -> None:
        """Tell what is left, and end."""
        await self._telling.stop()
        await self._tell()

    def _say(self, queue: str) -> None:
        self._loop.call_soon_threadsafe(self._note, queue)

    def _note(self, queue: str) -> None:
        self._queues.add(queue)
        self._telling.wake()

    async def _tell(self) -> None:
        """Tell of each queue once, however much came; what fails is told again."""
        queues, self._queues = self._queues, set()
        if not queues:
            return
        try:
            async with transaction(self._sessions) as session:
                for queue in sorted(queues):
                    await tell(session, Topic.QUEUE, queue)
        except Exception:
            self._queues |= queues
            raise
