"""The lake sweep: what a crash left in the lake is removed, what may be needed is not.

A file and its row cannot be written in one step. An upload writes the file first, a delete removes
it last, so that a row never lacks its file; a process that ends in between leaves files that
nothing refers to. At the start and then hourly these are looked for.

**Nothing is removed because a row is missing; only because it is recorded that it may go.** A row
is also missing when a database was restored from yesterday's copy, or when the lake belongs to
another one, and these are no times to delete images. What is recorded:

- A *deletion* stands in the audit trail, written in the transaction that deleted the row, also for
  every workflow, task and result that went with an exam. Ids are made once and never used again, so
  what was deleted does not come back. One kind of id can: a result's follows from the acquisition
  or the run that makes it. Hence a result folder of a task that still exists goes only while no
  claim is on the task, and only with files older than the deletion.
- An *upload of a sequence* that did not end: `sequences/{id}.upload-pending` is written before the
  first file and removed once the row is committed. Mark without row, after the grace: the process
  is dead (a request waits for its transaction for seconds), and nobody was told that it was stored.
- A *part file* in `sequences/` is nothing yet, by the lake's own rule.

**A file of a task that exists is never removed without such a record.** device-manager writes
`lake/{workflow}/{task}/{result}/` while its acquisition holds the claim, and enters the result
later: after its own restart, or days later if this service is away; then the claim is still on the
task, and the files are awaited. A file that was refused as a result is "safe in the lake" (so the
device was told), and a person decides. workflow-manager renames a whole result folder into place,
then enters it, and after a crash repeats the step or takes the folder back. What has neither row
nor record nor claim is left, told once (`lake.orphan_found`, the log) and counted. The same with
files that came after the deletion of what they belong to, and with names that are none of ours.

**Order.** First the folder is listed, then the rows are read, then files are removed one by one:
those that were listed, no others. What is written meanwhile is not on the list, and keeps its
folder, as only empty folders are tidied, and only where a deletion is recorded. A deletion and its
files must be older than the grace, for whoever is still at them. Several processes may sweep at
once: all of them come to the same verdict, and removing twice is removing once.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID

from exam_manager.database import emit
from exam_manager.lake_records import LakeRecords, read_records, told_before
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import Sessions, reading, transaction
from scanhub_libraries.events import EventType
from scanhub_libraries.lake import Lake, StoredFile
from scanhub_libraries.logging import get_logger
from scanhub_libraries.models import LakeOrphan, LakeSweepOut

logger = get_logger(__name__)
EVERY: Final = timedelta(hours=1)
_PAUSE_SECONDS: Final = 0.05
_FOLDERS: Final = 50
_SEQUENCES: Final = 200
_MOST_SHOWN: Final = 100
_UUID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ID = re.compile(_UUID)
_OF_SEQUENCE = re.compile(rf"sequences/({_UUID})\.[^/]+")
_MARK: Final = ".upload-pending"
T = TypeVar("T")


class LakeSweep:
    """Clears the lake in the background, a little at a time."""

    def __init__(
        self,
        sessions: Sessions,
        lake: Lake,
        *,
        grace: timedelta,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._sessions = sessions
        self._lake = lake
        self._grace = grace
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self.report = LakeSweepOut()
        """Of the sweep that goes on, or of the last one."""

    def start(self) -> None:
        """Begin to sweep: now, and then every hour."""
        self._task = asyncio.create_task(self._run(), name="lake-sweep")

    async def stop(self) -> None:
        """Stop after the step under way; what is not cleared is found the next time."""
        self._stopping.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self.sweep()
            except Exception:
                logger.exception("the sweep of the lake broke off")
            await self._wait(EVERY.total_seconds())

    async def _wait(self, seconds: float) -> bool:
        """Wait a while; say whether to go on after it."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
        return not self._stopping.is_set()

    async def sweep(self) -> LakeSweepOut:
        """Go through the lake once; return what was found and done."""
        self.report = LakeSweepOut(began_at=self._clock())
        for sequences in _batches(await self._list_sequences(), _SEQUENCES):
            await self._sweep_sequences(dict(sequences))
            if not await self._wait(_PAUSE_SECONDS):
                return self.report
        names = await self._lake.list_folders("lake")
        known = [name for name in names if _ID.fullmatch(name)]
        self.report.unknown_names += len(names) - len(known)
        for workflows in _batches(known, _FOLDERS):
            await self._sweep_workflows(workflows)
            if not await self._wait(_PAUSE_SECONDS):
                return self.report
        self.report.ended_at = self._clock()
        if self.report.removed_files or self.report.unknown_names:
            logger.info(
                "the lake was swept",
                removed_files=self.report.removed_files,
                removed_bytes=self.report.removed_bytes,
                orphans=self.report.orphans,
                unknown_names=self.report.unknown_names,
            )
        return self.report

    # --- sequences ------------------------------------------------------------------------------

    async def _list_sequences(self) -> list[tuple[str, list[StoredFile]]]:
        """Return the files of each sequence id, and remove part files that nobody writes."""
        by_id: dict[str, list[StoredFile]] = defaultdict(list)
        for file in await self._lake.list_files("sequences"):
            found = _OF_SEQUENCE.fullmatch(file.key)
            if file.is_part:
                if self._is_old(file.modified_at):
                    await self._remove(file)
            elif found is not None:
                by_id[found[1]].append(file)
            else:
                self.report.unknown_names += 1
        return list(by_id.items())

    async def _sweep_sequences(self, by_id: Mapping[str, list[StoredFile]]) -> None:
        async with reading(self._sessions) as session:
            records = await read_records(session, sequences=by_id)
        for identifier, files in by_id.items():
            if not self._is_old(max(file.modified_at for file in files)):
                continue
            marks = [file for file in files if file.key.endswith(_MARK)]
            if identifier in records.known:
                gone = marks  # the process ended after the commit
            elif marks or identifier in records.deleted:
                gone = [file for file in files if file not in marks] + marks
            else:
                await self._tell(f"sequences/{identifier}", files, {"sequence_id": identifier})
                continue
            for file in gone:
                await self._remove(file)

    # --- results --------------------------------------------------------------------------------

    async def _sweep_workflows(self, workflows: list[str]) -> None:
        folders = [folder for name in workflows for folder in await self._list_results(name)]
        async with reading(self._sessions) as session:
            records = await read_records(
                session,
                workflows=workflows,
                tasks={task for _, task, _ in folders if task},
                results={result for _, _, result in folders if result},
            )
        for workflow, task, result in folders:
            await self._judge(workflow, task, result, records)
        for workflow in workflows:
            if workflow not in records.known and workflow in records.deleted:
                await self._lake.delete_empty(f"lake/{workflow}")

    async def _list_results(self, workflow: str) -> list[tuple[str, str, str]]:
        """Return workflow, task and result of every folder; empty where there is none below."""
        found = []
        for task in await self._lake.list_folders(f"lake/{workflow}"):
            results = await self._lake.list_folders(f"lake/{workflow}/{task}")
            found += [(workflow, task, result) for result in results] or [(workflow, task, "")]
        return found

    async def _judge(self, workflow: str, task: str, result: str, records: LakeRecords) -> None:
        """Remove a result folder, leave it, or leave and tell."""
        if result in records.known:
            return
        if task in records.claimed:
            self.report.awaited += 1
            return
        folder = "/".join(filter(None, ("lake", workflow, task, result)))
        deleted_at = records.when_deleted(workflow, task, result)
        files = await self._lake.list_files(folder)
        if not all(self._is_old(file.modified_at) for file in files):
            return
        if deleted_at is None or any(file.modified_at > deleted_at for file in files):
            if files:
                ids = {"workflow_id": workflow, "task_id": task, "result_id": result or None}
                await self._tell(folder, files, ids)
        elif self._is_old(deleted_at):
            for file in files:
                await self._remove(file)
            await self._lake.delete_empty(folder if task in records.known else _above(folder))

    # --- parts ----------------------------------------------------------------------------------

    def _is_old(self, moment: datetime) -> bool:
        return moment < self._clock() - self._grace

    async def _remove(self, file: StoredFile) -> None:
        await self._lake.delete(file.key)
        self.report.removed_files += 1
        self.report.removed_bytes += file.size_bytes

    async def _tell(
        self, folder: str, files: list[StoredFile], ids: Mapping[str, str | None]
    ) -> None:
        """Count what nothing refers to; tell of it once, in the log and as an event."""
        size = sum(file.size_bytes for file in files)
        self.report.orphans += 1
        self.report.orphan_bytes += size
        if len(self.report.orphan_folders) >= _MOST_SHOWN:
            return
        found = LakeOrphan(folder=folder, files=len(files), size_bytes=size)
        self.report.orphan_folders.append(found)
        async with reading(self._sessions) as session:
            if await told_before(session, folder):
                return
        logger.warning("files in the lake that nothing refers to stay there", **found.model_dump())
        async with transaction(self._sessions) as session:
            emit(session, EventType.LAKE_ORPHAN_FOUND, folder, {**ids, **found.model_dump()})


def _above(folder: str) -> str:
    """Return the folder of the task."""
    return "/".join(folder.split("/")[:3])


def mark_key(sequence_id: UUID | str) -> str:
    """Return the key of the mark that says that a sequence is being uploaded."""
    return f"sequences/{sequence_id}{_MARK}"


def _batches(items: Iterable[T], size: int) -> Iterable[list[T]]:
    listed = list(items)
    return (listed[start : start + size] for start in range(0, len(listed), size))
