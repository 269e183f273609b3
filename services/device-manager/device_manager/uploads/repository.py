"""Queries on uploads."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from device_manager.acquisitions.models import Acquisition
from device_manager.acquisitions.rules import OPEN_STATES, AcquisitionState
from device_manager.nodes.homes import Homes
from device_manager.uploads.models import Upload
from scanhub_libraries.database import WITH_COMMIT, Sessions, glance

_SAME = (
    select(Upload)
    .where(
        sa.or_(
            col(Upload.stored_at).is_(None),
            sa.and_(
                col(Upload.acquisition_id) == sa.bindparam("acquisition_id"),
                col(Upload.filename) == sa.bindparam("filename"),
            ),
        )
    )
    .order_by(col(Upload.id))
)
_STORED = (
    sa.update(Upload.__table__)  # type: ignore[attr-defined]
    .where(col(Upload.id) == sa.bindparam("upload_id"))
    .values(
        stored_at=sa.bindparam("at"), touched_at=sa.bindparam("at"), problem=sa.bindparam("why")
    )
    .execution_options(**WITH_COMMIT)
)
"""Made once: each file that comes over HTTP asks and says so."""


async def lock_upload(session: AsyncSession, upload_id: UUID) -> Upload | None:
    """Return an upload that nobody else changes before this transaction ends."""
    return await session.get(Upload, upload_id, with_for_update=True)


async def note_stored(
    session: AsyncSession, upload_id: UUID, at: datetime, problem: str | None
) -> None:
    """Note that a file is in the lake, if its upload is still there; just before the commit."""
    connection = await session.connection()
    await connection.execute(_STORED, {"upload_id": upload_id, "at": at, "why": problem})


async def find_same(
    session: AsyncSession, acquisition_id: UUID, filename: str
) -> tuple[Upload | None, Sequence[Upload]]:
    """Return the upload of a file of an acquisition, and all that are not whole, oldest first."""
    names = {"acquisition_id": acquisition_id, "filename": filename}
    rows = (await session.scalars(_SAME, names)).all()
    same = (row for row in rows if (row.acquisition_id, row.filename) == tuple(names.values()))
    return next(same, None), [row for row in rows if row.stored_at is None]


async def list_uploads(
    session: AsyncSession, *, device_id: UUID | None = None, unfinished: bool = True
) -> Sequence[Upload]:
    """Return uploads, oldest first."""
    query = select(Upload).order_by(col(Upload.id))
    if unfinished:
        query = query.where(col(Upload.stored_at).is_(None))
    if device_id is not None:
        query = query.where(col(Upload.device_id) == device_id)
    return (await session.scalars(query)).all()


async def list_own(session: AsyncSession, homes: Homes) -> Sequence[Upload]:
    """Return the uploads that are not whole, of the devices that are at home here."""
    query = select(Upload).where(col(Upload.stored_at).is_(None), homes.own(col(Upload.device_id)))
    return (await session.scalars(query.order_by(col(Upload.id)))).all()


async def list_left(session: AsyncSession, before: datetime, homes: Homes) -> Sequence[Upload]:
    """Return the uploads of the devices here that are left: long untouched, their scan over."""
    is_open = select(Acquisition.id).where(col(Acquisition.state).in_(OPEN_STATES))
    query = select(Upload).where(
        col(Upload.touched_at) < before,
        col(Upload.acquisition_id).not_in(is_open),
        homes.own(col(Upload.device_id)),
    )
    return (await session.scalars(query)).all()


async def was_touched(session: AsyncSession, acquisition_id: UUID, since: datetime) -> bool:
    """Say whether bytes of an unfinished file of an acquisition have come of late."""
    query = select(Upload.id).where(
        col(Upload.acquisition_id) == acquisition_id,
        col(Upload.stored_at).is_(None),
        col(Upload.touched_at) >= since,
    )
    return (await session.scalars(query.limit(1))).first() is not None


async def files_of(
    sessions: Sessions, acquisition_id: UUID
) -> tuple[AcquisitionState, list[dict[str, Any]]] | None:
    """Return the state and the stored files of an acquisition, by one statement."""
    query = sa.select(col(Acquisition.state), col(Acquisition.files)).where(
        col(Acquisition.id) == acquisition_id
    )
    async with glance(sessions) as connection:
        found = (await connection.execute(query)).one_or_none()
    return None if found is None else (found[0], found[1])
