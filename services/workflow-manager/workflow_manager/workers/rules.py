"""How a process is, and what is wrong with a queue. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

WorkerState = Literal["running", "draining", "silent", "lost"]
SIGN_S = 10.0
"""So often a process says that it lives [s]."""
SILENT_AFTER = timedelta(seconds=4 * SIGN_S)
FORGET_AFTER = timedelta(days=1)


def state_of(*, lives: bool, drains: bool, seen_at: datetime, now: datetime) -> WorkerState:
    """Return how a process is.

    Args:
        lives: It holds its name in the run engine.
        drains: It ends what it does, and begins nothing.
        seen_at: When it gave its last sign.
        now: The time.
    """
    if not lives:
        return "lost"
    if now - seen_at > SILENT_AFTER:
        return "silent"
    return "draining" if drains else "running"


@dataclass(frozen=True, slots=True)
class QueueLoad:
    """A queue at a glance."""

    open: int
    """What has not ended: waits or runs."""
    running: int
    served_by: Collection[str]
    """Processes that live and begin what is in it."""
    paused: bool
    drained: Collection[str] = ()
    """Processes that live and would serve it, if nobody drained them."""

    @property
    def waiting(self) -> int:
        """What waits; what has begun since it was counted does not."""
        return max(0, self.open - self.running)


def problem_of(load: QueueLoad) -> str:
    """Say what people are to do about a queue; empty: nothing."""
    if load.paused or load.served_by:
        return ""
    if load.drained:
        names = ", ".join(sorted(load.drained))
        return f"Nothing of it begins: {names} is drained. Let it go on, or start another worker."
    if load.waiting:
        return f"{load.waiting} wait, and no process serves this queue: start a worker for it."
    return "No process serves this queue: start a worker for it."
