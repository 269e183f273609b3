"""Work that is tried until it is done: a short durable workflow for each attempt.

What is wanted stands in a row of ours, with the number of the attempt that comes next. An attempt
that was in vain starts its successor, later: waiting costs one row, no thread and no place.
"""

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from scanhub_libraries.clock import utc_now
from scanhub_libraries.logging import get_logger
from workflow_manager.engine.port import Engine, Steps, WorkflowBody, WorkflowState

logger = get_logger(__name__)
Answer = dict[str, Any]
"""What an attempt tells the engine: nothing, or its successor (`Attempt.as_next`)."""


def key_of(row_id: UUID, attempt: int) -> str:
    """Return the key of the workflow of an attempt."""
    return f"{row_id}:{attempt}"


def parse_key(key: str) -> tuple[UUID, int]:
    """Return the id of the row and the number of the attempt."""
    row_id, _, attempt = key.rpartition(":")
    return UUID(row_id), int(attempt)


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that comes next, or is under way."""

    key: str
    partition: str | None
    """Attempts of one partition run one at a time."""
    due: datetime | None = None
    """Not before; None: at once."""
    rank: int | None = None
    """What waits begins in this order (`Engine.start`)."""

    @property
    def delay_s(self) -> float:
        """How long it has to wait from now on [s]."""
        return 0.0 if self.due is None else max(0.0, (self.due - utc_now()).total_seconds())

    def as_next(self, wait_s: float) -> Answer:
        """Return the answer of an attempt that is followed by this one, after so long [s]."""
        return {"next": self.key, "wait_s": wait_s, "partition": self.partition}


@dataclass(frozen=True, slots=True)
class Attempts:
    """One kind of such work, as the engine knows it."""

    kind: str
    queue: str

    def workflow(self, name: str, step: Callable[[str], Awaitable[Answer]]) -> WorkflowBody:
        """Return the workflow function of an attempt.

        Args:
            name: Of the step, for the engine.
            step: Makes the attempt whose key it gets; says what comes next.
        """

        def body(steps: Steps, key: str) -> None:
            answer = steps.run(name, step, key)
            if "next" in answer:
                steps.start(
                    self.kind,
                    answer["next"],
                    queue=self.queue,
                    partition=answer["partition"],
                    delay_s=answer["wait_s"],
                )

        return body

    async def start(
        self, engine: Engine, attempt: Attempt, *, delay_s: float | None = None
    ) -> None:
        """Start an attempt when it is due; starting it twice is harmless.

        Args:
            engine: Where.
            attempt: Which one.
            delay_s: Not before this long from now, whatever is due [s].
        """
        wait_s = attempt.delay_s if delay_s is None else delay_s
        await engine.start(
            self.kind,
            attempt.key,
            queue=self.queue,
            partition=attempt.partition,
            delay_s=wait_s,
            rank=attempt.rank,
        )

    async def start_missing(
        self,
        engine: Engine,
        attempts: Sequence[Attempt],
        given_up: Callable[[Attempt], Awaitable[Attempt | None]],
        *,
        longest_s: float = math.inf,
    ) -> int:
        """Start those that have no workflow: the process died between the row and the engine.

        One that cannot be started holds up no other.

        Args:
            engine: Where.
            attempts: What our rows say is under way or comes next.
            given_up: Decides about one that the engine gave up; returns its successor, or None if
                there is nothing to start.
            longest_s: One that waits for longer than any does counts as given up: the clock was
                put back [s].

        Returns:
            How many were started.
        """
        states = await engine.states(self.kind, [attempt.key for attempt in attempts])
        started = 0
        for attempt in attempts:
            state = states.get(attempt.key)
            astray = attempt.delay_s > longest_s
            if state is WorkflowState.ACTIVE and not astray:
                continue
            try:
                known = state is not None or astray
                wanted = await given_up(attempt) if known else attempt
                if wanted is not None:
                    await self.start(engine, wanted)
                    started += 1
            except Exception as error:
                logger.exception(
                    "an attempt cannot be started",
                    kind=self.kind,
                    key=attempt.key,
                    error=repr(error),
                )
        return started
