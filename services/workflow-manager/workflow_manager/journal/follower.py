"""Follows the journal for one consumer, from where it stopped, at least once."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress

from scanhub_libraries.database import Sessions, transaction
from scanhub_libraries.logging import get_logger
from scanhub_libraries.models import JournalEntry
from workflow_manager.inserting import insert_new
from workflow_manager.journal import repository
from workflow_manager.journal.models import JournalOffset
from workflow_manager.journal.tail import JournalTail

logger = get_logger(__name__)
_RETRY_S = (0.2, 1.0, 5.0)
_REMEMBER_S = 2.0


class JournalFollower:
    """Hands events of some types to a consumer, in order; one that fails is tried again.

    A consumer that is new begins with what is written from now on.

    Args:
        consumer: Name under which its place is remembered.
        sessions: Where the journal is.
        tail: What to follow.
        types: Events that it hears of.
        react: What it does with one; doing it again must be harmless.
    """

    def __init__(
        self,
        consumer: str,
        sessions: Sessions,
        tail: JournalTail,
        types: Collection[str],
        react: Callable[[JournalEntry], Awaitable[None]],
    ) -> None:
        self._consumer = consumer
        self._sessions = sessions
        self._tail = tail
        self._types = frozenset(str(name) for name in types)
        self._react = react
        self._task: asyncio.Task[None] | None = None
        self._place = self._remembered = 0

    async def start(self) -> None:
        """Begin to follow."""
        async with transaction(self._sessions) as session:
            newest = await repository.last_sequence(session)
            row = JournalOffset(consumer=self._consumer, sequence=newest)
            await insert_new(session, row, "consumer")
            row = await session.get_one(JournalOffset, self._consumer)
            self._place = self._remembered = row.sequence
        self._task = asyncio.create_task(self._run(), name=f"{self._consumer}-follower")

    async def stop(self) -> None:
        """Stop following."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            await self._remember()

    async def _run(self) -> None:
        clock, failures = asyncio.get_running_loop().time, 0
        due = clock()
        while not self._tail.closed.is_set():  # else nothing would be waited for
            try:
                await self._follow()
                if clock() >= due:
                    await self._remember()
                    due = clock() + _REMEMBER_S
                failures = 0
            except Exception as error:  # noqa: BLE001 - following must go on
                delay = _RETRY_S[min(failures, len(_RETRY_S) - 1)]
                logger.warning(
                    "an event waits",
                    consumer=self._consumer,
                    after=self._place,
                    error=repr(error),
                )
                failures += 1
                await asyncio.sleep(delay)
                continue
            await self._tail.wait(self._place, 5.0)

    async def _follow(self) -> None:
        for entry in await self._tail.read(self._place):
            if entry.type in self._types:
                await self._react(entry)
            self._place = entry.sequence

    async def _remember(self) -> None:
        """Note the place: now and then, for after a crash events may come again."""
        if self._place == self._remembered:
            return
        async with transaction(self._sessions) as session:
            row = await session.get_one(JournalOffset, self._consumer, with_for_update=True)
            row.sequence = max(row.sequence, self._place)
        self._remembered = self._place
