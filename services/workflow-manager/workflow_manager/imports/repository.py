"""Queries on imports and data sets."""

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from workflow_manager.imports.models import Dataset, ImageImport, ImportFile
from workflow_manager.imports.rules import FileOutcome, ImportState


async def list_imports(
    session: AsyncSession, *, state: ImportState | None, after: UUID | None, limit: int
) -> Sequence[ImageImport]:
    """Return imports, newest first."""
    query = select(ImageImport).order_by(col(ImageImport.id).desc())
    if state is not None:
        query = query.where(ImageImport.state == state)
    if after is not None:
        query = query.where(col(ImageImport.id) < after)
    return (await session.scalars(query.limit(limit))).all()


async def list_files(
    session: AsyncSession, import_id: UUID, *, outcome: FileOutcome | None, after: int, limit: int
) -> Sequence[ImportFile]:
    """Return files of an import in their order."""
    query = select(ImportFile).where(
        ImportFile.import_id == import_id, col(ImportFile.number) > after
    )
    if outcome is not None:
        query = query.where(ImportFile.outcome == outcome)
    return (await session.scalars(query.order_by(col(ImportFile.number)).limit(limit))).all()


async def last_file(session: AsyncSession, import_id: UUID) -> int:
    """Return the number of the last file that is written down; 0: there is none."""
    query = select(sa.func.max(ImportFile.number)).where(ImportFile.import_id == import_id)
    return await session.scalar(query) or 0


async def places_of(session: AsyncSession, import_id: UUID) -> list[tuple[str, str]]:
    """Return the series that an import brought images of: study and series."""
    brought = (FileOutcome.STORED, FileOutcome.DUPLICATE)
    query = (
        select(ImportFile.study_instance_uid, ImportFile.series_instance_uid)
        .where(ImportFile.import_id == import_id, col(ImportFile.outcome).in_(brought))
        .distinct()
    )
    return sorted((row[0], row[1]) for row in (await session.execute(query)).all())


async def list_in_state(session: AsyncSession, state: ImportState) -> Sequence[ImageImport]:
    """Return all imports in a state."""
    return (await session.scalars(select(ImageImport).where(ImageImport.state == state))).all()


async def list_datasets(session: AsyncSession) -> Sequence[Dataset]:
    """Return data sets by name."""
    query = select(Dataset).where(col(Dataset.deleted).is_(False)).order_by(col(Dataset.name))
    return (await session.scalars(query)).all()


async def list_deleted_datasets(session: AsyncSession) -> Sequence[Dataset]:
    """Return data sets whose files shall go."""
    return (await session.scalars(select(Dataset).where(col(Dataset.deleted).is_(True)))).all()


async def find_dataset(session: AsyncSession, name: str) -> Dataset | None:
    """Return the data set of a name."""
    found: Dataset | None = await session.scalar(select(Dataset).where(Dataset.name == name))
    return found


async def is_used(session: AsyncSession, dataset_id: UUID) -> bool:
    """Say whether an import that has not ended reads or fills a data set."""
    query = select(ImageImport.id).where(
        ImageImport.dataset_id == dataset_id,
        col(ImageImport.state).in_((ImportState.RECEIVING, ImportState.RUNNING)),
    )
    return await session.scalar(query.limit(1)) is not None
