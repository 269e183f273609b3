"""Who looks at the queues: at once where something may begin, ever more seldom where nothing does.

The engine's own threads ask the database for each queue, several times a second, for as long as the
process lives. Here the same work of theirs waits for a bell. A ring that got lost, and what another
process put into a queue, is found by the seldom look.
"""

import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from dbos._queue import queue_worker_thread

from scanhub_libraries.logging import get_logger
from workflow_manager.engine.places import QueueSettings

logger = get_logger(__name__)
_FIRST_PAUSE_S = 0.02
_UNSURE_S = 1.0
"""The longest pause while something may be in the queue [s]."""
_END_S = 10.0


def _always() -> bool:
    return True


class Bell(threading.Event):
    """Set, it ends the work of a queue; rung, it ends a pause between two looks.

    Args:
        seldom_s: The longest pause [s].
        anything_waits: Says whether something is in the queue, due or not.
        rings: What is waited at.
        may_look: Says whether anything could begin here now: what this process takes and cannot
            begin, no other can begin either.
    """

    def __init__(
        self,
        seldom_s: float,
        anything_waits: Callable[[], bool],
        rings: threading.Condition | None = None,
        may_look: Callable[[], bool] = _always,
    ) -> None:
        super().__init__()
        self._may_look = may_look
        self._seldom_s = seldom_s
        self._anything_waits = anything_waits
        self._rings = rings or threading.Condition()
        self._rung = False
        self._ringings = 0
        self._pause_s = _FIRST_PAUSE_S
        self.may_wait = True
        """Something may be in the queue; False: nobody rang since it was found empty."""

    def ring(self) -> None:
        """Let the queue be looked at, now and then a few times more."""
        with self._rings:
            self.may_wait = self._rung = True
            self._ringings += 1
            self._rings.notify_all()

    def set(self) -> None:
        """End the work of the queue."""
        super().set()
        with self._rings:
            self._rings.notify_all()

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002 - the engine's wish
        """Pause until the next look is due; say whether the work is to end instead.

        A look takes several statements, and milliseconds to make them; to ask takes one. So nobody
        looks who was not rung for and has not asked.

        Args:
            timeout: How long the engine would pause [s], of no account here.
        """
        while not self.is_set():
            rung = self._pause()
            if not self._may_look():
                self.may_wait = True  # whoever makes room rings
                continue
            if not rung:
                self._ask()
            if rung or self.may_wait:
                break
        return self.is_set()

    def _pause(self) -> bool:
        """Pause; say whether somebody rang: then it is to be looked without asking."""
        longest = _UNSURE_S if self.may_wait else self._seldom_s
        pause = min(self._pause_s, longest)
        with self._rings:
            rung = self._rings.wait_for(lambda: self._rung or self.is_set(), pause)
            self._pause_s = _FIRST_PAUSE_S if rung else min(2 * self._pause_s, self._seldom_s)
            self._rung = False
        return rung

    def _ask(self) -> None:
        ringings = self._ringings
        try:
            waits = self._anything_waits()
        except Exception as error:  # noqa: BLE001 - then it is looked for all the same
            logger.warning("a queue cannot be asked", error=repr(error))
            waits = True
        with self._rings:
            self.may_wait = waits or ringings != self._ringings


class QueueWorkers:
    """A thread for each queue of the engine.

    Args:
        dbos: The engine, launched.
        queues: Those that this process serves, with its limits; each is registered.
        seldom_s: How often a queue is looked at that nobody speaks of [s].
        anything_waits: Says whether something is in a queue, by its name.
        may_look: Says whether something may begin in a queue, by its name.
    """

    def __init__(
        self,
        dbos: Any,
        queues: Mapping[str, QueueSettings],
        *,
        seldom_s: float,
        anything_waits: Callable[[str], bool],
        may_look: Callable[[str], bool],
    ) -> None:
        self._dbos = dbos
        self._queues = queues
        self._bells = {
            name: Bell(seldom_s, partial(anything_waits, name), may_look=partial(may_look, name))
            for name in queues
        }
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to look; blocking."""
        for name, bell in self._bells.items():
            work = bell, self._dbos, self._queue(name)
            thread = threading.Thread(
                target=queue_worker_thread, args=work, name=f"queue-{name}", daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def _queue(self, name: str) -> Any:
        """Return a queue with the limits of this process: those in the database are of another."""
        queue = self._dbos.retrieve_queue(name)
        queue.database_backed_queue = False
        queue._worker_concurrency = self._queues[name].at_once  # noqa: SLF001 - a test guards it
        return queue

    def ring(self, queue: str | None = None) -> None:
        """Look at a queue now: something was put into it; at one not served here others look.

        Args:
            queue: Which one; None: all of them.
        """
        for name, bell in self._bells.items():
            if queue in {None, name}:
                bell.ring()

    def ring_if_waiting(self, queue: str) -> None:
        """Look at a queue now if something may wait in it: a place became free."""
        bell = self._bells.get(queue)
        if bell is not None and bell.may_wait:
            bell.ring()

    def stop(self) -> None:
        """End; blocking."""
        for bell in self._bells.values():
            bell.set()
        for thread in self._threads:
            thread.join(_END_S)
