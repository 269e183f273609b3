"""What this service asks of a run engine, in its own words.

A workflow is a plain function of a key. It does its work in steps; the engine remembers the result
of a finished step, and after a crash runs the workflow again from the first step that is not
finished. So every step must be harmless to repeat, and the function between the steps must do
the same again. The engine holds keys and small JSON values only: the state is in our tables.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol


class EngineError(Exception):
    """The engine cannot be used."""


class EngineStopping(BaseException):
    """Thrown through a workflow when the service shuts down, or that is for another process.

    No `Exception` on purpose: the engine records those as the workflow's end. This one leaves the
    workflow as a crash would, to go on after the next launch.
    """


class WorkflowState(StrEnum):
    """What the engine knows of a workflow."""

    ACTIVE = "active"
    """Running, queued or delayed; after a crash it will go on by itself."""
    ENDED = "ended"
    GIVEN_UP = "given-up"
    """It failed in a way that the workflow did not handle, or crashed the process too often."""


@dataclass(frozen=True, slots=True)
class Running:
    """A workflow that runs, or that a process has taken and begins."""

    executor: str
    """Name of the process."""
    kind: str
    key: str
    queue: str
    partition: str | None
    since: datetime


class Steps(Protocol):
    """What a workflow function works with."""

    def run(self, name: str, step: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
        """Run a coroutine function on the event loop of the service and remember its result."""
        ...

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
        """Start another workflow, now or later. Starting it twice is harmless."""
        ...


WorkflowBody = Callable[[Steps, str], None]


class Engine(Protocol):
    """Starts workflows and brings them to their end, whatever happens to the process."""

    usurped: asyncio.Event
    """Set when another process has the name of this one, which is to end."""

    @property
    def name(self) -> str:
        """Name of this process among those that share the engine's database."""
        ...

    @property
    def served(self) -> frozenset[str]:
        """Queues of which this process does the work, when they are not paused."""
        ...

    def is_open(self, queue: str) -> bool:
        """Say whether this process begins what is in a queue: served here, and not paused."""
        ...

    def hold(self, queues: Collection[str]) -> None:
        """Begin nothing of these queues, and of the others again; what runs goes on."""
        ...

    def tell_others(self, tell: Callable[[str], None]) -> None:
        """Tell the other processes which queue something was put into; before it is launched.

        Args:
            tell: Called in threads; `ring` of the other processes answers to it.
        """
        ...

    def ring(self, queue: str | None = None) -> None:
        """Look at a queue now, another process has put something into it; None: at all of them."""
        ...

    async def running(self) -> list[Running]:
        """Return what runs, in all processes."""
        ...

    async def living(self, names: Collection[str]) -> set[str]:
        """Return which processes live, of those with these names."""
        ...

    async def start(
        self,
        kind: str,
        key: str,
        *,
        queue: str,
        partition: str | None = None,
        delay_s: float = 0.0,
        rank: int | None = None,
    ) -> None:
        """Start the workflow `kind:key`; starting it twice is harmless.

        Args:
            kind: Which workflow function.
            key: Its argument, and its identity.
            queue: Where it waits when its turn has not come.
            partition: Workflows of one partition run one at a time, in this process.
            delay_s: Not before this long from now [s].
            rank: What waits in a queue begins in this order, the lowest first, and at one rank in
                the order in which it came; from 1. None: before all that have one.
        """
        ...

    async def withdraw(self, kind: str, key: str) -> bool:
        """Let a workflow that waits never begin; False: it has begun, or is not known."""
        ...

    async def states(self, kind: str, keys: Sequence[str]) -> dict[str, WorkflowState]:
        """Return what the engine knows of these workflows; unknown ones are left out."""
        ...

    async def forget(self, ended_before: datetime) -> int:
        """Drop what the engine knows of workflows that ended long ago; say how many."""
        ...

    async def launch(self) -> None:
        """Begin to work; what an earlier process left goes on."""
        ...

    async def close(self, drain_s: float = 0.0) -> None:
        """Stop; what runs goes on after the next launch, or in another process.

        Args:
            drain_s: Let what runs come to its end for so long [s]; nothing new begins.
        """
        ...
