"""Who follows the events is told that a log has grown: where it ends by now, and none of its text.

It is no event: nothing of it is written down. What is missed does not matter, for the next one says
the same, and the end of a run is an event.
"""

import json
from collections.abc import Callable
from uuid import UUID

from scanhub_libraries.database import Sessions, transaction
from scanhub_libraries.repeating import Repeating
from workflow_manager.journal.tail import JournalTail
from workflow_manager.notes import Notes, Topic, tell

_MOST_OFTEN_S = 0.5
_SELDOM_S = 600.0


class LogNews:
    """Tells of logs that this process writes, here and to the other processes, and hears theirs.

    Args:
        sessions: Whose notes they are.
        tail: Whose readers are told.
        notes: What the other processes say.
    """

    def __init__(self, sessions: Sessions, tail: JournalTail, notes: Notes) -> None:
        self._sessions = sessions
        self._tail = tail
        self._grown: dict[str, int] = {}
        self._heard: dict[str, int | None] = {}
        self._telling = Repeating("telling of logs", self._tell, _SELDOM_S, shortest=_MOST_OFTEN_S)
        notes.on(Topic.LOG, self._hear, regained=self._missed)

    def start(self) -> None:
        """Begin."""
        self._telling.start()

    async def stop(self) -> None:
        """End; what was not told yet is of logs that end with this process."""
        await self._telling.stop()

    def of(self, run_id: UUID, step: int | None = None) -> Callable[[int], None]:
        """Return what the log of a run, or of a step of it, calls when it has grown [bytes]."""
        log = f"{run_id}/{step or ''}"

        def grown(size: int) -> None:
            self._grown[log] = size
            self._telling.wake()

        return grown

    def _hear(self, subject: str) -> None:
        log, _, size = subject.rpartition("/")
        self._heard[log] = int(size)
        self._telling.wake()

    def _missed(self) -> None:
        """Any log may have grown meanwhile."""
        self._heard[""] = None
        self._telling.wake()

    async def _tell(self) -> None:
        """Tell of each log once, however much came."""
        grown, self._grown = self._grown, {}
        heard, self._heard = self._heard, {}
        news = {**heard, **grown}
        if news:
            await self._tail.mention({log: _message(log, size) for log, size in news.items()})
        if grown:
            async with transaction(self._sessions) as session:
                for log, size in grown.items():
                    await tell(session, Topic.LOG, f"{log}/{size}")


def _message(log: str, size: int | None) -> str:
    run_id, _, step = log.partition("/")
    return json.dumps({"run_id": run_id or None, "step": int(step) if step else None, "size": size})
