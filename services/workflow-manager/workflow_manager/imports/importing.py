"""One import: its files are handed on one after the other, and each is written down."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path

from scanhub_libraries.database import reading, transaction
from scanhub_libraries.threads import to_the_end
from workflow_manager.cases.again import end_bringing, force_rule
from workflow_manager.cases.times import times_of
from workflow_manager.dicom.entries import Origin, Outcome
from workflow_manager.dicom.files import checksum
from workflow_manager.dicom.receiving import Arrived
from workflow_manager.imports import repository, service
from workflow_manager.imports.folders import find_folder
from workflow_manager.imports.models import Dataset, ImageImport, ImportFile
from workflow_manager.imports.rules import FileOutcome, ImportKind, ImportState, shown
from workflow_manager.imports.unpacking import (
    Limits,
    Ready,
    Source,
    TooMuchError,
    Unpacking,
    folder_sources,
)
from workflow_manager.wiring import Wiring

_AT_ONCE = 64
"""Files that wait for the index together; they are written down in one transaction."""
_PLACES_AT_ONCE = 100


class Importing:
    """One attempt at an import."""

    def __init__(self, wiring: Wiring, row: ImageImport) -> None:
        self._wiring, self._row = wiring, row
        self._origin = Origin(row.requested_by[:64], forced_rule=row.forced_rule)
        self._folder = service.folder_of(wiring.lake, row.id)
        self._forced: set[tuple[str, str]] = set()

    async def run(self) -> str:
        """Take in what is not yet; return why it failed, or nothing."""
        async with reading(self._wiring.sessions) as session:
            after = await repository.last_file(session, self._row.id)
        try:
            unpacking = await asyncio.to_thread(self._open, after)
            async with aclosing(self._batches(unpacking)) as batches:
                async for batch in batches:
                    if not await self._take(batch):
                        return ""  # canceled
        except TooMuchError as error:
            return str(error)
        except OSError as error:
            why = error.strerror or type(error).__name__
            return f"A file cannot be read or written: {why}."
        await self._end()
        return ""

    def _open(self, after: int) -> Unpacking:
        settings, row = self._wiring.settings, self._row
        work = self._folder / "work"
        service.remove_folder(work)
        work.mkdir(parents=True)
        keeping = row.kind is ImportKind.UPLOAD and row.dataset_id is not None
        if keeping:
            self._kept.mkdir(parents=True, exist_ok=True)
        return Unpacking(
            self._sources(),
            work,
            after=after,
            limits=Limits(
                settings.dicomweb_max_instance_bytes,
                settings.import_max_bytes,
                settings.dicom_min_free_bytes,
            ),
            keep=self._keep if keeping else None,
        )

    @property
    def _kept(self) -> Path:
        """The folder of the data set that is played back, or filled."""
        return service.dataset_folder(self._wiring.lake, self._row.dataset_id or self._row.id)

    def _keep(self, number: int, path: Path) -> None:
        kept = self._kept / f"{number:06d}.dcm"
        if not kept.exists():
            kept.hardlink_to(path)

    def _sources(self) -> Iterator[Source]:
        row = self._row
        if row.kind is ImportKind.FOLDER:
            return folder_sources(find_folder(self._wiring.settings.import_root, row.folder))
        if row.kind is ImportKind.DATASET:
            return (Source(path.name, path, ours=True) for path in sorted(self._kept.glob("*.dcm")))
        return (
            Source(file["name"], self._folder / file["file"], ours=True) for file in row.uploaded
        )

    async def _batches(self, unpacking: Unpacking) -> AsyncGenerator[list[Ready], None]:
        """Give the files by and by; while some are taken in, the next ones are unpacked."""
        ahead: asyncio.Task[list[Ready]] = _in_task(unpacking.take)
        try:
            while batch := await asyncio.shield(ahead):
                ahead = _in_task(unpacking.take)
                yield batch
        finally:
            await asyncio.wait({ahead})
            await asyncio.to_thread(unpacking.close)

    async def _take(self, batch: Sequence[Ready]) -> bool:
        """Hand files on and write down what became of them; False: nobody wants them any more."""
        await self._force(batch)
        files = await asyncio.gather(*(self._store(ready) for ready in batch))
        async with transaction(self._wiring.sessions) as session:
            row = await service.get_import(session, self._row.id, lock=True)
            if row.state is not ImportState.RUNNING or row.attempt != self._row.attempt:
                return False
            session.add_all(files)
            row.files += len(files)
            for outcome, column in _COLUMNS.items():
                count = sum(file.outcome is outcome for file in files)
                setattr(row, column, getattr(row, column) + count)
        return True

    async def _force(self, batch: Sequence[Ready]) -> None:
        rule = self._row.forced_rule
        headers = [ready.header for ready in batch if ready.header is not None]
        places = {(h.study_instance_uid, h.series_instance_uid) for h in headers} - self._forced
        if rule and places:
            async with transaction(self._wiring.sessions) as session:
                await force_rule(session, places, rule)
            self._forced |= places

    async def _store(self, ready: Ready) -> ImportFile:
        file = ImportFile(
            import_id=self._row.id,
            number=ready.number,
            name=shown(ready.name),
            outcome=FileOutcome.REFUSED,
            detail=ready.problem,
        )
        if ready.path is None:
            return file
        header = ready.header
        sha256 = (
            header.sha256 if header is not None else await asyncio.to_thread(checksum, ready.path)
        )
        stored = await self._wiring.receiving.store(
            Arrived(ready.path, self._origin, sha256, header, ready.problem)
        )
        file.outcome, file.detail = _OUTCOMES[stored.outcome], stored.detail
        if header is not None:
            file.study_instance_uid = header.study_instance_uid
            file.series_instance_uid = header.series_instance_uid
            file.sop_instance_uid = header.sop_instance_uid
        return file

    async def _end(self) -> None:
        """Let what was brought be complete soon, and the data set be ready."""
        row, wiring = self._row, self._wiring
        async with reading(wiring.sessions) as session:
            places = await repository.places_of(session, row.id)
        for start in range(0, len(places), _PLACES_AT_ONCE):
            async with transaction(wiring.sessions) as session:
                await end_bringing(
                    session,
                    places[start : start + _PLACES_AT_ONCE],
                    rule=row.forced_rule,
                    since=row.created_at,
                    times=times_of(wiring.settings),
                    send_again=row.kind is ImportKind.DATASET,
                )
        if row.kind is ImportKind.UPLOAD and row.dataset_id is not None:
            await self._finish_dataset()

    async def _finish_dataset(self) -> None:
        sizes = await asyncio.to_thread(
            lambda: [path.stat().st_size for path in self._kept.glob("*.dcm")]
        )
        async with transaction(self._wiring.sessions) as session:
            dataset = await session.get(Dataset, self._row.dataset_id, with_for_update=True)
            if dataset is not None:
                dataset.files, dataset.size, dataset.ready = len(sizes), sum(sizes), True


_OUTCOMES = {
    Outcome.STORED: FileOutcome.STORED,
    Outcome.DUPLICATE: FileOutcome.DUPLICATE,
    Outcome.CONFLICT: FileOutcome.CONFLICT,
    Outcome.QUARANTINED: FileOutcome.QUARANTINED,
}
_COLUMNS = {
    FileOutcome.STORED: "stored",
    FileOutcome.DUPLICATE: "duplicates",
    FileOutcome.CONFLICT: "conflicts",
    FileOutcome.QUARANTINED: "refused",
    FileOutcome.REFUSED: "refused",
}


def _in_task(take: Callable[[int], list[Ready]]) -> "asyncio.Task[list[Ready]]":
    return asyncio.create_task(to_the_end(take, _AT_ONCE))
