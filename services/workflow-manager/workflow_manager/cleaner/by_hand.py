"""Images that an administrator removes, as the cleaner does: index and event first, then the files.

All that is asked for goes, or nothing. What is held, still arrives, waits, moves or failed stays,
and the answer says what to do first.
"""

from collections.abc import Sequence
from typing import NoReturn

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.errors import ConflictError, NotFoundError
from scanhub_libraries.models.cleaner import RemovalIn, RemovalOut
from scanhub_libraries.wording import counted
from workflow_manager.annotations.service import forget_series
from workflow_manager.cases.repository import lock_studies
from workflow_manager.cleaner import repository
from workflow_manager.cleaner.models import StudyHold
from workflow_manager.cleaner.rules import BY_HAND, Standing, why_it_stays
from workflow_manager.cleaner.service import take_out
from workflow_manager.dicom.models import DicomSeries
from workflow_manager.dispatch.models import Dispatch

_MOST_TOLD = 100


async def remove_images(session: AsyncSession, study: str, wanted: RemovalIn) -> RemovalOut:
    """Take the images of a study, or of some of its series, out of the index; the files follow.

    Raises:
        NotFoundError: There are no such images.
        ConflictError: Something is still to come of them, or they are held; `refused` says which.
    """
    await lock_studies(session, [study])
    rows = await repository.lock_series_of(session, study, wanted.series_instance_uids)
    missing = set(wanted.series_instance_uids) - {row.series_instance_uid for row in rows}
    if missing or not rows:
        what = f"series {min(missing)}" if missing else f"study {study[:64]}"
        raise NotFoundError(f"There are no images of {what} here.")
    if await session.get(StudyHold, study) is not None:
        held = "The study is held: lift the hold first."
        _refuse([(row.series_instance_uid, held) for row in rows])
    dispatches = {row.id: await repository.lock_dispatches(session, row.id) for row in rows}
    refused = []
    for row in rows:
        reason = why_it_stays(await _standing(session, row, dispatches[row.id]))
        if reason is not None:
            refused.append((row.series_instance_uid, reason))
    if refused:
        _refuse(refused)
    told = RemovalOut(study_instance_uid=study)
    for row in rows:
        count, size = await take_out(
            session, row, dispatches[row.id], fate=BY_HAND, why=wanted.reason
        )
        await forget_series(session, row.study_instance_uid, row.series_instance_uid)
        told.series_instance_uids.append(row.series_instance_uid)
        told.instances += count
        told.size_bytes += size
    return told


def _refuse(refused: Sequence[tuple[str, str]]) -> NoReturn:
    others = len(refused) - 1
    more = f" (and {counted(others, 'other series stays', 'other series stay')})" if others else ""
    raise ConflictError(
        f"Nothing was removed. {refused[0][1]}{more}",
        refused=[
            {"series_instance_uid": uid, "reason": reason} for uid, reason in refused[:_MOST_TOLD]
        ],
    )


async def _standing(
    session: AsyncSession, series: DicomSeries, dispatches: Sequence[Dispatch]
) -> Standing:
    return Standing(
        is_complete=series.complete,
        is_ours=series.task_id is not None,
        cases=await repository.case_states(session, series.id),
        sendings=[(row.target, row.status, row.under_way is not None) for row in dispatches],
    )
