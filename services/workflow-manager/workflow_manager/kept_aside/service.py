"""What was kept aside: written down with its event, listed, and forgotten when its file is gone."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import Sessions, reading, transaction
from scanhub_libraries.errors import NotFoundError
from scanhub_libraries.lake import LocalLake
from workflow_manager.kept_aside import repository
from workflow_manager.kept_aside.models import AsideKind, KeptAside

_PAGE = 200
_SLACK = timedelta(hours=1)
"""A file is written a little before its row."""


def series_key(study: str, series: str) -> str:
    """Return the key of what is kept aside of a whole series: its folder."""
    return f"dicom/{study}/{series}"


@dataclass(frozen=True, slots=True)
class Aside:
    """Something that is kept aside."""

    kind: AsideKind
    key: str
    detail: str
    source: str
    sender_address: str = ""
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    sop_instance_uid: str = ""


async def keep(session: AsyncSession, found: Sequence[Aside]) -> None:
    """Write down what is kept aside, in the transaction of the event that tells of it.

    Rows are written in the order of their keys, so that two writers never wait for each other.
    """
    rows: dict[str, KeptAside] = {}
    now = utc_now()
    for one in sorted(found, key=lambda aside: aside.key):
        if one.key in rows:
            rows[one.key].times += 1
            continue
        rows[one.key] = KeptAside(
            kind=one.kind,
            key=one.key,
            study_instance_uid=one.study_instance_uid,
            series_instance_uid=one.series_instance_uid,
            sop_instance_uid=one.sop_instance_uid,
            source=one.source[:256],
            sender_address=one.sender_address[:255],
            detail=one.detail,
            received_at=now,
            last_received_at=now,
        )
    if rows:
        await repository.put(session, list(rows.values()))


async def get_aside(session: AsyncSession, aside_id: UUID) -> KeptAside:
    """Return one thing that was kept aside."""
    found = await session.get(KeptAside, aside_id)
    if found is None:
        raise NotFoundError(f"There is nothing that was kept aside with the id {aside_id}.")
    return found


async def get_file_key(session: AsyncSession, aside_id: UUID) -> str:
    """Return where the file lies that was kept aside.

    Raises:
        NotFoundError: There is none: the image is in its study.
    """
    found = await get_aside(session, aside_id)
    if found.kind is AsideKind.OTHER_PATIENT:
        raise NotFoundError(
            f"Nothing lies aside: the images are in study {found.study_instance_uid}."
        )
    return found.key


async def forget_series(session: AsyncSession, study: str, series: str) -> None:
    """Forget that an image of a series named another patient: the images leave the archive.

    What is kept aside in files stays.
    """
    await repository.delete(session, [series_key(study, series)])


async def forget_removed(
    sessions: Sessions, lake: LocalLake, kind: AsideKind, older_than: datetime
) -> int:
    """Forget what the cleaner removed: rows of before a time whose file is gone; say how many.

    Killed between the two, the next round does it.
    """
    place, forgotten = UUID(int=0), 0
    while True:
        async with reading(sessions) as session:
            rows = await repository.list_oldest(
                session, kind, received_before=older_than + _SLACK, after=place, limit=_PAGE
            )
        keys = [row.key for row in rows]
        gone = await asyncio.to_thread(_gone, lake, keys)
        if gone:
            async with transaction(sessions) as session:
                await repository.delete(session, gone)
        forgotten += len(gone)
        if len(rows) < _PAGE:
            return forgotten
        place = rows[-1].id


def _gone(lake: LocalLake, keys: Sequence[str]) -> list[str]:
    return [key for key in keys if not lake.exists(key)]
