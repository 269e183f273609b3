"""Annotations: drawn, changed, deleted and brought back; each of it is in the journal."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from scanhub_libraries.errors import ConflictError, NotFoundError, UnprocessableError
from scanhub_libraries.events import EventType
from scanhub_libraries.models.annotation import (
    AnnotationChange,
    AnnotationIn,
    AnnotationOut,
    check_points,
    check_words,
)
from scanhub_libraries.versions import check_version
from workflow_manager.annotations import repository
from workflow_manager.annotations.models import Annotation, Kind
from workflow_manager.annotations.rules import check_on_image
from workflow_manager.dicom.models import DicomInstance
from workflow_manager.journal.service import append, own_event


async def list_of_series(
    session: AsyncSession, series: str, *, deleted: bool, after: UUID | None, limit: int
) -> list[AnnotationOut]:
    """Return what was drawn on the images of a series, oldest first."""
    rows = await repository.list_of_series(
        session, series, deleted=deleted, after=after, limit=limit
    )
    return [describe(row, current=current) for row, current in rows]


async def get_annotation(session: AsyncSession, annotation_id: UUID) -> AnnotationOut:
    """Return one annotation, also a deleted one."""
    return await _told(session, await _find(session, annotation_id))


async def draw(session: AsyncSession, wanted: AnnotationIn, *, actor: str) -> AnnotationOut:
    """Keep what was drawn on an image.

    Raises:
        NotFoundError: The archive does not have the image.
        UnprocessableError: It is not on this image.
    """
    found = await repository.find_image(session, wanted.sop_instance_uid)
    if found is None:
        raise NotFoundError(
            f"There is no image {wanted.sop_instance_uid} in the archive: what is drawn is kept "
            "with images that are there."
        )
    image, series = found
    _check(image, wanted.frame, wanted.points)
    row = Annotation(
        study_instance_uid=series.study_instance_uid,
        series_instance_uid=series.series_instance_uid,
        sop_instance_uid=image.sop_instance_uid,
        sha256=image.sha256,
        frame=wanted.frame,
        kind=Kind(wanted.kind),
        points=[list(point) for point in wanted.points],
        text=wanted.text,
        created_by=actor,
    )
    session.add(row)
    await session.flush()
    await _tell(session, EventType.ANNOTATION_CREATED, row)
    return describe(row, current=True)


async def change(
    session: AsyncSession,
    annotation_id: UUID,
    wanted: AnnotationChange,
    *,
    if_match: str | None,
    actor: str,
) -> AnnotationOut:
    """Move an annotation, or say something else.

    Raises:
        StaleVersionError: Somebody changed it since it was read.
        ConflictError: It was deleted, or the image is another one by now.
    """
    row = await _find(session, annotation_id, lock=True)
    check_version(if_match, row.version)
    _check_there(row)
    _check_shape(row, wanted)
    found = await repository.find_image(session, row.sop_instance_uid)
    if found is None or not await repository.is_current(session, row):
        raise ConflictError("The image that it was drawn on is here no more: delete it instead.")
    _check(found[0], row.frame, wanted.points)
    before = row.text
    row.points = [list(point) for point in wanted.points]
    row.text = wanted.text
    await _stamp(session, row, actor)
    await _tell(session, EventType.ANNOTATION_UPDATED, row, text_changed=before != row.text)
    return describe(row, current=True)


async def delete(
    session: AsyncSession, annotation_id: UUID, *, if_match: str | None, actor: str
) -> None:
    """Show an annotation no more; to delete it again changes nothing.

    Raises:
        StaleVersionError: Somebody changed it since it was read.
    """
    row = await _find(session, annotation_id, lock=True)
    if row.deleted_at is not None:
        return
    check_version(if_match, row.version)
    row.deleted_at, row.deleted_by = utc_now(), actor
    row.version += 1
    await session.flush()
    await _tell(session, EventType.ANNOTATION_DELETED, row)


async def restore(session: AsyncSession, annotation_id: UUID, *, actor: str) -> AnnotationOut:
    """Bring back what was deleted; what is there stays as it is."""
    row = await _find(session, annotation_id, lock=True)
    if row.deleted_at is not None:
        row.deleted_at = row.deleted_by = None
        await _stamp(session, row, actor)
        await _tell(session, EventType.ANNOTATION_RESTORED, row)
    return await _told(session, row)


async def forget_series(session: AsyncSession, study: str, series: str) -> int:
    """Delete for good what was drawn on images that an administrator removes."""
    return await repository.forget(session, study, series)


def describe(row: Annotation, *, current: bool) -> AnnotationOut:
    """Return an annotation as it is told."""
    return AnnotationOut.model_validate({**row.model_dump(), "current": current})


async def _told(session: AsyncSession, row: Annotation) -> AnnotationOut:
    return describe(row, current=await repository.is_current(session, row))


async def _find(session: AsyncSession, annotation_id: UUID, *, lock: bool = False) -> Annotation:
    row = await session.get(Annotation, annotation_id, with_for_update=lock, populate_existing=lock)
    if row is None:
        raise NotFoundError(f"There is no annotation {annotation_id}.")
    return row


def _check_there(row: Annotation) -> None:
    if row.deleted_at is not None:
        raise ConflictError(f"{row.deleted_by} deleted it: bring it back first.")


def _check_shape(row: Annotation, wanted: AnnotationChange) -> None:
    """Refuse what makes no such shape: the kind stays as it was drawn."""
    for field, check in (("points", check_points), ("text", check_words)):
        try:
            check(row.kind.value, getattr(wanted, field))
        except ValueError as error:
            raise UnprocessableError(f"{field}: {error}.", field=field) from error


def _check(image: DicomInstance, frame: int, points: Sequence[tuple[float, float]]) -> None:
    check_on_image(
        frame=frame,
        frames=image.number_of_frames or 1,
        points=points,
        rows=image.rows,
        columns=image.columns,
    )


async def _stamp(session: AsyncSession, row: Annotation, actor: str) -> None:
    row.updated_at, row.updated_by = utc_now(), actor
    row.version += 1
    await session.flush()


async def _tell(session: AsyncSession, event_type: EventType, row: Annotation, **more: Any) -> None:
    """Write it into the journal, without the words: they may name people."""
    fields = {
        "study_instance_uid",
        "series_instance_uid",
        "sop_instance_uid",
        "frame",
        "kind",
        "points",
        "version",
    }
    data = {**row.model_dump(mode="json", include=fields), **more}
    await append(session, [own_event(event_type, row.id, data)])
