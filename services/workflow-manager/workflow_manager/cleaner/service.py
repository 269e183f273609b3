"""Remove images: mark, commit, unlink, finish. And studies that are held.

The images leave the index first, in one transaction with the files that are to go and the event
that tells so. Then the files go. Whenever the service is killed, each image is either in the index
with its file, or among the files on their way out; the next round goes on with those.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import Sessions, reading, transaction
from scanhub_libraries.errors import NotFoundError
from scanhub_libraries.events import EventType
from scanhub_libraries.lake import LocalLake
from scanhub_libraries.lake_unfinished import sync_directory
from scanhub_libraries.threads import to_the_end
from workflow_manager.cases.repository import lock_studies
from workflow_manager.cleaner import repository
from workflow_manager.cleaner.models import RemovedFile, StudyHold
from workflow_manager.cleaner.repository import Candidate
from workflow_manager.cleaner.rules import Fate
from workflow_manager.dicom.models import DicomSeries, DicomStudy
from workflow_manager.dispatch.delivered import confirmed_uids, forget
from workflow_manager.dispatch.models import Dispatch
from workflow_manager.dispatch.rules import DispatchStatus
from workflow_manager.journal.service import append, own_event
from workflow_manager.kept_aside.service import forget_series

_FILES_AT_ONCE = 100
_SERIES_AT_ONCE = 100


async def remove_series(
    sessions: Sessions,
    candidate: Candidate,
    cutoffs: Mapping[Fate, datetime],
    now: datetime,
    *,
    emergency: bool,
) -> Candidate | None:
    """Take the images of a series out of the index, if they may still go; their files follow.

    Args:
        sessions: Where the index is.
        candidate: As it was when it was chosen.
        cutoffs: What may go.
        now: The time that they were computed for.
        emergency: It goes because the disk is full, and not because it is old.

    Returns:
        What went; None: meanwhile it may not go any more.
    """
    async with transaction(sessions) as session:
        await lock_studies(session, [candidate.study_instance_uid])
        series = await session.get_one(
            DicomSeries, candidate.id, with_for_update=True, populate_existing=True
        )
        dispatches = await repository.lock_dispatches(session, candidate.id)
        found = await repository.list_candidates(
            session, cutoffs, now, series_id=candidate.id, limit=1
        )
        if not found:
            return None
        if found[0].fate is Fate.SENT and not await _is_elsewhere(session, found[0], dispatches):
            return None
        fate, why = found[0].fate.value, _why(emergency=emergency)
        await take_out(session, series, dispatches, fate=fate, why=why)
        return found[0]


def _why(*, emergency: bool) -> str:
    return "the disk was full" if emergency else "it was kept for as long as the settings say"


async def _is_elsewhere(
    session: AsyncSession, candidate: Candidate, dispatches: Sequence[Dispatch]
) -> bool:
    """Say whether one target has every image: by their UIDs, and not by how many they are."""
    uids = await repository.instance_uids(session, candidate.id)
    proving = await repository.proving_targets(session)
    for row in dispatches:
        if row.status is not DispatchStatus.SENT or row.target not in proving:
            continue
        if uids <= await confirmed_uids(session, row.id):
            return True
    return False


async def take_out(
    session: AsyncSession,
    series: DicomSeries,
    dispatches: Sequence[Dispatch],
    *,
    fate: str,
    why: str,
) -> tuple[int, int]:
    """Move the images of a series from the index to the files that go, and tell so.

    Which images were sent of it is forgotten: if it ever comes again, it is a new series to its
    rules and targets, of whoever sends it and of the patient whom its images name then. How many
    they were stays.

    Args:
        session: The transaction.
        series: The series, locked.
        dispatches: What was sent of it, locked.
        fate: What became of it before.
        why: Why it goes; no name, and nothing that a person wrote.

    Returns:
        How many images, and their size [byte].
    """
    count, size = await repository.take_out(session, series.id)
    total = col(DicomSeries.number_of_series_related_instances)
    await session.execute(
        sa.update(DicomSeries)
        .where(col(DicomSeries.id) == series.id)
        .values(
            number_of_series_related_instances=total - count,
            other_patient=False,
            removed_at=utc_now(),
        )
    )
    await forget_series(session, series.study_instance_uid, series.series_instance_uid)
    for row in dispatches:
        await forget(session, row)
        row.stored, row.failures, row.removed_at = 0, {}, utc_now()
    await session.flush()
    data = {
        "series_instance_uid": series.series_instance_uid,
        "study_instance_uid": series.study_instance_uid,
        "fate": fate,
        "instances": count,
        "bytes": size,
        "reason": why,
    }
    event = own_event(EventType.CLEANER_REMOVED, series.series_instance_uid, data)
    await append(session, [event])
    return count, size


# --- files ----------------------------------------------------------------------------------------


async def remove_files(sessions: Sessions, lake: LocalLake) -> int:
    """Remove the files whose images have left the index; say how many rows were dealt with."""
    done = 0
    while True:
        async with reading(sessions) as session:
            ids = await repository.series_with_removed_files(session, _SERIES_AT_ONCE)
        if not ids:
            return done
        for series_id in ids:
            while count := await _remove_some(sessions, lake, series_id):
                done += count


async def _remove_some(sessions: Sessions, lake: LocalLake, series_id: UUID) -> int:
    """Remove some files of a series.

    Whoever stores an image of the series writes into its row before the file takes its place: as
    long as the row is locked here, no file appears under a name that is about to go.
    """
    async with transaction(sessions) as session:
        await session.get_one(DicomSeries, series_id, with_for_update=True, populate_existing=True)
        rows = await repository.list_removed_files(session, series_id, _FILES_AT_ONCE)
        keys = [row.key for row in rows]
        back = await repository.indexed_keys(session, keys)
        await to_the_end(_unlink, lake.root, [key for key in keys if key not in back])
        await session.execute(sa.delete(RemovedFile).where(col(RemovedFile.key).in_(keys)))
    return len(keys)


def _unlink(root: Path, keys: Collection[str]) -> None:
    """Remove files, and the folders that are empty then. Blocking."""
    paths = [root / key for key in keys]
    for path in paths:
        path.unlink(missing_ok=True)
    for folder in {path.parent for path in paths}:
        if folder.exists():
            sync_directory(folder)
        with suppress(OSError):  # not empty, or somebody was faster
            folder.rmdir()
            folder.parent.rmdir()


# --- holds ----------------------------------------------------------------------------------------


async def hold_study(
    session: AsyncSession, study_instance_uid: str, reason: str, *, actor: str
) -> StudyHold:
    """Keep a study whatever the settings say; holding it again changes the reason.

    Raises:
        NotFoundError: There is no such study.
    """
    await lock_studies(session, [study_instance_uid])  # who removes has it until the commit
    if await session.get(DicomStudy, study_instance_uid) is None:
        raise NotFoundError(f"There is no study {study_instance_uid[:64]}.")
    hold = await session.get(StudyHold, study_instance_uid)
    if hold is None:
        hold = StudyHold(study_instance_uid=study_instance_uid, reason=reason, held_by=actor[:256])
        session.add(hold)
    hold.reason, hold.held_by, hold.held_at = reason, actor[:256], utc_now()
    await session.flush()
    await append(session, [own_event(EventType.STUDY_HELD, study_instance_uid, {})])
    return hold


async def lift_hold(session: AsyncSession, study_instance_uid: str) -> None:
    """Let the settings decide about a study again.

    Raises:
        NotFoundError: It is not held.
    """
    hold = await session.get(StudyHold, study_instance_uid)
    if hold is None:
        raise NotFoundError(f"Study {study_instance_uid[:64]} is not held.")
    data = {"held_by": hold.held_by, "held_at": hold.held_at.isoformat()}
    await session.delete(hold)
    await session.flush()
    await append(session, [own_event(EventType.STUDY_HOLD_LIFTED, study_instance_uid, data)])
