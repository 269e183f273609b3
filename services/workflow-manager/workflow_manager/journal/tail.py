"""The newest events in memory, for all who follow: woken at commit, bounded, no queue per reader.

A reader keeps its own place. A slow one falls back to the database; it never makes the others
wait and never makes memory grow.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import takewhile

from sqlalchemy import event as sa_event
from sqlalchemy.orm import Session

from scanhub_libraries.database import Sessions, reading
from scanhub_libraries.logging import get_logger
from scanhub_libraries.models import JournalEntry
from workflow_manager.journal import repository
from workflow_manager.journal.mentions import Mentions
from workflow_manager.journal.models import JournalEvent
from workflow_manager.journal.service import WRITTEN

logger = get_logger(__name__)
_PAGE = 500
_CLOSED_S = 0.1


class JournalTail:
    """Follows the journal for every reader of this process."""

    def __init__(
        self, sessions: Sessions, *, keep: int = 2000, poll_seconds: float | None = None
    ) -> None:
        """Make a tail.

        Args:
            sessions: Where the journal is.
            keep: Events held in memory.
            poll_seconds: Look at the journal this often as well, when other processes write it:
                they tell of it, and what they tell can get lost.
        """
        self._sessions = sessions
        self._recent: deque[JournalEntry] = deque(maxlen=keep)
        self._poll_seconds = poll_seconds
        self._committed = asyncio.Event()
        self._news = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._wakes: list[tuple[tuple[str, ...], Callable[[], None]]] = []
        self.last = 0
        self.mentions = Mentions()
        self.closed = asyncio.Event()
        """Set at shutdown: streams end."""

    async def start(self) -> None:
        """Begin to follow."""
        loop = asyncio.get_running_loop()

        class JournalSession(Session):  # of its own, so that two apps do not wake each other
            pass

        @sa_event.listens_for(JournalSession, "after_commit")
        def _after_commit(session: Session) -> None:
            if session.info.pop(WRITTEN, False):
                loop.call_soon_threadsafe(self._committed.set)

        self._sessions.configure(sync_session_class=JournalSession)
        async with reading(self._sessions) as session:
            self.last = await repository.last_sequence(session)
        self._task = asyncio.create_task(self._run(), name="journal-tail")

    async def stop(self) -> None:
        """End every stream and stop following."""
        await self.close_streams()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def close_streams(self) -> None:
        """End every stream now: a server that shuts down waits for open responses."""
        self.closed.set()
        async with self._news:
            self._news.notify_all()

    def wake(self) -> None:
        """Look at the journal now: another process has written to it."""
        self._committed.set()

    def wake_on(self, beginnings: tuple[str, ...], wake: Callable[[], None]) -> None:
        """Call something for each event from now on whose type begins so; it must not wait."""
        self._wakes.append((beginnings, wake))

    async def mention(self, texts: Mapping[str, str]) -> None:
        """Tell who listens to mentions of some subjects; none of it is kept for who comes later."""
        for subject, text in texts.items():
            self.mentions.add(subject, text)
        async with self._news:
            self._news.notify_all()

    async def wait(self, after: int, seconds: float, heard: int | None = None) -> None:
        """Return when there is something after a number, when closed, or after some seconds.

        A closed tail lets others work first: who waits in a loop would let nobody else.

        Args:
            after: The number of an event.
            seconds: How long at most [s].
            heard: The number of a mention, for who listens to them.
        """

        def is_there() -> bool:
            mentioned = heard is not None and self.mentions.count > heard
            return mentioned or self.last > after or self.closed.is_set()

        if self.closed.is_set():
            await asyncio.sleep(min(seconds, _CLOSED_S))
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._news:
                await self._news.wait_for(is_there)
        if self.closed.is_set():
            await asyncio.sleep(0)  # who follows on lets the others end

    async def newest(self) -> int:
        """Return the number of the newest event that is committed, read or not."""
        async with reading(self._sessions) as session:
            return max(self.last, await repository.last_sequence(session))

    async def read(self, after: int, limit: int = _PAGE) -> Sequence[JournalEntry]:
        """Return events after a number, from memory where possible."""
        recent = self._recent
        if recent and recent[0].sequence <= after + 1:
            newest_first = takewhile(lambda entry: entry.sequence > after, reversed(recent))
            return list(newest_first)[::-1][:limit]
        if after >= self.last:
            return []
        async with reading(self._sessions) as session:
            rows = await repository.list_events(session, after=after, limit=limit)
        return [JournalEntry.model_validate(row) for row in rows]

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._poll_seconds):
                    await self._committed.wait()
            except TimeoutError:
                pass
            self._committed.clear()
            try:
                await self._fetch()
            except Exception as error:  # noqa: BLE001 - following must go on
                logger.warning("journal cannot be read", error=repr(error))
                await asyncio.sleep(1.0)
                self._committed.set()

    async def _fetch(self) -> None:
        while True:
            async with reading(self._sessions) as session:
                rows = await repository.list_events(session, after=self.last, limit=_PAGE)
            if rows:
                await self._take(rows)
            if len(rows) < _PAGE:  # what is committed from now on wakes again
                return

    async def _take(self, rows: Sequence[JournalEvent]) -> None:
        self._recent.extend(JournalEntry.model_validate(row) for row in rows)
        async with self._news:
            self.last = self._recent[-1].sequence
            self._news.notify_all()
        types = {row.type for row in rows}
        for beginnings, wake in self._wakes:
            if any(name.startswith(beginnings) for name in types):
                wake()
