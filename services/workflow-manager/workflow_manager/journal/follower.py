"""Follows the journal for one consumer, from where it stopped, at least once."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable
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
_REMEMBER_S = 5.0


class JournalFollower:
    """Hands events of some types to a consumer, in order; one that fails is tried again.

    Args:
        consumer: Name under which its place is remembered.
        sessions: Where the journal is.
        tail: What to follow.
        types: Events that it hears of.
        react: What it does with one; doing it again must be harmless.
        about: What it makes of an event is made of this alone, and of how things are by then: of
            events that are read together it hears the last one only.
        from_the_oldest: Where a consumer begins that is new: else with what is written from now on.
    """

    def __init__(
        self,
        consumer: str,
        sessions: Sessions,
        tail: JournalTail,
        types: Collection[str],
        react: Callable[[JournalEntry], Awaitable[None]],
        *,
        about: Callable[[JournalEntry], Hashable] | None = None,
        from_the_oldest: bool = False,
    ) -> None:
        self._consumer = consumer
        self._sessions = sessions
        self._tail = tail
        self._types = frozenset(str(name) for name in types)
        self._react = react
        self._about = about or _place_of
        self._from_the_oldest = from_the_oldest
        self._task: asyncio.Task[None] | None = None
        self._place = self._remembered = 0

    async def start(self) -> None:
        """Begin to follow."""
        async with transaction(self._sessions) as session:
            oldest = self._from_the_oldest
            first = 0 if oldest else await repository.last_sequence(session)
            row = JournalOffset(consumer=self._consumer, sequence=first)
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
        entries = await self._tail.read(self._place)
        heard = [entry for entry in entries if entry.type in self._types]
        last = {self._about(entry): entry.sequence for entry in heard}
        for entry in heard:
            if last[self._about(entry)] == entry.sequence:
                await self._react(entry)
                self._place = entry.sequence
        if entries:
            self._place = entries[-1].sequence

    async def _remember(self) -> None:
        """Note the place: now and then, for after a crash events may come again."""
        if self._place == self._remembered:
            return
        async with transaction(self._sessions) as session:
            row = await session.get_one(JournalOffset, self._consumer, with_for_update=True)
            row.sequence = max(row.sequence, self._place)
        self._remembered = self._place


def _place_of(entry: JournalEntry) -> Hashable:
    return entry.sequence
