"""What a workflow function works with, in a thread of the engine."""

from collections.abc import Awaitable, Callable
from typing import Any

from dbos import DBOS

Step = Callable[..., Awaitable[Any]]


class DbosSteps:
    """The steps of one workflow.

    Args:
        wait_for: Runs a coroutine function on the service's loop, and waits for it.
        start: Starts a workflow: kind, key, queue, partition, delay [s], and its rank.
    """

    def __init__(
        self,
        wait_for: Callable[[Step, tuple[Any, ...]], Any],
        start: Callable[..., None],
    ) -> None:
        self._wait_for, self._start = wait_for, start

    def run(self, name: str, step: Step, *arguments: Any) -> Any:
        """Run a step; its result is remembered."""
        return DBOS.run_step({"name": name}, lambda: self._wait_for(step, arguments))

    def start(
        self,
        kind: str,
        key: str,
        *,
        queue: str,
        partition: str | None = None,
        delay_s: float = 0.0,
        rank: int | None = None,
    ) -> None:
        """Start another workflow."""
        self._start(kind, key, queue, partition, delay_s, rank=rank)
