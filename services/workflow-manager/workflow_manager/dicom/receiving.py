"""What listeners received enters the index: all that waits in one transaction, over associations.

A file keeps its name in the folder of its listener until the index is committed: whenever the power
fails, it is there, in its place, or both, and is found again (`Incoming.recover`).
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from scanhub_libraries.database import Sessions, transaction
from scanhub_libraries.events import EventType
from scanhub_libraries.lake import LocalLake
from scanhub_libraries.logging import get_logger
from workflow_manager.dicom import files, rules
from workflow_manager.dicom.entries import Arrival, Entered, Origin, Outcome
from workflow_manager.dicom.incoming import Durability
from workflow_manager.dicom.index import enter
from workflow_manager.dicom.part10 import Header
from workflow_manager.dicom.service import Stored
from workflow_manager.journal.service import append, own_event

logger = get_logger(__name__)
_AT_ONCE = 200
# Of their own: whoever fills the threads of the service does not hold up what is received.
_FILES = ThreadPoolExecutor(2, thread_name_prefix="dicom-files")


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

    def __init__(self, sessions: Sessions, lake: LocalLake, durability: Durability) -> None:
        self._sessions = sessions
        self._lake = lake
        self._syncs_folders = durability is Durability.DIRECTORY
        self._pending: list[tuple[Arrived, asyncio.Future[Stored]]] = []
        self._worker: asyncio.Task[None] | None = None
        self.under_way: set[Path] = set()
        """Files that somebody brought and that have not been put away."""

    async def store(self, arrived: Arrived) -> Stored:
        """Put a file in its place and into the index.

        When this raises, the file is where it was.
        """
        self.under_way.add(arrived.path)
        try:
            if arrived.header is None:
                return await self._quarantine(arrived)
            future: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
            self._pending.append((arrived, future))
            if self._worker is None or self._worker.done():
                self._worker = asyncio.create_task(self._work(), name="dicom-index")
            return await future
        except BaseException:
            self.under_way.discard(arrived.path)
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
            if not future.done():
                future.set_result(Stored(one.outcome, one.detail, arrived.header))
        await self._put_away(paths)

    async def _put_away(self, paths: Sequence[Path]) -> None:
        await _in_thread(files.remove_all, paths)
        self.under_way.difference_update(paths)

    def _place(self, paths: Sequence[Path], entered: Sequence[Entered]) -> None:
        folders: set[Path] = set()
        for path, one in zip(paths, entered, strict=True):
            target = self._lake.root / one.key
            if one.outcome is Outcome.DUPLICATE and target.exists():
                continue  # and if a power cut took it, this one takes its place
            folders |= files.link_in_place(path, target)
        if self._syncs_folders:
            files.sync_folders(folders)

    async def _quarantine(self, arrived: Arrived) -> Stored:
        key = rules.quarantine_key(arrived.sha256)
        target = self._lake.root / key
        await _in_thread(files.write_whole, arrived.path, target, arrived.problem)
        data = {"source": arrived.origin.source, "key": key, "detail": arrived.problem}
        async with transaction(self._sessions) as session:
            event = own_event(EventType.INSTANCE_QUARANTINED, arrived.sha256, data)
            await append(session, [event])
        await self._put_away([arrived.path])
        return Stored(Outcome.QUARANTINED, arrived.problem)


async def _in_thread(work: Callable[..., None], *arguments: object) -> None:
    await asyncio.get_running_loop().run_in_executor(_FILES, work, *arguments)
