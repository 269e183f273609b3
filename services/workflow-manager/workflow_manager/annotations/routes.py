"""Routes of annotations."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from scanhub_libraries.models.annotation import AnnotationChange, AnnotationIn, AnnotationOut
from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.versions import etag
from scanhub_libraries.web import IfMatchDep, PrincipalDep, SessionDep
from workflow_manager.annotations import service

router = APIRouter(prefix="/api/v1/workflowmanager", tags=["annotations"])
AnnotationId = Annotated[UUID, Path(description="Id of the annotation")]


def _tagged(found: AnnotationOut, response: Response) -> AnnotationOut:
    response.headers.update(etag(found.version))
    return found


@router.get("/series/{series_instance_uid}/annotations", summary="List what was drawn on images")
async def list_annotations(
    session: SessionDep,
    series_instance_uid: Annotated[ShortText, Path()],
    *,
    deleted: Annotated[bool, Query(description="Also those that were deleted")] = False,
    after: Annotated[UUID | None, Query(description="Go on after this one")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
) -> list[AnnotationOut]:
    """Return lengths, angles, regions and arrows on the images of a series, oldest first.

    The next page begins `after` the last one of this. A series on which nothing was drawn has none,
    and so has one that is not here.
    """
    return await service.list_of_series(
        session, series_instance_uid, deleted=deleted, after=after, limit=limit
    )


@router.post("/annotations", status_code=201, summary="Keep what was drawn on an image")
async def draw_annotation(
    session: SessionDep, principal: PrincipalDep, wanted: AnnotationIn, response: Response
) -> AnnotationOut:
    """Keep a length, an angle, a region or an arrow with the image of the archive it was drawn on.

    Lengths and areas are not kept: they follow from the points and the image's own pixel spacing.
    """
    return _tagged(await service.draw(session, wanted, actor=principal.actor), response)


@router.get("/annotations/{annotation_id}", summary="Return an annotation")
async def get_annotation(
    session: SessionDep, annotation_id: AnnotationId, response: Response
) -> AnnotationOut:
    """Return one annotation with its version; also one that was deleted."""
    return _tagged(await service.get_annotation(session, annotation_id), response)


@router.put("/annotations/{annotation_id}", summary="Change an annotation")
async def change_annotation(
    session: SessionDep,
    principal: PrincipalDep,
    annotation_id: AnnotationId,
    wanted: AnnotationChange,
    *,
    response: Response,
    if_match: IfMatchDep = None,
) -> AnnotationOut:
    """Move it, or say something else; its kind and its image stay."""
    found = await service.change(
        session, annotation_id, wanted, if_match=if_match, actor=principal.actor
    )
    return _tagged(found, response)


@router.delete("/annotations/{annotation_id}", status_code=204, summary="Delete an annotation")
async def delete_annotation(
    session: SessionDep,
    principal: PrincipalDep,
    annotation_id: AnnotationId,
    if_match: IfMatchDep = None,
) -> None:
    """Show it no more. It stays on record, and can be brought back."""
    await service.delete(session, annotation_id, if_match=if_match, actor=principal.actor)


@router.post("/annotations/{annotation_id}/restore", summary="Bring back an annotation")
async def restore_annotation(
    session: SessionDep, principal: PrincipalDep, annotation_id: AnnotationId, response: Response
) -> AnnotationOut:
    """Undo a deletion; an annotation that is there stays as it is."""
    return _tagged(await service.restore(session, annotation_id, actor=principal.actor), response)
