"""What listeners received enters the index: all that waits in one transaction, over associations.

A file keeps its name in the folder of its listener until the index is committed for good: whenever
the power fails, it is there, in its place, or both, and is found again (`Leftovers.recover`).
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from scanhub_libraries.database import Sessions, transaction, writer_for_thread
from scanhub_libraries.lake import LocalLake
from scanhub_libraries.logging import get_logger
from workflow_manager.dicom import files
from workflow_manager.dicom.entries import Arrival, Entered, Origin, Outcome, quarantined
from workflow_manager.dicom.extra_tags import with_extra_tags
from workflow_manager.dicom.image import Image
from workflow_manager.dicom.incoming import Durability
from workflow_manager.dicom.index import enter
from workflow_manager.dicom.part10 import Header
from workflow_manager.dicom.put_away import PutAway
from workflow_manager.dicom.quick_index import enter_usual
from workflow_manager.dicom.quick_postgresql import postgresql_index
from workflow_manager.dicom.quick_series import enter_with_series
from workflow_manager.dicom.quick_statements import STATEMENTS
from workflow_manager.dicom.rules import CANNOT_UNDERSTAND, OUT_OF_RESOURCES, SUCCESS
from workflow_manager.dicom.service import Stored
from workflow_manager.dicom.tally import Tally
from workflow_manager.journal.service import append, append_in_thread
from workflow_manager.kept_aside.service import keep

logger = get_logger(__name__)
T = TypeVar("T")
_AT_ONCE = 200
# Of their own: whoever fills the threads of the service does not hold up what is received.
_FILES = ThreadPoolExecutor(2, thread_name_prefix="dicom-files")


def _nothing() -> None:
    """Nobody is to be woken, or nothing to be synced: PostgreSQL does it with each commit."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A whole file of a listener, and what stands in its header or why nothing does."""

    path: Path
    origin: Origin
    sha256: str
    header: Header | None
    problem: str = ""


class Receiving:
    """Takes files as they come; whoever brings one hears when it is committed."""

    def __init__(
        self,
        sessions: Sessions,
        lake: LocalLake,
        durability: Durability,
        extra_tags: Sequence[str] = (),
        *,
        wake: Callable[[], None] = _nothing,
    ) -> None:
        """Make it.

        Args:
            sessions: Where the index is.
            lake: Where files go.
            durability: What has happened when somebody hears that a file is stored.
            extra_tags: What the installation wants to know of an image beside the usual.
            wake: Called in the loop when events were written that no session knows of.
        """
        self._sessions = sessions
        self._wake = wake
        self.root = lake.root
        self.writer = writer_for_thread(sessions)
        """For the thread that takes what listeners bring."""
        self.postgresql = postgresql_index(sessions)
        self.put_away = PutAway(
            syncs=durability.syncs_data,
            sync_index=_nothing if self.writer is None else self.writer.sync,
            relieve_index=_nothing if self.writer is None else self.writer.checkpoint,
        )
        self.under_way = self.put_away.under_way
        self._loop: asyncio.AbstractEventLoop | None = None
        self.extra_tags = extra_tags
        self._pending: list[tuple[Arrived, asyncio.Future[Stored]]] = []
        self._worker: asyncio.Task[None] | None = None
        self.tally = Tally()

    def start(self) -> None:
        """Remember the loop that the general way goes through."""
        self._loop = asyncio.get_running_loop()

    async def stop(self) -> None:
        """Put away what is left; nothing more is brought."""
        await asyncio.to_thread(self.put_away.close)
        if self.writer is not None:
            self.writer.close()
        if self.postgresql is not None:
            await asyncio.to_thread(self.postgresql.close)

    def enter_usual(
        self, images: Sequence[Image], place: Callable[[Sequence[int]], None]
    ) -> set[int]:
        """Put those images into the index that are usual; return their numbers. Blocking.

        Args:
            images: Any number, of files that are whole and synced.
            place: Puts the files of the images with these numbers in their places, before the
                commit.

        Raises:
            Exception: Of the database or the disk; nothing entered then, but if the answer to the
                commit was lost.
        """
        if self.writer is not None:
            with self.writer.transaction() as connection:
                return enter_usual(connection, STATEMENTS, images, place)
        return set() if self.postgresql is None else self.postgresql.enter_usual(images, place)

    def enter_with_series(
        self,
        images: Sequence[Image],
        origins: Sequence[Origin],
        place: Callable[[Sequence[int]], None],
    ) -> set[int]:
        """Put images into the index whose series it lacks; return their numbers. Blocking.

        What anybody hears of a series, its event first of all, survives a power cut before.

        Args:
            images: Any number, of files that are whole and synced.
            origins: Who brought each.
            place: As for `enter_usual`.

        Raises:
            Exception: Of the database or the disk; nothing entered then.
        """
        if self.writer is None:
            return set()
        with self.writer.transaction(synced=True) as connection:
            entered, events = enter_with_series(connection, images, origins, place)
            append_in_thread(connection, events)
        if events and self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake)
        return entered

    def store_from_thread(self, arrived: Sequence[Arrived]) -> list[tuple[int, str]]:
        """Store files in the loop; return the DICOM status and a comment for each."""
        if self._loop is None:
            raise RuntimeError("Receiving was not started.")
        return asyncio.run_coroutine_threadsafe(self._store_all(arrived), self._loop).result()

    async def _store_all(self, arrived: Sequence[Arrived]) -> list[tuple[int, str]]:
        return list(await asyncio.gather(*(self._status_of(one) for one in arrived)))

    async def _status_of(self, arrived: Arrived) -> tuple[int, str]:
        try:
            stored = await self.store(arrived)
        except Exception as error:
            logger.exception("a received instance cannot be indexed", error=repr(error))
            return OUT_OF_RESOURCES, "It could not be indexed"
        if stored.outcome is Outcome.QUARANTINED:
            return CANNOT_UNDERSTAND, stored.detail
        return SUCCESS, ""

    async def store(self, arrived: Arrived) -> Stored:
        """Put a file in its place and into the index.

        When this raises, the file is where it was.
        """
        self.under_way.add(str(arrived.path))
        try:
            if arrived.header is None:
                return await self._quarantine(arrived)
            if self.extra_tags:
                more = with_extra_tags, arrived.path, arrived.header, self.extra_tags
                arrived = replace(arrived, header=await _in_thread(*more))
            future: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
            self._pending.append((arrived, future))
            if self._worker is None or self._worker.done():
                self._worker = asyncio.create_task(self._work(), name="dicom-index")
            return await future
        except BaseException:
            self.under_way.discard(str(arrived.path))
            raise

    async def _work(self) -> None:
        while self._pending:
            batch, self._pending = self._pending[:_AT_ONCE], self._pending[_AT_ONCE:]
            try:
                await self._commit(batch)
            except Exception as error:  # noqa: BLE001 - told to each one below
                logger.warning("received instances are indexed one by one", error=repr(error))
                for one in batch:
                    try:
                        await self._commit([one])
                    except Exception as reason:  # noqa: BLE001 - it goes to who waits for it
                        if not one[1].done():
                            one[1].set_exception(reason)

    async def _commit(self, batch: Sequence[tuple[Arrived, asyncio.Future[Stored]]]) -> None:
        """Index a batch, and tell who waits for it."""
        waiting = [one for one in batch if not one[1].done()]
        if not waiting:
            return
        arrivals = [Arrival(a.header, a.origin) for a, _ in waiting if a.header is not None]
        paths = [arrived.path for arrived, _ in waiting]
        async with transaction(self._sessions) as session:
            entered = await enter(session, arrivals)
            # The rows are ours now: no other writer can put a file in these places.
            await _in_thread(self._place, paths, entered.entered)
            await append(session, entered.events)
        for (arrived, future), one in zip(waiting, entered.entered, strict=True):
            size = 0 if arrived.header is None else arrived.header.size
            self.tally.note(arrived.origin.receiver_aet, one.outcome, size)
            if not future.done():
                future.set_result(Stored(one.outcome, one.detail, arrived.header))
        self.put_away.add(map(str, paths), {self._target(one).parent for one in entered.entered})

    def _target(self, entered: Entered) -> Path:
        return self.root / entered.key

    def _place(self, paths: Sequence[Path], entered: Sequence[Entered]) -> None:
        for path, one in zip(paths, entered, strict=True):
            target = self._target(one)
            if one.outcome is Outcome.DUPLICATE and target.exists():
                continue  # and if a power cut took it, this one takes its place
            files.link_in_place(str(path), str(target))

    async def _quarantine(self, arrived: Arrived) -> Stored:
        aside, event = quarantined(arrived.sha256, arrived.origin, arrived.problem)
        target = self.root / aside.key
        await _in_thread(files.write_whole, arrived.path, target, arrived.problem)
        async with transaction(self._sessions) as session:
            await keep(session, [aside])
            await append(session, [event])
        self.tally.note(arrived.origin.receiver_aet, Outcome.QUARANTINED, 0)
        self.put_away.add([str(arrived.path)], ())
        return Stored(Outcome.QUARANTINED, arrived.problem)


async def _in_thread(work: Callable[..., T], *arguments: object) -> T:
    return await asyncio.get_running_loop().run_in_executor(_FILES, work, *arguments)
